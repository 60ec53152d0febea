//! An embedded struct says by itself what `None` is.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(Insertable)]
#[diesel(table_name = versions)]
struct Rest {
    tar_sha256: Vec<u8>,
}

#[derive(Insertable)]
#[diesel(table_name = versions)]
struct Version {
    num: String,
    #[diesel(embed, treat_none_as_default_value = false)]
    rest: Rest,
}

fn main() {
}
