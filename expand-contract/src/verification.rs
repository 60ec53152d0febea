//! What a comparison of the columns came to, as the ledger keeps it.

use std::fmt;

use crate::phase::Step;

/// The result of the last comparison of all rows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The step that compared: `verify` or `switch`.
    pub step: Step,
    /// How many rows were compared.
    pub rows: u64,
    /// How many of them differed.
    pub mismatches: u64,
    /// How many had been copied again before, because of [`Options::repair`](crate::Options::repair).
    pub repaired: u64,
    /// Who ran it.
    pub by: String,
    /// When it was over, as the database prints it.
    pub at: String,
    /// It counts no more: rows were copied or a phase was rolled back since, or it was made under another definition of the
    /// migration than that of this process. `switch` wants a new one.
    pub stale: bool,
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verification {
            step,
            rows,
            mismatches,
            repaired,
            by,
            at,
            stale,
        } = self;
        write!(
            f,
            "{step} by {by} at {at}: {rows} rows, {mismatches} of them differ"
        )?;
        if *repaired > 0 {
            write!(f, ", {repaired} repaired")?;
        }
        f.write_str(if *stale { " (stale)" } else { "" })
    }
}
