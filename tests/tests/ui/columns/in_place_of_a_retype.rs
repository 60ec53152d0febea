//! In place a column changes its name and nothing else.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        digest -> Binary,
    }
}

#[derive(Migrate)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    #[migrate(
        rename_from = "checksum", retype_from = Text, strategy = in_place,
        up = "decode(checksum, 'hex')", down = "encode(digest, 'hex')"
    )]
    digest: Vec<u8>,
}

fn main() {
    let _ = Version::migration();
}
