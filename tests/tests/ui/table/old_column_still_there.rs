//! A column cannot be old and current.
use expand_contract::prelude::*;

#[expand_contract::migrate(tar_sha256(rename_from = "num"))]
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
