//! Change the schema of a live database under a Diesel application without anyone noticing.

pub mod definition;
pub mod phase;
mod query;
mod state;

pub use query::{At, AtPhase, PhaseColumn};
/// For the derives; not public API.
#[doc(hidden)]
pub mod __private {
    pub use crate::definition::*;
    pub use crate::query::*;
    pub use diesel;
}
pub use state::{Snapshot, StatementError};
#[doc(hidden)]
pub use state::{Current, PhaseCell};
