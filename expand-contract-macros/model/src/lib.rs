//! Parser and semantic model of expand-contract's annotations.
//!
//! Shared by the derives and the build-script API, so that both mean the same by the same text. Nothing here generates
//! code:
//!
//! - [`Model::parse`]: a struct that derives `Migrate`, with `#[migrate(…)]` on the fields that change;
//! - [`TableMigration::parse`]: the attribute macro on a `diesel::table!`;
//! - [`Record::parse`]: a struct that derives `Insertable`, `AsChangeset` or `Selectable`, as Diesel's derives read it.
//!
//! Each reports all that is wrong at once, every error at the token it is about; see [`Rejected`].
//!
//! ```
//! use expand_contract_model::{Conversion, Model};
//!
//! let model = Model::parse(&syn::parse_quote! {
//!     #[diesel(table_name = versions)]
//!     struct Version {
//!         id: i32,
//!         #[migrate(rename_from = "checksum", retype_from = Text,
//!                   up = "decode(checksum, 'hex')", down = "encode(tar_sha256, 'hex')")]
//!         tar_sha256: Vec<u8>,
//!     }
//! })
//! .map_err(|rejected| rejected.error)?;
//!
//! assert_eq!(model.migration.id, "versions/tar_sha256");
//! assert!(matches!(model.migration.changes[0].conversion, Conversion::Sql { .. }));
//! # Ok::<(), syn::Error>(())
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod attribute;
mod build;
mod carry;
mod check;
mod diesel_attribute;
pub mod errors;
pub mod keys;
mod migration;
mod model;
pub mod names;
mod record;
pub mod sql;
mod table;

pub use attribute::Repository;
pub use diesel_attribute::CheckForBackend;
pub use errors::Errors;
pub use migration::{Carried, Change, Conversion, Migration, PerDialect, Rejected, Strategy};
pub use model::Model;
pub use record::{option_of, Field, Record, Use};
pub use sql::{Part, Sql, SqlExpr};
pub use table::{ColumnDecl, TableDecl, TableMigration, TableRejected};
