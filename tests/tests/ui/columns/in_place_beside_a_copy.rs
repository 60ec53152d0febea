//! The changes of a table go through the phases together.
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
    #[migrate(rename_from = "number")]
    num: String,
    #[migrate(rename_from = "checksum", strategy = in_place)]
    digest: String,
}

fn main() {
    let _ = Version::migration();
}
