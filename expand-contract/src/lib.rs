//! Change the schema of a live database under a Diesel application without anyone noticing.

pub mod definition;
pub mod phase;
mod state;

pub use state::{Snapshot, StatementError};
#[doc(hidden)]
pub use state::{Current, PhaseCell};
