//! Only a table has columns.
use expand_contract::prelude::*;

#[expand_contract::migrate(tar_sha256(rename_from = "checksum"))]
diesel::joinable! {
    downloads -> versions (version_id)
}

diesel::table! {
    versions (id) {
        id -> Integer,
    }
}

diesel::table! {
    downloads (id) {
        id -> Integer,
        version_id -> Integer,
    }
}

fn main() {
    let _ = downloads::table.select(downloads::id);
}
