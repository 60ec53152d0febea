//! A column is public, and so is what its conversion says.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(Debug)]
struct Hex(String);

fn parse(hex: Hex) -> Result<Vec<u8>, std::convert::Infallible> {
    Ok(hex.0.into_bytes())
}

fn show(bytes: Vec<u8>) -> Result<Hex, std::convert::Infallible> {
    Ok(Hex(format!("{bytes:?}")))
}

#[derive(Migrate)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    num: String,
    #[migrate(rename_from = "checksum", retype_from = Text, old_type = Hex,
        up_with = parse, down_with = show)]
    tar_sha256: Vec<u8>,
}

fn main() {
    let _ = Version::migration();
}
