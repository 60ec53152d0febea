//! The runner adds a column of which type?
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(diesel::sql_types::SqlType)]
#[diesel(sqlite_type(name = "Text"))]
pub struct Sha;

diesel::table! {
    use diesel::sql_types::*;
    use super::Sha;

    archives (id) {
        id -> Integer,
        sha -> Sha,
    }
}

#[derive(Migrate)]
#[diesel(table_name = archives)]
struct Archive {
    id: i32,
    #[migrate(rename_from = "checksum", retype_from = Text, up = "checksum", down = "sha")]
    sha: String,
}

fn main() {
    let _ = Archive::migration();
}
