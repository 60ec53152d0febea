//! There are two strategies, and they are words.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        digest -> Text,
        remark -> Text,
    }
}

#[derive(Migrate)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    #[migrate(rename_from = "number", strategy = inplace)]
    num: String,
    #[migrate(rename_from = "checksum", strategy = "in_place")]
    digest: String,
    #[migrate(rename_from = "note", strategy)]
    remark: String,
}

fn main() {
    let _ = Version::migration();
}
