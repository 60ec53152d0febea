//! An enum has no columns.
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
enum Version {
    #[allow(dead_code)]
    One,
}

fn main() {
    let _ = Version::migration();
}
