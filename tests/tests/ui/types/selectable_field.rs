//! `check_for_backend` puts the error on the field.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(Migrate)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    #[migrate(rename_from = "checksum")]
    tar_sha256: Vec<u8>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = versions)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite))]
struct Found {
    num: String,
    tar_sha256: String,
}

fn main() {
}
