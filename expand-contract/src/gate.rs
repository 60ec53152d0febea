//! The gates between the steps: what a step waits for or asks for before it goes on, by name.

use std::fmt;

/// What a step waits for before it goes on.
///
/// An operator who knows better than the evidence may pass one with
/// [`Options::override_gate`](crate::Options::override_gate): it has to be named, and the ledger keeps on record who passed
/// it, when, why, and what stood in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gate {
    /// Every instance has acknowledged the phase, or its lease has run out.
    Instances,
    /// Every transaction that may have begun in an earlier phase has ended.
    Transactions,
    /// No writer that knows only one column was seen for a while.
    Strangers,
    /// Nothing is waiting to be converted by a Rust function.
    Queue,
    /// Enough reads looked at both columns, and found no difference.
    ShadowReads,
}

impl Gate {
    /// All gates.
    pub const ALL: [Gate; 5] = [
        Gate::Instances,
        Gate::Transactions,
        Gate::Strangers,
        Gate::Queue,
        Gate::ShadowReads,
    ];

    /// The name under which the ledger records it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Gate::Instances => "instances",
            Gate::Transactions => "transactions",
            Gate::Strangers => "strangers",
            Gate::Queue => "queue",
            Gate::ShadowReads => "shadow reads",
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
