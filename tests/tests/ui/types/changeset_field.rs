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

#[derive(AsChangeset)]
#[diesel(table_name = versions)]
struct Changes {
    tar_sha256: Option<String>,
}

fn main() {
}
