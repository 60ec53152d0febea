//! The marker is a column of its own.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        digest -> Text,
    }
}

#[derive(Migrate)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    num: String,
    #[migrate(rename_from = "checksum", strategy = in_place, via = "num")]
    digest: String,
}

fn main() {
    let _ = Version::migration();
}
