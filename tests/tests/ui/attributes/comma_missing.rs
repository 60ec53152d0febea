//! Two keys in a row.
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
    num: String,
    #[migrate(rename_from = "checksum" retype_from = Text, up = "checksum", down = "tar_sha256")]
    tar_sha256: Vec<u8>,
}

fn main() {
    let _ = Version::migration();
}
