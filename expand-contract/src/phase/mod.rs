//! The rules of a migration as data: phases, steps, what each reads and writes, what may coexist.
//!
//! Nothing here knows a connection. The runner, the generated code, the documentation and the model check are made from
//! these tables; what may follow what is in [`rules`].

mod ddl;
mod in_place;
mod moves;
#[cfg(any(feature = "build", feature = "migrations"))]
pub(crate) mod place;
pub mod rules;
mod standing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "database")]
pub use crate::retry::{retry, transaction, upsert};

/// What application code may assume of one migration.
///
/// | phase | columns | code writes | code reads |
/// |---|---|---|---|
/// | `Original` | old | old | old |
/// | `Expanded` | old, new | both | old |
/// | `Switched` | old, new | both | new |
/// | `Retired` | old (optional), new | new | new |
/// | `Contracted` | new | new | new |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Only the old column exists.
    Original,
    /// Both columns exist and are written; the old one is read.
    Expanded,
    /// Both columns are written; the new one is read.
    Switched,
    /// Only the new column is written; the old one is optional and waits to be dropped.
    Retired,
    /// Only the new column exists.
    Contracted,
}

/// What the runner does to get from one phase to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Adds the new column, then publishes [`Phase::Expanded`].
    Expand,
    /// Copies the rows that existed before.
    Backfill,
    /// Proves that the copy is right.
    Verify,
    /// Publishes [`Phase::Switched`].
    Switch,
    /// Makes the old column optional and the new one complete, then publishes [`Phase::Retired`].
    Retire,
    /// Drops the old column, then publishes [`Phase::Contracted`].
    Contract,
    /// Goes back by one phase.
    Rollback,
}

/// One of the physical columns behind a changed field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The column that the previous release knows.
    Old,
    /// The intermediate column of a retype that keeps its name; the marker of a rename in place.
    Via,
    /// The column of `schema.rs`.
    New,
}

/// Which of a migration's two chained expand-contracts is under way.
///
/// Most migrations have one pass. A retype that keeps the column's name has two: old → intermediate, then
/// intermediate → new. An in-place swap would let a stale process bind the old type into the new column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// The only pass, or the first of two.
    First,
    /// The second pass of a retype that keeps its name.
    Second,
}

/// The columns that a change goes through, as far as statements depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// From the old column to the new one beside it.
    OnePass,
    /// Through an intermediate column: a retype that keeps its name.
    TwoPasses,
    /// One column under two names. While programs are about that know only the old one, a marker stands beside it
    /// ([`Side::Via`]): it is written and never read. It has a name of its own, so that a statement that is built too early
    /// or comes too late for the new name fails, instead of reading what is not there.
    InPlace,
}

/// Where a migration stands: the pass and the phase within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stage {
    /// The pass.
    pub pass: Pass,
    /// The phase within the pass.
    pub phase: Phase,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Phase; 5] = [
        Phase::Original,
        Phase::Expanded,
        Phase::Switched,
        Phase::Retired,
        Phase::Contracted,
    ];

    /// The name under which the ledger stores the phase.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Original => "original",
            Phase::Expanded => "expanded",
            Phase::Switched => "switched",
            Phase::Retired => "retired",
            Phase::Contracted => "contracted",
        }
    }

    /// Whether code in this phase writes the column the pass starts from.
    #[inline]
    pub const fn writes_old(self) -> bool {
        matches!(self, Phase::Original | Phase::Expanded | Phase::Switched)
    }

    /// Whether code in this phase writes the column the pass leads to.
    #[inline]
    pub const fn writes_new(self) -> bool {
        !matches!(self, Phase::Original)
    }

    /// Whether code in this phase reads the column the pass starts from (otherwise the one it leads to).
    #[inline]
    pub const fn reads_old(self) -> bool {
        matches!(self, Phase::Original | Phase::Expanded)
    }

    /// The column that code in this phase reads: [`Side::Old`] for the pass's start, [`Side::New`] for its end.
    #[inline]
    pub const fn reads(self) -> Side {
        if self.reads_old() {
            Side::Old
        } else {
            Side::New
        }
    }

    /// Whether a statement of this phase names the column the pass starts from.
    pub const fn names_old(self) -> bool {
        self.reads_old() || self.writes_old()
    }

    /// Whether a statement of this phase names the column the pass leads to.
    pub const fn names_new(self) -> bool {
        !self.reads_old() || self.writes_new()
    }

    /// Whether instances in the two phases may be alive at once: each reads only what the other writes too
    /// (`R(a) ⊆ W(b)` and `R(b) ⊆ W(a)`; Rae et al., *Online, Asynchronous Schema Change in F1*, VLDB 2013).
    pub const fn coexists_with(self, other: Phase) -> bool {
        let (this, that) = (
            rules::Standing::of(self, false, false),
            rules::Standing::of(other, false, false),
        );
        this.coexists_with(that)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not the name of a phase or step; the ledger was written by a release that knows more of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a phase or step that this release knows; upgrade the application")]
pub struct UnknownName(pub String);

impl FromStr for Phase {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Phase::ALL
            .into_iter()
            .find(|phase| phase.as_str() == name)
            .ok_or_else(|| UnknownName(name.to_owned()))
    }
}

impl Step {
    /// All steps: the chain in order, then `Rollback`.
    pub const ALL: [Step; 7] = [
        Step::Expand,
        Step::Backfill,
        Step::Verify,
        Step::Switch,
        Step::Retire,
        Step::Contract,
        Step::Rollback,
    ];

    /// The name under which the ledger stores the step.
    pub const fn as_str(self) -> &'static str {
        match self {
            Step::Expand => "expand",
            Step::Backfill => "backfill",
            Step::Verify => "verify",
            Step::Switch => "switch",
            Step::Retire => "retire",
            Step::Contract => "contract",
            Step::Rollback => "rollback",
        }
    }

    /// The phase in which the step may start; `None` for [`Step::Rollback`], which starts from several.
    pub const fn starts_in(self) -> Option<Phase> {
        rules::Way::Copy.starts_in(self)
    }

    /// The phase that the step publishes; `None` where it leaves the phase alone (or depends on where it starts).
    pub const fn publishes(self) -> Option<Phase> {
        rules::Way::Copy.publishes(self)
    }

    /// Where a rollback from `phase` leads; `None` where there is nothing to go back to.
    pub const fn rollback_target(phase: Phase) -> Option<Phase> {
        match rules::rollback_from(rules::Standing::of(phase, false, false)) {
            Some(back) => Some(back.to.phase()),
            None => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Step {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Step::ALL
            .into_iter()
            .find(|step| step.as_str() == name)
            .ok_or_else(|| UnknownName(name.to_owned()))
    }
}

impl Stage {
    /// The phase in the first pass.
    pub const fn first(phase: Phase) -> Self {
        Stage {
            pass: Pass::First,
            phase,
        }
    }

    /// The phase in the second pass.
    pub const fn second(phase: Phase) -> Self {
        Stage {
            pass: Pass::Second,
            phase,
        }
    }

    /// The column that a read of the field names.
    #[inline]
    pub const fn reads(self, route: Route) -> Side {
        let (from, to) = self.ends(route);
        if self.phase_of(route).reads_old() {
            from
        } else {
            to
        }
    }

    /// Whether a write of the field names the column.
    #[inline]
    pub const fn writes(self, side: Side, route: Route) -> bool {
        let (from, to) = self.ends(route);
        let phase = self.phase_of(route);
        (side as u8 == from as u8 && phase.writes_old())
            || (side as u8 == to as u8 && phase.writes_new())
    }

    /// The columns between which this pass moves the field.
    #[inline]
    pub const fn ends(self, route: Route) -> (Side, Side) {
        match (route, self.pass) {
            (Route::OnePass, _) => (Side::Old, Side::New),
            (Route::TwoPasses, Pass::First) => (Side::Old, Side::Via),
            (Route::TwoPasses, Pass::Second) => (Side::Via, Side::New),
            // the old column under its new name
            (Route::InPlace, _) if matches!(self.phase_of(route), Phase::Contracted) => {
                (Side::Old, Side::New)
            }
            (Route::InPlace, _) => (Side::Old, Side::Via),
        }
    }

    // A change of one pass is over when its migration is in the second pass for another field's sake.
    #[inline]
    const fn phase_of(self, route: Route) -> Phase {
        match (route, self.pass) {
            (Route::OnePass | Route::InPlace, Pass::Second) => Phase::Contracted,
            _ => self.phase,
        }
    }

    #[inline]
    pub(crate) const fn to_u8(self) -> u8 {
        (match self.pass {
            Pass::First => 1,
            Pass::Second => 6,
        }) + self.phase as u8
    }

    /// The stages that write the column, as a set of their codes: for code that asks often.
    pub(crate) const fn writers(side: Side, route: Route) -> u16 {
        let (mut set, mut code) = (0, 1);
        while let Some(stage) = Stage::from_u8(code) {
            if stage.writes(side, route) {
                set |= 1 << code;
            }
            code += 1;
        }
        set
    }

    #[inline]
    pub(crate) const fn from_u8(code: u8) -> Option<Self> {
        let (pass, phase) = match code {
            1..=5 => (Pass::First, code - 1),
            6..=10 => (Pass::Second, code - 6),
            _ => return None,
        };
        Some(Stage {
            pass,
            phase: Phase::ALL[phase as usize],
        })
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pass {
            Pass::First => self.phase.fmt(f),
            Pass::Second => write!(f, "{} (second pass)", self.phase),
        }
    }
}
