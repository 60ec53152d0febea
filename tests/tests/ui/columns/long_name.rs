//! PostgreSQL would cut it without an error.
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
    #[migrate(rename_from = "the_checksum_of_the_archive_as_it_was_uploaded_in_hexadecimal_digits")]
    tar_sha256: Vec<u8>,
}

fn main() {
    let _ = Version::migration();
}
