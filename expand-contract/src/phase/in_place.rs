//! The moves of a rename in place.
//!
//! There is one column, so nothing is copied, compared or kept right: `backfill`, `verify`, `switch` and `retire` have nothing
//! to do. What is left is to know that nobody knows only the old name any more, and to rename. Unlike the copy's moves, that
//! one is not tolerated by the phase before: a statement of it that comes late names a column that is gone, fails, and is
//! built again by [`retry`](super::retry()) and the repository.
//!
//! `tests/tests/model/in_place.rs` takes each need and each piece of DDL away in turn. (That the runner also lets every phase
//! settle before the next step is an order, where the table does not ask for it.)

use super::ddl::Ddl;
use super::moves::{all, Condition, Move, MOVES};
use super::standing::Standing;
use super::{Phase, Step};

/// Which table of moves a migration follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// The values are copied: [`MOVES`].
    Copy,
    /// Renamed in place, where triggers tell who writes only the old name: [`MARKED`].
    Marked,
    /// Renamed in place, where nothing tells: [`UNMARKED`].
    Unmarked,
}

/// In place, with a marker: PostgreSQL.
///
/// In [`Phase::Expanded`] code reads the old column and writes it and the marker, which nobody reads. A write that leaves the
/// marker alone is one of a program that knows only the old name.
pub const MARKED: &[Move] = &[
    Move {
        step: Step::Expand,
        from: Standing::Original,
        to: Standing::Expanded,
        needs: &[],
        before: &[all(Ddl::AddMarker), all(Ddl::Watch)],
        after: &[],
    },
    Move {
        step: Step::Contract,
        from: Standing::Expanded,
        to: Standing::Contracted,
        // what is seen before an instance has heard of the marker says nothing
        needs: &[all(Condition::Settled), all(Condition::OldOnlyQuiet)],
        before: &[
            all(Ddl::StopWatching),
            all(Ddl::DropMarker),
            all(Ddl::Rename),
        ],
        after: &[],
    },
    Move {
        step: Step::Rollback,
        from: Standing::Expanded,
        to: Standing::NewLeft,
        needs: &[],
        before: &[],
        after: &[],
    },
    Move {
        step: Step::Rollback,
        from: Standing::NewLeft,
        to: Standing::Original,
        needs: &[all(Condition::Settled)],
        before: &[all(Ddl::StopWatching), all(Ddl::DropMarker)],
        after: &[],
    },
    Move {
        step: Step::Rollback,
        from: Standing::Contracted,
        to: Standing::Original,
        // who still writes the marker must not meet the old name without it
        needs: &[all(Condition::Settled), all(Condition::NewOnlyQuiet)],
        before: &[all(Ddl::RenameBack)],
        after: &[],
    },
];

/// In place, without a marker: SQLite, where a column that statements can write is rewritten, row by row, when it is dropped.
pub const UNMARKED: &[Move] = &[
    Move {
        step: Step::Contract,
        from: Standing::Original,
        to: Standing::Contracted,
        needs: &[all(Condition::OldOnlyQuiet)],
        before: &[all(Ddl::Rename)],
        after: &[],
    },
    Move {
        step: Step::Rollback,
        from: Standing::Contracted,
        to: Standing::Original,
        needs: &[all(Condition::NewOnlyQuiet)],
        before: &[all(Ddl::RenameBack)],
        after: &[],
    },
];

impl Way {
    /// Its table of moves.
    pub const fn moves(self) -> &'static [Move] {
        match self {
            Way::Copy => MOVES,
            Way::Marked => MARKED,
            Way::Unmarked => UNMARKED,
        }
    }

    /// The first line of the step; none where it has nothing to do.
    pub(crate) const fn first(self, step: Step) -> Option<&'static Move> {
        let (moves, mut at) = (self.moves(), 0);
        while at < moves.len() {
            if moves[at].step as u8 == step as u8 {
                return Some(&moves[at]);
            }
            at += 1;
        }
        None
    }

    /// The phase in which the step may start; none for a rollback, which starts from several.
    pub(crate) const fn starts_in(self, step: Step) -> Option<Phase> {
        match (step, self.first(step)) {
            (Step::Rollback, _) | (_, None) => None,
            (_, Some(first)) => Some(first.from.phase()),
        }
    }

    /// The phase that the step publishes; none for a rollback, and where it leaves the phase alone.
    pub(crate) const fn publishes(self, step: Step) -> Option<Phase> {
        match (step, self.first(step)) {
            (Step::Rollback, _) | (_, None) => None,
            (_, Some(first)) if first.publishes() => Some(first.to.phase()),
            _ => None,
        }
    }

    /// Whether the step has anything left to do in a pass that stands in `phase`: its move is still ahead, or has DDL behind
    /// its barrier.
    pub(crate) fn pending(self, step: Step, phase: Phase) -> bool {
        if step == Step::Rollback {
            return true;
        }
        self.first(step).is_some_and(|line| {
            let left = line.publishes() && !line.after.is_empty() && phase == line.to.phase();
            phase <= line.from.phase() || left
        })
    }

    /// The step that has to come before `step` can start from `standing`; none if it starts there.
    pub(crate) fn comes_first(self, step: Step, standing: Standing) -> Option<Step> {
        // a rollback to the start that was killed is finished on the way
        let standing = match standing {
            Standing::NewLeft => Standing::Original,
            standing => standing,
        };
        let mut moves = self.moves().iter();
        let starts = moves.any(|line| line.step == step && line.from == standing);
        // what a killed run of it left behind its barrier
        let published =
            self.publishes(step) == Some(standing.phase()) && standing != Standing::OldIncomplete;
        if step == Step::Rollback || published || starts {
            return None;
        }
        // the way on, or where there is none, to the end of the rollback
        let mut on = self
            .moves()
            .iter()
            .filter(|line| line.from == standing && line.publishes());
        on.next().map(|line| line.step)
    }
}
