//! The name in the database counts, not the identifier.
use expand_contract::prelude::*;

#[expand_contract::migrate(tar_sha256(rename_from = "sha"))]
diesel::table! {
    versions (id) {
        id -> Integer,
        #[sql_name = "sha"]
        tar_sha256 -> Binary,
    }
}

fn main() {
    let _ = versions::migration();
    let _ = versions::table.filter(versions::tar_sha256.eq(vec![1u8]));
}
