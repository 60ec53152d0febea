//! The table of moves: what may follow what, and what must hold before.

use std::fmt;

use super::ddl::Ddl;
use super::standing::Standing;
use super::Step;

/// What must hold before a move is published.
///
/// That `backfill` has ended before `verify`, and `verify` before `switch`, is an order of the steps: of the two only the
/// comparison proves anything. That reads were compared in the shadow is evidence an operator may ask for, no rule either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// The barrier of the phase in force is through, and so is the DDL behind it: no instance builds a statement for an
    /// earlier phase, no transaction that began in one is open.
    Settled,
    /// A comparison of all rows found both columns consistent.
    Verified,
    /// Every row is right in the old column again.
    CopiedBack,
    /// No transaction is open whose snapshot shows rows as they were before the copy, or before a key in the queue was
    /// converted: who drains the queue waits again.
    SnapshotsGone,
    /// No key is waiting to be converted by a Rust function. Asked in the transaction that publishes.
    QueueEmpty,
    /// No program that knows only the old column is about: no write of one was seen for the quiet period, and the operator
    /// vouches for readers.
    OldOnlyQuiet,
    /// The same of programs that know only the new column.
    NewOnlyQuiet,
}

impl Condition {
    /// A few words for a table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Condition::Settled => "settled",
            Condition::Verified => "verified",
            Condition::CopiedBack => "copied back",
            Condition::SnapshotsGone => "old snapshots gone",
            Condition::QueueEmpty => "queue empty",
            Condition::OldOnlyQuiet => "old-only programs gone",
            Condition::NewOnlyQuiet => "new-only programs gone",
        }
    }
}

/// Who converts values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Converter {
    /// The database, by expressions: the safety net keeps both columns right by itself.
    Sql,
    /// Only Rust functions: the net can queue a key or refuse a statement.
    Rust,
}

/// Something that holds for all migrations or only for those that only Rust converts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scoped<T> {
    /// What it is about.
    pub what: T,
    /// Only where Rust converts.
    pub only_rust: bool,
}

pub(super) const fn all<T: Copy>(what: T) -> Scoped<T> {
    Scoped {
        what,
        only_rust: false,
    }
}

const fn rust<T: Copy>(what: T) -> Scoped<T> {
    Scoped {
        what,
        only_rust: true,
    }
}

impl<T: Copy> Scoped<T> {
    /// Whether it applies.
    pub fn applies(&self, converter: Converter) -> bool {
        !self.only_rust || converter == Converter::Rust
    }
}

/// One line of the table of moves.
///
/// A move is: what it [`needs`](Self::needs), the DDL that the earlier phase tolerates and the publication in one
/// transaction, the barrier, the DDL that only the later phase tolerates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The operator's step that it is part of.
    pub step: Step,
    /// Where it starts.
    pub from: Standing,
    /// Where it leads.
    pub to: Standing,
    /// What must hold when it is published.
    pub needs: &'static [Scoped<Condition>],
    /// DDL before the publication, which everything tolerates that may be alive.
    pub before: &'static [Scoped<Ddl>],
    /// DDL behind the barrier of the publication, which only the later phase tolerates.
    pub after: &'static [Scoped<Ddl>],
}

impl Move {
    /// Whether it changes where the migration stands.
    pub const fn publishes(&self) -> bool {
        self.from as u8 != self.to as u8
    }

    /// Whether the publication changes what statements are built for, so that a barrier follows.
    pub const fn barrier(&self) -> bool {
        self.from.phase() as u8 != self.to.phase() as u8
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.step, self.from, self.to)
    }
}

/// The table of moves. The first line of a step is how it usually starts.
pub const MOVES: &[Move] = &[
    Move {
        step: Step::Expand,
        from: Standing::Original,
        to: Standing::Expanded,
        needs: &[],
        before: &[all(Ddl::AddNew), all(Ddl::Net)],
        after: &[],
    },
    Move {
        step: Step::Backfill,
        from: Standing::Expanded,
        to: Standing::Expanded,
        needs: &[],
        before: &[all(Ddl::PlainIndexes)],
        after: &[],
    },
    Move {
        step: Step::Verify,
        from: Standing::Expanded,
        to: Standing::Expanded,
        needs: &[],
        before: &[],
        after: &[],
    },
    Move {
        step: Step::Switch,
        from: Standing::Expanded,
        to: Standing::Switched,
        needs: &[
            all(Condition::Settled),
            all(Condition::Verified),
            all(Condition::SnapshotsGone),
            rust(Condition::QueueEmpty),
            // from here on the net refuses what it cannot convert
            rust(Condition::OldOnlyQuiet),
        ],
        before: &[rust(Ddl::Net)],
        after: &[],
    },
    Move {
        step: Step::Retire,
        from: Standing::Switched,
        to: Standing::Retired,
        needs: &[all(Condition::Settled), all(Condition::OldOnlyQuiet)],
        before: &[
            all(Ddl::UniqueNew),
            all(Ddl::RequireNew),
            all(Ddl::DefaultToNew),
            all(Ddl::FreeOld),
            all(Ddl::Net),
        ],
        after: &[all(Ddl::DropUniqueOld)],
    },
    Move {
        step: Step::Contract,
        from: Standing::Retired,
        to: Standing::Contracted,
        needs: &[all(Condition::Settled), all(Condition::OldOnlyQuiet)],
        before: &[all(Ddl::DropNet), all(Ddl::DropOld), all(Ddl::TakeNames)],
        after: &[],
    },
    Move {
        step: Step::Rollback,
        from: Standing::Expanded,
        to: Standing::NewLeft,
        needs: &[all(Condition::Settled)],
        before: &[],
        after: &[],
    },
    Move {
        step: Step::Rollback,
        from: Standing::NewLeft,
        to: Standing::Original,
        needs: &[all(Condition::Settled), all(Condition::NewOnlyQuiet)],
        before: &[all(Ddl::DropNet), all(Ddl::DropNew)],
        after: &[],
    },
    // at once: whoever is alive is in one of the two
    Move {
        step: Step::Rollback,
        from: Standing::Switched,
        to: Standing::Expanded,
        needs: &[],
        before: &[],
        after: &[rust(Ddl::Net)],
    },
    Move {
        step: Step::Rollback,
        from: Standing::Retired,
        to: Standing::OldIncomplete,
        needs: &[all(Condition::NewOnlyQuiet)],
        before: &[all(Ddl::DefaultToOld), all(Ddl::Net)],
        after: &[],
    },
    Move {
        step: Step::Rollback,
        from: Standing::OldIncomplete,
        to: Standing::Switched,
        needs: &[
            all(Condition::Settled),
            all(Condition::CopiedBack),
            // of the old column, which `Expanded` reads again
            all(Condition::SnapshotsGone),
            rust(Condition::QueueEmpty),
        ],
        before: &[
            all(Ddl::UniqueOld),
            all(Ddl::RequireOld),
            all(Ddl::FreeNew),
            rust(Ddl::Net),
        ],
        after: &[],
    },
];

/// The rollback that starts there.
pub(crate) const fn rollback_from(standing: Standing) -> Option<&'static Move> {
    let mut at = 0;
    while at < MOVES.len() {
        let line = &MOVES[at];
        if line.step as u8 == Step::Rollback as u8 && line.from as u8 == standing as u8 {
            return Some(line);
        }
        at += 1;
    }
    None
}

impl Move {
    // of several moves that lead to one standing the first in the table
    pub(super) fn leads_there_first(&self) -> bool {
        let first = MOVES
            .iter()
            .find(|line| line.to == self.to && line.publishes());
        first == Some(self)
    }
}
