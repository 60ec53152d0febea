//! A field whose column is not in the table.
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
    tar_sha265: Vec<u8>,
}

fn main() {
    let _ = Version::migration();
}
