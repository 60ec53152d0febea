//! The models. Two annotated fields are all that the migrations take.

use crate::schema::{tenant_accounts, versions};
use expand_contract::prelude::*;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, AsChangeset, Migrate)]
#[diesel(table_name = versions)]
pub struct Version {
    pub id: i64,
    pub name: String,
    pub num: String,
    pub copy: i64,
    pub downloads: i64,
    #[migrate(
        rename_from = "checksum",
        retype_from = Text,
        up(sqlite = "unhex(checksum)", postgres = "decode(checksum, 'hex')"),
        down(sqlite = "lower(hex(tar_sha256))", postgres = "encode(tar_sha256, 'hex')"),
        lossless
    )]
    pub tar_sha256: Vec<u8>,
}

/// A record to insert: it says nothing of the migration and takes part in it all the same.
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = versions)]
pub struct NewVersion<'a> {
    pub name: &'a str,
    pub num: &'a str,
    pub copy: i64,
    pub downloads: i64,
    pub tar_sha256: &'a [u8],
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = tenant_accounts, treat_none_as_null = true)]
pub struct TenantAccount {
    pub id: i64,
    pub name: String,
    #[migrate(rename_from = "legacy_email")]
    pub primary_contact: Option<String>,
}
