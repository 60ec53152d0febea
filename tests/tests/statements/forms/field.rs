//! Changes declared on the model's fields.

use expand_contract::prelude::*;
use expand_contract::PhaseColumn;

pub(crate) use super::ddl;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

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
    Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate,
)]
#[diesel(table_name = versions)]
pub(crate) struct Version {
    pub(crate) id: i32,
    pub(crate) num: String,
    #[migrate(
        rename_from = "checksum",
        retype_from = Text,
        up(sqlite = "unhex(checksum)", postgres = "decode(checksum, 'hex')"),
        down(sqlite = "lower(hex(tar_sha256))", postgres = "encode(tar_sha256, 'hex')"),
        lossless,
        monotonic
    )]
    pub(crate) tar_sha256: Vec<u8>,
}

#[derive(
    Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate,
)]
#[diesel(table_name = contacts)]
pub(crate) struct Contact {
    pub(crate) id: i32,
    pub(crate) label: String,
    #[migrate(rename_from = "legacy_email")]
    pub(crate) email: Option<String>,
    #[migrate(
        rename_from = "digest_hex",
        retype_from = Nullable<Text>,
        up(sqlite = "unhex(digest_hex)", postgres = "decode(digest_hex, 'hex')"),
        down(
            sqlite = "CASE WHEN digest IS NULL THEN NULL ELSE lower(hex(digest)) END",
            postgres = "encode(digest, 'hex')"
        ),
        lossless
    )]
    pub(crate) digest: Option<Vec<u8>>,
}

pub(crate) const TAR: PhaseColumn<versions::tar_sha256> = Version::tar_sha256;
pub(crate) const EMAIL: PhaseColumn<contacts::email> = Contact::email;
pub(crate) const DIGEST: PhaseColumn<contacts::digest> = Contact::digest;

#[path = "records.rs"]
mod records;
pub(crate) use records::*;
