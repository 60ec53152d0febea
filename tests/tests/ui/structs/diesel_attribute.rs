//! The attributes of Diesel are read as Diesel reads them.
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
struct Version {
    #[diesel(column_name = "tar sha256")]
    tar_sha256: Vec<u8>,
    #[diesel(treat_none_as_default_value = yes)]
    num: Option<String>,
}

fn main() {
    let version = Version { tar_sha256: vec![1], num: None };
    let _ = diesel::insert_into(versions::table).values(&version);
}
