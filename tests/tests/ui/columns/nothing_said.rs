//! Annotated, but with what?
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
    id: i32,
    num: String,
    #[migrate(lossless)]
    tar_sha256: Vec<u8>,
}

fn main() {
    let _ = Version::migration();
}
