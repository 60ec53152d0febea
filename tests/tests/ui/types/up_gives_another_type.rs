//! `up_with` gives the new type.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

fn parse(text: String) -> Result<u8, std::num::ParseIntError> {
    text.parse()
}

fn show(bytes: Vec<u8>) -> Result<String, std::convert::Infallible> {
    Ok(format!("{bytes:?}"))
}

#[derive(Migrate)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    num: String,
    #[migrate(rename_from = "checksum", retype_from = Text, old_type = String,
        up_with = parse, down_with = show)]
    tar_sha256: Vec<u8>,
}

fn main() {
    let _ = Version::migration();
}
