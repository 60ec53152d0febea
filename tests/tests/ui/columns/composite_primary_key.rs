//! Each of its columns.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(Migrate)]
#[diesel(table_name = versions, primary_key(id, num))]
struct Version {
    id: i32,
    #[migrate(rename_from = "number")]
    num: String,
}

fn main() {
    let _ = Version::migration();
}
