//! A migration does not guess its table.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(Migrate)]
struct Version {
    id: i32,
    #[migrate(rename_from = "checksum")]
    tar_sha256: Vec<u8>,
}

fn main() {
    let _ = Version::migration();
    let _ = versions::table.filter(Version::tar_sha256.eq(vec![1u8]));
}
