//! Only an `Option` can be `None`.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = versions)]
struct Version {
    #[diesel(treat_none_as_default_value = true, treat_none_as_null = true)]
    tar_sha256: Vec<u8>,
}

fn main() {
    let version = Version { tar_sha256: vec![1] };
    let _ = diesel::insert_into(versions::table).values(&version);
    let _ = diesel::update(versions::table).set(&version);
}
