//! For build scripts: a project's models and its SQL migrations, checked before anything runs.
//!
//! [`Build`] is the one call. It reads files and nothing else: no database, no network, and no C library. A build script
//! depends on this crate with `default-features = false, features = ["build"]`.
//!
//! - [`Models`] reads the models from source, with the parser and the checks of the derives.
//! - [`Lints`] reads the migrations of Diesel's layout and says what would hurt, see [`lint_rules`].
//! - [`Snapshot`] remembers what the last release read.
//! - [`StepFiles`] keeps the SQL of every step beside the project's migrations.
//! - [`InUse`] is what the second learns from the first, as data.

mod finding;
mod lints;
mod models;
mod script;
mod snapshot;
mod source;
mod steps;

pub use finding::{Finding, Level, Position, Report};
pub use lints::{databases_of, rules, Database, InUse, Lints, Reader};
pub use models::{Declared, DeclaredChange, Models, ModelsFound};
pub use script::Build;
pub use snapshot::Snapshot;
pub use steps::StepFiles;

/// The list of the lints' rules.
#[doc = include_str!("../../docs/lints.md")]
pub mod lint_rules {}
