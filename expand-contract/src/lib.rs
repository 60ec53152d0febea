#![doc = include_str!("../README.md")]
// without a database nobody calls the runner
#![cfg_attr(
    not(any(feature = "sqlite", feature = "postgres-backend")),
    allow(dead_code, unused_imports, unreachable_pub)
)]
#![forbid(unsafe_code)]

#[cfg(feature = "plan")]
mod backend;
#[cfg(feature = "plan")]
mod backoff;
#[cfg(feature = "build")]
pub mod build;
#[cfg(feature = "plan")]
mod catalogue;
#[cfg(any(feature = "build", test))]
mod ddl_names;
#[cfg(feature = "database")]
mod ddl_type;
#[cfg(feature = "plan")]
pub mod definition;
#[cfg(feature = "database")]
pub mod dsl;
#[cfg(feature = "plan")]
mod error;
#[cfg(feature = "plan")]
mod gate;
#[cfg(feature = "plan")]
mod host;
#[cfg(feature = "database")]
pub mod lease;
#[cfg(feature = "plan")]
mod ledger;
#[cfg(feature = "database")]
pub mod migration;
#[cfg(feature = "migrations")]
pub mod migrations;
#[cfg(feature = "plan")]
mod notice;
#[cfg(feature = "database")]
#[doc = include_str!("../docs/operating.md")]
pub mod operating {}
#[cfg(feature = "database")]
mod options;
#[cfg(feature = "plan")]
pub mod phase;
#[cfg(feature = "database")]
pub mod pinned;
#[cfg(feature = "plan")]
mod plan;
#[cfg(feature = "plan")]
mod progress;
#[cfg(feature = "database")]
mod query;
#[cfg(feature = "database")]
mod rejected;
#[cfg(feature = "database")]
mod repository;
#[cfg(feature = "plan")]
mod request;
#[cfg(feature = "database")]
mod retry;
#[cfg(feature = "database")]
mod runner;
#[cfg(feature = "database")]
pub mod shadow;
#[cfg(feature = "database")]
pub mod startup;
#[cfg(feature = "database")]
mod state;
#[cfg(feature = "database")]
#[doc = include_str!("../docs/strategies.md")]
pub mod strategies {}
#[cfg(feature = "plan")]
mod stranger;
#[cfg(feature = "database")]
#[doc = include_str!("../docs/supported.md")]
pub mod supported {}
#[cfg(feature = "plan")]
mod text;
#[cfg(feature = "plan")]
mod verification;
#[cfg(feature = "plan")]
mod waiting;

#[cfg(feature = "database")]
#[doc(hidden)]
pub use backend::{Converter, RustConversion, RustConverter};
#[cfg(feature = "database")]
pub use backend::{RunnerBackend, RunnerConnection};
#[cfg(feature = "database")]
pub use ddl_type::DdlType;
#[cfg(feature = "database")]
pub use error::{Error, Interruption, Obstacle, PoisonRow};
#[cfg(feature = "database")]
#[doc(hidden)]
pub use expand_contract_macros::__phase_columns;
#[cfg(feature = "database")]
pub use expand_contract_macros::{
    migrate, AsChangeset, HasQuery, Insertable, Migrate, Queryable, Selectable,
};
#[cfg(feature = "database")]
pub use gate::Gate;
#[cfg(feature = "database")]
pub use lease::Lease;
#[cfg(feature = "database")]
pub use migration::{AnyState, Migrate, MigrateOn, Migration, Status};
#[cfg(feature = "database")]
pub use notice::{Notice, NoticeKind};
#[cfg(feature = "database")]
pub use options::{
    ActionEvent, Hours, IndexProgress, LockWait, Moment, Options, ReplicationLag, Verdict,
};
#[cfg(feature = "database")]
pub use plan::{Action, Basis, Effect, Estimate};
#[cfg(feature = "database")]
pub use progress::{Held, Progress, RunReport, RunState};
#[cfg(feature = "database")]
pub use query::{At, AtPhase, PhaseColumn};
#[cfg(feature = "database")]
pub use request::{Request, RequestKind};
#[cfg(feature = "database")]
pub use runner::Drained;
#[cfg(feature = "database")]
#[doc(hidden)]
pub use state::{Current, PhaseCell};
#[cfg(feature = "database")]
pub use state::{Snapshot, StatementError};
#[cfg(feature = "database")]
pub use stranger::Stranger;
#[cfg(feature = "database")]
pub use verification::Verification;
#[cfg(feature = "database")]
pub use waiting::{Blocker, Instance, Override, Transaction, Waiting, Whom};

/// Diesel's prelude with this crate's derives in place of Diesel's: the one line that a module of models changes.
#[cfg(feature = "database")]
pub mod prelude {
    pub use diesel::prelude::*;
    pub use expand_contract_macros::{AsChangeset, HasQuery, Insertable, Migrate, Selectable};

    pub use crate::AtPhase;
}

/// For the derives; not public API.
#[cfg(feature = "database")]
#[doc(hidden)]
pub mod __private {
    pub use std::boxed::Box;
    pub use std::string::String;
    pub use std::vec;
    pub use std::vec::Vec;

    pub use crate::backend::{
        Converter, Direction, Outcome, RawQuery, Request, RunnerConnection, RustConversion,
        RustConverter, Session, TextRow,
    };
    pub use crate::ddl_type::{nullable, DdlType};
    pub use crate::definition::*;
    pub use crate::migration::{Migrate, MigrateOn, Migration};
    pub use crate::query::*;
    pub use crate::rejected::*;
    pub use crate::repository::*;
    pub use crate::state::PhaseCell;
    pub use diesel;

    /// What a conversion said, as text: any error that can be displayed will do.
    pub fn said<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, String> {
        result.map_err(|error| error.to_string())
    }
}
