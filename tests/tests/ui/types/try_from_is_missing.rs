//! Without functions the types convert.
use expand_contract::prelude::*;

diesel::table! {
    versions (id) {
        id -> Integer,
        tar_sha256 -> Binary,
    }
}

#[derive(Debug, Clone)]
struct Sha;

impl TryFrom<String> for Sha {
    type Error = std::convert::Infallible;

    fn try_from(_: String) -> Result<Self, Self::Error> {
        Ok(Sha)
    }
}

#[derive(Migrate)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    #[migrate(rename_from = "checksum", retype_from = Text, old_type = String)]
    tar_sha256: Sha,
}

fn main() {
    let _ = Version::migration();
}
