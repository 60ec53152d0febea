//! A slip of the pen.
use expand_contract::prelude::*;

#[expand_contract::migrate(tar_sha265(rename_from = "checksum"))]
diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

fn main() {
    let _ = versions::migration();
    let _ = versions::table.filter(versions::tar_sha256.eq(vec![1u8]));
}
