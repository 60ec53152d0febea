//! What only the declaration on the table makes phase-aware: whatever names the columns through the schema.

use diesel::dsl::{auto_type, exists};
use expand_contract::prelude::*;

use super::each_phase::*;
use super::*;
use ddl::sha;

#[test]
fn the_default_selection() {
    with_versions(|conn, _| {
        let all: Vec<Version> = versions::table.order(versions::id).load(conn).unwrap();
        assert_eq!(all[2].tar_sha256, sha(3));
        let one: Version = versions::table.find(2).first(conn).unwrap();
        assert_eq!(one.tar_sha256, sha(2));
        let there: bool = diesel::select(exists(versions::table.filter(TAR.eq(sha(2)))))
            .get_result(conn)
            .unwrap();
        assert!(there);
        let all: Vec<(i32, String, Vec<u8>)> = versions::table
            .select(versions::all_columns)
            .load(conn)
            .unwrap();
        assert_eq!(all.len(), 3);
        let saved: Version = Version {
            id: 1,
            num: "1.0.0".into(),
            tar_sha256: sha(5),
        }
        .save_changes(conn)
        .unwrap();
        assert_eq!(saved.tar_sha256, sha(5));
        let joined: Vec<(i32, Option<Version>)> = downloads::table
            .left_join(versions::table)
            .order(downloads::id)
            .select((downloads::id, versions::all_columns.nullable()))
            .load(conn)
            .unwrap();
        assert_eq!(joined[0].1.as_ref().map(|v| v.id), Some(1));
    });
}

#[test]
fn has_query() {
    with_versions(|conn, _| {
        let all: Vec<Release> = Release::query()
            .filter(versions::tar_sha256.gt(sha(1)))
            .order(versions::num)
            .load(conn)
            .unwrap();
        assert_eq!(all[0].num, "1.1.0");
        assert_eq!(all[0].tar_sha256, sha(2));
    });
}

#[auto_type]
fn in_order() -> _ {
    versions::table
        .select(versions::tar_sha256)
        .order(versions::tar_sha256)
}

#[derive(Queryable, diesel::Selectable)]
#[diesel(table_name = versions)]
struct Embedding {
    id: i32,
    #[diesel(embed)]
    release: Release,
}

#[test]
fn embedded_and_inferred() {
    with_versions(|conn, _| {
        use versions::dsl;
        let all: Vec<Embedding> = dsl::versions
            .filter(dsl::tar_sha256.eq(sha(3)))
            .select(Embedding::as_select())
            .load(conn)
            .unwrap();
        assert_eq!((all[0].id, &all[0].release.tar_sha256), (3, &sha(3)));
        let values: Vec<Vec<u8>> = in_order().load(conn).unwrap();
        assert_eq!(values, [sha(1), sha(2), sha(3)]);
    });
}
