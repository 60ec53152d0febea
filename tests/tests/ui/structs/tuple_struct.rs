//! Which column is the second?
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
struct Version(
    #[diesel(column_name = id)] i32,
    #[migrate(rename_from = "checksum")] Vec<u8>,
);

fn main() {
    let _ = Version::migration();
}
