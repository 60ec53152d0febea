//! A union has no columns.
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
union Version {
    id: i32,
    other: u32,
}

fn main() {
    let _ = Version::migration();
}
