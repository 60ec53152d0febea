//! A retype that keeps the name is written without it.
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
    #[migrate(rename_from = "tar_sha256", retype_from = Text, up = "tar_sha256", down = "tar_sha256")]
    tar_sha256: Vec<u8>,
}

fn main() {
    let _ = Version::migration();
}
