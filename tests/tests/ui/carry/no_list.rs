//! What is carried stands in parentheses.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Integer,
        total -> Integer,
    }
}

#[derive(Migrate)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    num: i32,
    #[migrate(rename_from = "checksum", carry = "a")]
    total: i32,
}

fn main() {
    let _ = Version::migration();
}
