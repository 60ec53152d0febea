//! A field that does not fit its column.
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

#[derive(Insertable)]
#[diesel(table_name = versions)]
struct NewVersion {
    tar_sha256: String,
}

fn main() {
}
