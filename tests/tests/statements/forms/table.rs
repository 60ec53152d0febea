//! Changes declared on `diesel::table!`.

use expand_contract::prelude::*;
use expand_contract::PhaseColumn;

pub(crate) use super::ddl;

#[expand_contract::migrate(tar_sha256(
    rename_from = "checksum",
    retype_from = Text,
    up(sqlite = "unhex(checksum)", postgres = "decode(checksum, 'hex')"),
    down(sqlite = "lower(hex(tar_sha256))", postgres = "encode(tar_sha256, 'hex')"),
    lossless,
    monotonic
))]
diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[expand_contract::migrate(
    email(rename_from = "legacy_email"),
    digest(
        rename_from = "digest_hex",
        retype_from = Nullable<Text>,
        up(sqlite = "unhex(digest_hex)", postgres = "decode(digest_hex, 'hex')"),
        down(
            sqlite = "CASE WHEN digest IS NULL THEN NULL ELSE lower(hex(digest)) END",
            postgres = "encode(digest, 'hex')"
        ),
        lossless
    )
)]
diesel::table! {
    contacts (id) {
        id -> Integer,
        label -> Text,
        email -> Nullable<Text>,
        digest -> Nullable<Binary>,
    }
}

diesel::table! {
    downloads (id) {
        id -> Integer,
        version_id -> Nullable<Integer>,
        tar -> Binary,
    }
}

diesel::joinable!(downloads -> versions (version_id));
diesel::allow_tables_to_appear_in_same_query!(versions, downloads);

#[derive(
    Debug, Clone, PartialEq, Queryable, diesel::Selectable, Identifiable, Insertable, AsChangeset,
)]
#[diesel(table_name = versions)]
pub(crate) struct Version {
    pub(crate) id: i32,
    pub(crate) num: String,
    pub(crate) tar_sha256: Vec<u8>,
}

#[derive(
    Debug, Clone, PartialEq, Queryable, diesel::Selectable, Identifiable, Insertable, AsChangeset,
)]
#[diesel(table_name = contacts)]
pub(crate) struct Contact {
    pub(crate) id: i32,
    pub(crate) label: String,
    pub(crate) email: Option<String>,
    pub(crate) digest: Option<Vec<u8>>,
}

/// Diesel's derive, which selects what the schema names.
#[derive(Debug, HasQuery)]
#[diesel(table_name = versions)]
pub(crate) struct Release {
    pub(crate) num: String,
    pub(crate) tar_sha256: Vec<u8>,
}

pub(crate) const TAR: versions::tar_sha256 = versions::tar_sha256;
pub(crate) const EMAIL: contacts::email = contacts::email;
pub(crate) const DIGEST: contacts::digest = contacts::digest;

#[path = "records.rs"]
mod records;
pub(crate) use records::*;
