#![allow(missing_docs)]
use diesel::sqlite::Sqlite;
use expand_contract::__private::Dialect;
use expand_contract::phase::{Phase, Stage};
use expand_contract::prelude::*;
use expand_contract::Snapshot;

#[expand_contract::migrate(tar_sha256(
    rename_from = "checksum",
    retype_from = Text,
    up(sqlite = "unhex(checksum)", postgres = "decode(checksum, 'hex')"),
    down(sqlite = "lower(hex(tar_sha256))", postgres = "encode(tar_sha256, 'hex')"),
    lossless
))]
diesel::table! {
    use diesel::sql_types::*;
    /// Doc.
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(Queryable, diesel::Selectable, Identifiable, Debug, Insertable, AsChangeset)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    num: String,
    tar_sha256: Vec<u8>,
}

#[derive(Insertable)]
#[diesel(table_name = versions)]
struct NewVersion<'a> {
    num: &'a str,
    tar_sha256: Option<&'a [u8]>,
}

#[test]
fn ddd() {
    use versions::dsl;
    for phase in Phase::ALL {
        Snapshot::new(
            <versions::table as expand_contract::__private::Migrate>::cell(),
            Stage::first(phase),
            Dialect::Sqlite,
            vec![],
        )
        .scope(|| {
            println!(
                "{}",
                diesel::debug_query::<Sqlite, _>(
                    &dsl::versions.filter(dsl::tar_sha256.eq(vec![1u8]))
                )
            );
            println!(
                "{}",
                diesel::debug_query::<Sqlite, _>(&dsl::versions.select(Version::as_select()))
            );
            println!(
                "{}",
                diesel::debug_query::<Sqlite, _>(&diesel::insert_into(dsl::versions).values(
                    &NewVersion {
                        num: "1",
                        tar_sha256: Some(&[1])
                    }
                ))
            );
            println!(
                "{}",
                diesel::debug_query::<Sqlite, _>(&diesel::insert_into(dsl::versions).values(
                    &NewVersion {
                        num: "1",
                        tar_sha256: None
                    }
                ))
            );
            let alias = diesel::alias!(versions as v2);
            println!(
                "{}",
                diesel::debug_query::<Sqlite, _>(
                    &alias.select(alias.fields((versions::id, versions::tar_sha256)))
                )
            );
            println!(
                "{}",
                diesel::debug_query::<Sqlite, _>(&alias.order(alias.field(versions::id)))
            );
        });
    }
}
