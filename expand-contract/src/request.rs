//! What an operator asks of a run from outside of it, by way of the ledger.

use std::fmt;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestKind {
    /// To wait, with the lease kept, until the request is lifted.
    Pause,
    /// To end the step, and to begin none until the request is lifted.
    Cancel,
}

impl RequestKind {
    /// All kinds.
    pub const ALL: [RequestKind; 2] = [RequestKind::Pause, RequestKind::Cancel];

    /// The name under which the ledger has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            RequestKind::Pause => "pause",
            RequestKind::Cancel => "cancel",
        }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request that stands: [`Migration::pause`](crate::Migration::pause) or [`cancel`](crate::Migration::cancel) made it,
/// and [`proceed`](crate::Migration::proceed) lifts it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// What is asked.
    pub kind: RequestKind,
    /// Why, in the operator's words.
    pub reason: String,
    /// Who asks.
    pub by: String,
    /// Since when, as the database prints it.
    pub at: String,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} by {} at {}: {}",
            self.kind, self.by, self.at, self.reason
        )
    }
}
