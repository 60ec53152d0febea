//! What Diesel refuses, too.
use expand_contract::prelude::*;

#[expand_contract::migrate(tar_sha256(rename_from = "checksum"))]
diesel::table! {
    versions (id) {
        id -> Integer,
        tar_sha256,
    }
}

fn main() {
}
