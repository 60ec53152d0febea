//! A migration is of one table.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

diesel::table! {
    others (id) {
        id -> Integer,
    }
}

#[derive(Migrate)]
#[diesel(table_name = versions)]
#[diesel(table_name = others)]
struct Version {
    id: i32,
    #[migrate(rename_from = "checksum")]
    tar_sha256: Vec<u8>,
}

fn main() {
    let _ = Version::migration();
}
