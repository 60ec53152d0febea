//! Change the schema of a live database under a Diesel application without anyone noticing.

// what only one backend needs has no caller without it
#![cfg_attr(
    not(all(feature = "sqlite", feature = "postgres-backend")),
    allow(dead_code)
)]
#![forbid(unsafe_code)]

mod backend;
mod catalogue;
pub mod definition;
mod error;
mod ledger;
pub mod migration;
mod options;
pub mod phase;
pub mod pinned;
mod plan;
mod runner;
mod state;
mod text;

#[doc(hidden)]
pub use backend::{
    Converter, Direction, Outcome, RawQuery, Request, RustConverter, Session, TextRow,
};
pub use backend::{RunnerBackend, RunnerConnection, RustConversion};
pub use error::{Error, Obstacle, PoisonRow};
pub use migration::{AnyState, Migrate, MigrateOn, Migration, Status};
pub use options::{ActionEvent, Moment, Options, Progress};
pub use plan::Action;
#[doc(hidden)]
pub use state::{Current, PhaseCell};
pub use state::{Snapshot, StatementError};
