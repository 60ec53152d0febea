//! Structs of the same tables that join the migration without a word about it.

use expand_contract::prelude::*;

use super::{contacts, versions};

/// An insert struct that borrows.
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = versions)]
pub(crate) struct NewVersion<'a> {
    pub(crate) num: &'a str,
    pub(crate) tar_sha256: &'a [u8],
}

/// As above, with values that may be the column's default.
#[derive(Debug, Clone, Insertable, AsChangeset)]
#[diesel(table_name = versions)]
pub(crate) struct VersionPatch {
    pub(crate) num: Option<String>,
    pub(crate) tar_sha256: Option<Vec<u8>>,
}

/// `None` leaves the column alone.
#[derive(Debug, Clone, Default, AsChangeset, Insertable)]
#[diesel(table_name = contacts)]
pub(crate) struct ContactPatch<'a> {
    pub(crate) label: Option<&'a str>,
    pub(crate) email: Option<&'a str>,
    pub(crate) digest: Option<&'a [u8]>,
}

/// `None` is NULL.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = contacts, treat_none_as_null = true)]
pub(crate) struct ContactState<'a> {
    pub(crate) email: Option<&'a str>,
    pub(crate) digest: Option<&'a [u8]>,
}

/// `None` leaves the column alone, `Some(None)` is NULL.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = contacts)]
pub(crate) struct ContactEdit {
    pub(crate) email: Option<Option<String>>,
    pub(crate) digest: Option<Option<Vec<u8>>>,
}
