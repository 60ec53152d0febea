//! Rows are found by it while it changes.
use expand_contract::prelude::*;

#[expand_contract::migrate(id(retype_from = Integer, old_type = i32, new_type = i64))]
diesel::table! {
    versions (id) {
        id -> BigInt,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

fn main() {
    let _ = versions::migration();
    let _ = versions::table.filter(versions::tar_sha256.eq(vec![1u8]));
}
