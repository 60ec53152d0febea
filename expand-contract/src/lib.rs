#![doc = include_str!("../README.md")]
// without a database nobody calls the runner
#![cfg_attr(
    not(any(feature = "sqlite", feature = "postgres-backend")),
    allow(dead_code)
)]
#![forbid(unsafe_code)]

mod backend;
#[cfg(feature = "build")]
pub mod build;
mod catalogue;
mod ddl_type;
pub mod definition;
pub mod dsl;
mod error;
mod gate;
pub mod lease;
mod ledger;
pub mod migration;
mod notice;
mod options;
pub mod phase;
pub mod pinned;
mod plan;
mod query;
mod rejected;
mod repository;
mod retry;
mod runner;
pub mod shadow;
mod state;
mod stranger;
#[doc = include_str!("../docs/supported.md")]
pub mod supported {}
mod text;
mod waiting;

#[doc(hidden)]
pub use backend::{Converter, RustConversion, RustConverter};
pub use backend::{RunnerBackend, RunnerConnection};
pub use ddl_type::DdlType;
pub use error::{Error, Obstacle, PoisonRow};
#[doc(hidden)]
pub use expand_contract_macros::__phase_columns;
pub use expand_contract_macros::{
    migrate, AsChangeset, HasQuery, Insertable, Migrate, Queryable, Selectable,
};
pub use gate::Gate;
pub use lease::Lease;
pub use migration::{AnyState, Migrate, MigrateOn, Migration, Status};
pub use notice::{Notice, NoticeKind};
pub use options::{ActionEvent, Moment, Options, Progress};
pub use plan::Action;
pub use query::{At, AtPhase, PhaseColumn};
pub use runner::Drained;
#[doc(hidden)]
pub use state::{Current, PhaseCell};
pub use state::{Snapshot, StatementError};
pub use stranger::Stranger;
pub use waiting::{Instance, Override, Transaction, Waiting, Whom};

/// Diesel's prelude with this crate's derives in place of Diesel's: the one line that a module of models changes.
pub mod prelude {
    pub use diesel::prelude::*;
    pub use expand_contract_macros::{AsChangeset, HasQuery, Insertable, Migrate, Selectable};

    pub use crate::AtPhase;
}

/// For the derives; not public API.
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
