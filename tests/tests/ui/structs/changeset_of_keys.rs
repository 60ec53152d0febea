//! A changeset never changes the primary key.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
}

fn main() {
    let _ = diesel::update(versions::table).set(&Version { id: 1 });
}
