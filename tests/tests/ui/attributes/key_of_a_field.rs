//! What changes is a field.
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
#[migrate(rename_from = "checksum")]
struct Version {
    id: i32,
    num: String,
    #[migrate(rename_from = "checksum")]
    tar_sha256: Vec<u8>,
}

fn main() {
    let _ = Version::migration();
}
