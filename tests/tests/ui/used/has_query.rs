//! As `Selectable` and `Queryable`.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(HasQuery)]
#[diesel(table_name = versions)]
struct Version(#[diesel(column_name = id)] i32, String);

fn main() {
    let connection = &mut diesel::SqliteConnection::establish(":memory:").unwrap();
    let _: Vec<Version> = Version::query().load(connection).unwrap();
}
