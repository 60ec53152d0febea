//! Nor has a struct without fields.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(Migrate, Insertable, AsChangeset, Selectable)]
#[diesel(table_name = versions)]
struct Version;

fn main() {
    let _ = Version::migration();
}
