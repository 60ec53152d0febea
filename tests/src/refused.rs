//! Refusals whose message quotes Diesel's source: the text depends on where the dependencies lie, so only the error's code
//! is compared. All others are in `tests/ui`.
//!
//! What Rust converts is not read by Diesel's `Queryable`:
//!
//! ```compile_fail,E0277
//! use expand_contract::prelude::*;
//!
//! diesel::table! {
//!     versions (id) {
//!         id -> Integer,
//!         num -> Text,
//!         tar_sha256 -> Binary,
//!     }
//! }
//!
//! fn parse(text: String) -> Result<Vec<u8>, std::num::ParseIntError> {
//!     text.parse().map(|byte| vec![byte])
//! }
//!
//! fn show(bytes: Vec<u8>) -> Result<String, std::convert::Infallible> {
//!     Ok(format!("{bytes:?}"))
//! }
//!
//! #[derive(Queryable, Selectable)]
//! #[diesel(table_name = versions)]
//! struct Found {
//!     tar_sha256: Vec<u8>,
//! }
//!
//! #[derive(Migrate)]
//! #[diesel(table_name = versions)]
//! struct Version {
//!     id: i32,
//!     num: String,
//!     #[migrate(rename_from = "checksum", retype_from = Text, old_type = String,
//!         up_with = parse, down_with = show)]
//!     tar_sha256: Vec<u8>,
//! }
//!
//! fn main() {
//!     let _ = Version::migration();
//!     let connection = &mut diesel::SqliteConnection::establish(":memory:").unwrap();
//!     let _: QueryResult<Vec<Found>> = versions::table.select(Found::as_select()).load(connection);
//! }
//!
//! ```
//!
//! A field of an insert struct that does not fit its column, next to one that changes:
//!
//! ```compile_fail,E0277
//! use expand_contract::prelude::*;
//!
//! diesel::table! {
//!     versions (id) {
//!         id -> Integer,
//!         num -> Text,
//!         tar_sha256 -> Binary,
//!     }
//! }
//!
//! #[derive(Migrate)]
//! #[diesel(table_name = versions)]
//! struct Version {
//!     id: i32,
//!     #[migrate(rename_from = "checksum")]
//!     tar_sha256: Vec<u8>,
//! }
//!
//! #[derive(Insertable)]
//! #[diesel(table_name = versions)]
//! struct NewVersion {
//!     num: i32,
//! }
//!
//! fn main() {
//! }
//!
//! ```
