//! Where a migration rests: the phases, and the two states within them that a rollback leaves for a while.

use std::fmt;

use super::{Phase, Side};

/// Where a migration rests between two actions of the runner.
///
/// Application code knows the [`Phase`] only. Two phases have a second state each, in which a rollback is not through:
/// statements are built as in the phase, but what may follow is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Only the old column.
    Original,
    /// [`Phase::Original`] after a rollback: the new column is still to be dropped.
    NewLeft,
    /// Both columns, the old one is read.
    Expanded,
    /// Both columns, the new one is read.
    Switched,
    /// [`Phase::Switched`] after a rollback from [`Phase::Retired`]: both columns are written, but rows from before are not
    /// right in the old one, so that [`Phase::Expanded`], which reads it, is out of reach.
    OldIncomplete,
    /// Both columns, only the new one is written.
    Retired,
    /// Only the new column.
    Contracted,
}

impl Standing {
    /// All of them, in the order of their phases.
    pub const ALL: [Standing; 7] = [
        Standing::Original,
        Standing::NewLeft,
        Standing::Expanded,
        Standing::Switched,
        Standing::OldIncomplete,
        Standing::Retired,
        Standing::Contracted,
    ];

    /// As the ledger has it: the phase, whether the old column is incomplete, whether the new one is left to be dropped.
    pub const fn of(phase: Phase, old_incomplete: bool, new_left: bool) -> Self {
        match phase {
            Phase::Original if new_left => Standing::NewLeft,
            Phase::Original => Standing::Original,
            Phase::Expanded => Standing::Expanded,
            Phase::Switched if old_incomplete => Standing::OldIncomplete,
            Phase::Switched => Standing::Switched,
            Phase::Retired => Standing::Retired,
            Phase::Contracted => Standing::Contracted,
        }
    }

    /// The phase for which statements are built.
    pub const fn phase(self) -> Phase {
        match self {
            Standing::Original | Standing::NewLeft => Phase::Original,
            Standing::Expanded => Phase::Expanded,
            Standing::Switched | Standing::OldIncomplete => Phase::Switched,
            Standing::Retired => Phase::Retired,
            Standing::Contracted => Phase::Contracted,
        }
    }

    /// Whether the column exists. ([`Side::Via`] is one of the two ends of a pass, which is all this knows.)
    pub const fn has(self, side: Side) -> bool {
        match side {
            Side::Old => !matches!(self, Standing::Contracted),
            Side::New | Side::Via => !matches!(self, Standing::Original),
        }
    }

    /// Whether every row is right in the column, whoever wrote it: the phase writes it, and has done so for long enough.
    ///
    /// In [`Phase::Expanded`] the new column becomes right row by row; that all are is what `verify` finds out.
    pub const fn maintains(self, side: Side) -> bool {
        match side {
            Side::Old => self.phase().writes_old() && !matches!(self, Standing::OldIncomplete),
            Side::New | Side::Via => self.phase().writes_new(),
        }
    }

    /// Whether instances in the two may be alive at once: each reads only what the other maintains (`R(a) ⊆ W(b)` and
    /// `R(b) ⊆ W(a)`; Rae et al., *Online, Asynchronous Schema Change in F1*, VLDB 2013).
    pub const fn coexists_with(self, other: Standing) -> bool {
        other.maintains(self.phase().reads()) && self.maintains(other.phase().reads())
    }

    /// Whether instances in the phase may be alive while the migration stands here: they read what is maintained here, we
    /// read what they write, and every column that they name exists.
    pub const fn serves(self, phase: Phase) -> bool {
        let theirs = Standing::of(phase, false, false);
        self.coexists_with(theirs)
            && (self.has(Side::Old) || !phase.names_old())
            && (self.has(Side::New) || !phase.names_new())
    }

    /// A few words for a table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Original => "Original",
            Standing::NewLeft => "Original (new left)",
            Standing::Expanded => "Expanded",
            Standing::Switched => "Switched",
            Standing::OldIncomplete => "Switched (old incomplete)",
            Standing::Retired => "Retired",
            Standing::Contracted => "Contracted",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
