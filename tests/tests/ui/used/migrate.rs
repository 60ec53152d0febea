//! Much is wrong with the annotation, and much uses what it would have made.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = versions)]
#[migrate(generation = 0, colour = "red")]
struct Version {
    id: i32,
    #[migrate(rename_from = "num")]
    num: String,
    #[migrate(rename_form = "checksum", retype_from = Text, up = "unhex(checksum", down = 3)]
    tar_sha256: Vec<u8>,
}

fn main() {
    let connection = &mut diesel::SqliteConnection::establish(":memory:").unwrap();
    let version = Version { id: 1, num: "1.0".to_owned(), tar_sha256: vec![1] };
    let _: Vec<Version> = versions::table.select(Version::as_select()).load(connection).unwrap();
    diesel::insert_into(versions::table).values(&version).execute(connection).unwrap();
    diesel::insert_into(versions::table).values(vec![&version]).execute(connection).unwrap();
    diesel::update(versions::table.find(1)).set(&version).execute(connection).unwrap();
    let _: Vec<(i32, Version)> =
        versions::table.select((versions::id, Version::as_select())).load(connection).unwrap();
    let _: Vec<Vec<u8>> =
        versions::table.select(Version::tar_sha256).order(Version::tar_sha256).load(connection).unwrap();
    let _: i64 =
        versions::table.filter(Version::tar_sha256.eq(vec![1u8])).count().get_result(connection).unwrap();
    diesel::update(versions::table)
        .set(Version::tar_sha256.eq(vec![1u8]))
        .execute(connection)
        .unwrap();
    diesel::insert_into(versions::table)
        .values((versions::num.eq("1.0"), Version::tar_sha256.eq(vec![1u8])))
        .on_conflict(Version::tar_sha256.target().unwrap())
        .do_update()
        .set(Version::tar_sha256.eq_excluded())
        .execute(connection)
        .unwrap();
    let _ = Version::migration();
}
