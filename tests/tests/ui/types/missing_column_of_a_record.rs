//! A field whose column is not in the table.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(Insertable, AsChangeset, Selectable)]
#[diesel(table_name = versions)]
struct NewVersion {
    number: String,
    tar_sha256: Vec<u8>,
}

fn main() {
}
