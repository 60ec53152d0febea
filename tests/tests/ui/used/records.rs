//! All derives refuse the struct for the same reason, which is said once.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(expand_contract::Queryable, Selectable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = versions)]
struct Version(
    #[diesel(column_name = id)] i32,
    String,
    #[diesel(column_name = tar_sha256)]
    #[migrate(rename_from = "checksum")]
    Vec<u8>,
);

fn main() {
    let connection = &mut diesel::SqliteConnection::establish(":memory:").unwrap();
    let version = Version(1, "1.0".to_owned(), vec![1]);
    let _: Vec<Version> = versions::table.select(Version::as_select()).load(connection).unwrap();
    diesel::insert_into(versions::table).values(&version).execute(connection).unwrap();
    diesel::insert_into(versions::table).values(vec![&version]).execute(connection).unwrap();
    diesel::update(versions::table.find(1)).set(&version).execute(connection).unwrap();
    let _: Vec<(i32, Version)> =
        versions::table.select((versions::id, Version::as_select())).load(connection).unwrap();
    let _ = Version::migration();
}
