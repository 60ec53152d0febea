//! On a table in migration, Diesel's own derive does not get past the column.
use diesel::prelude::*;

#[expand_contract::migrate(tar_sha256(rename_from = "checksum"))]
diesel::table! {
    versions (id) {
        id -> Integer,
        tar_sha256 -> Binary,
    }
}

#[derive(Insertable)]
#[diesel(table_name = versions)]
struct NewVersion {
    tar_sha256: Vec<u8>,
}

fn main() {}
