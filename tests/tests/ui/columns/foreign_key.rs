//! By a `belongs_to` Diesel reads the column itself.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

diesel::table! {
    downloads (id) {
        id -> Integer,
        version_id -> Integer,
        release_id -> Integer,
    }
}

#[derive(Identifiable)]
struct Version {
    id: i32,
}

#[derive(diesel::prelude::Associations, Migrate)]
#[diesel(table_name = downloads)]
#[diesel(belongs_to(Version))]
struct Download {
    id: i32,
    #[migrate(rename_from = "of_version")]
    version_id: i32,
}

#[derive(diesel::prelude::Associations)]
#[diesel(table_name = downloads)]
#[diesel(belongs_to(Version, foreign_key = release_id))]
struct Other {
    id: i32,
    release_id: i32,
}

fn main() {
    let _ = Download::migration();
}
