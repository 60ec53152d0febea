//! Other tables refer to it.
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
struct Version {
    #[migrate(rename_from = "nr")]
    id: i32,
    num: String,
}

fn main() {
    let _ = Version::migration();
}
