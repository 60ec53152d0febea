//! No field says what the functions give.
use expand_contract::prelude::*;

#[expand_contract::migrate(tar_sha256(rename_from = "checksum", retype_from = Text, old_type = String, up_with = parse, down_with = show))]
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
