//! For build scripts: lints of a project's own SQL migrations, and the models read from source.
//!
//! Nothing here connects to a database, and no C library is needed: a build script depends on this crate with
//! `default-features = false, features = ["build"]`.

mod finding;
mod lints;
mod source;

pub use finding::{Finding, Level, Position, Report};
pub use lints::{databases_of, rules, Database, InUse, Lints, Reader};

/// The list of the lints' rules.
#[doc = include_str!("../../docs/lints.md")]
pub mod lint_rules {}
