//! `TryFrom` of what, into what?
use expand_contract::prelude::*;

#[expand_contract::migrate(tar_sha256(rename_from = "checksum", retype_from = Text))]
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
