//! What may follow what, and what must hold before: the table of moves, the safety net's reactions, and every rule by name.
//!
//! The runner, the plan, the documents and the model check take their order from here. A rule is a value ([`Rule`]), and
//! [`Rules`] is the table with or without one: the model check (`tests/tests/model`) takes each rule away in turn and
//! expects to find what it was there for. New rules may join in any release.
//!
#![doc = include_str!("../../docs/phases.md")]

use std::fmt;

pub use super::ddl::Ddl;
pub use super::standing::Standing;
use super::{Phase, Side, Step};

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

const fn all<T: Copy>(what: T) -> Scoped<T> {
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

/// The first line of the step.
pub(super) const fn first(step: Step) -> Option<&'static Move> {
    let mut at = 0;
    while at < MOVES.len() {
        if MOVES[at].step as u8 == step as u8 {
            return Some(&MOVES[at]);
        }
        at += 1;
    }
    None
}

/// The rollback that starts there.
pub(super) const fn rollback_from(standing: Standing) -> Option<&'static Move> {
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

/// Whether the step has anything left to do in a pass that stands in `phase`: its move is still ahead, or has DDL behind its
/// barrier.
pub(crate) fn pending(step: Step, phase: Phase) -> bool {
    match first(step) {
        Some(line) if step != Step::Rollback => {
            let left = line.publishes() && !line.after.is_empty() && phase == line.to.phase();
            phase <= line.from.phase() || left
        }
        _ => true,
    }
}

/// The step that has to come before `step` can start from `standing`; none if it starts there.
pub(crate) fn comes_first(step: Step, standing: Standing) -> Option<Step> {
    // a rollback to the start that was killed is finished on the way
    let standing = match standing {
        Standing::NewLeft => Standing::Original,
        standing => standing,
    };
    let starts = MOVES
        .iter()
        .any(|line| line.step == step && line.from == standing);
    // what a killed run of it left behind its barrier
    let published =
        step.publishes() == Some(standing.phase()) && standing != Standing::OldIncomplete;
    if step == Step::Rollback || published || starts {
        return None;
    }
    // the way on, or where there is none, to the end of the rollback
    let mut on = MOVES
        .iter()
        .filter(|line| line.from == standing && line.publishes());
    on.next().map(|line| line.step)
}

/// What the safety net does about a statement that writes one of the two columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reaction {
    /// It writes the other column too.
    Mirror,
    /// It queues the row's key for the runner.
    Queue,
    /// It fails the statement.
    Refuse,
    /// Nothing.
    Leave,
}

/// What the net in its form for `standing` does about a statement that writes only the column `written`.
///
/// While only the new column counts, PostgreSQL mirrors to the old one as far as values convert. Nothing rests on it.
pub const fn reaction(standing: Standing, written: Side, converter: Converter) -> Reaction {
    let old_only = matches!(written, Side::Old);
    match (standing, converter) {
        (Standing::Original | Standing::Contracted, _) => Reaction::Leave,
        (Standing::Retired, _) if !old_only => Reaction::Leave,
        (_, Converter::Sql) => Reaction::Mirror,
        // the old column counts: the other one can wait, and nobody of ours writes only the new one
        (Standing::NewLeft | Standing::Expanded, Converter::Rust) if old_only => Reaction::Queue,
        // instances of `Retired` are about until the barrier
        (Standing::OldIncomplete, Converter::Rust) if !old_only => Reaction::Queue,
        (_, Converter::Rust) => Reaction::Refuse,
    }
}

/// A rule, by name: what [`Rules`] can be without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The move from one standing to the other needs the condition.
    Needs(Standing, Standing, Condition),
    /// The DDL is done by the time the move is published (or, behind its barrier, settled). Without: it is left out.
    Done(Standing, Standing, Ddl),
    /// The DDL is not done before those who do not tolerate it are gone. Without: it is done one publication earlier.
    NotBefore(Standing, Standing, Ddl),
    /// The safety net reacts to statements that write only this column. Without: they pass.
    Net(Standing, Side),
    /// The barrier waits until every registered instance has acknowledged the phase, or its lease has ended.
    AwaitInstances,
    /// The barrier waits until every transaction has ended that began in an earlier phase.
    AwaitTransactions,
    /// An instance registers before it reads the phase, so that a barrier that misses it comes before what it reads.
    RegisterFirst,
    /// An instance builds no statement past its lease's deadline, which ends before the runner believes the lease to end.
    Deadline,
    /// What a statement read is used only if its lease has not ended when the result comes.
    ResultInTime,
    /// A pinned transaction holds the gate from before it reads the phase, and who publishes waits for the gate.
    GateHeld,
    /// A value that was read and converted outside of the database is written only if the row is as it was.
    CompareAndSwap,
    /// An effect of a runner that has lost the table's lease is refused.
    Fence,
}

impl Rule {
    /// Every rule of the table.
    pub fn all() -> Vec<Rule> {
        let mut out = Vec::new();
        for line in MOVES {
            let (from, to) = (line.from, line.to);
            out.extend(line.needs.iter().map(|n| Rule::Needs(from, to, n.what)));
            let ddl = line.before.iter().chain(line.after);
            for ddl in ddl.map(|scoped| scoped.what) {
                // What nothing needs is what the migration is made for; to leave it out harms nobody.
                if Phase::ALL.into_iter().any(|phase| ddl.needed_by(phase)) {
                    out.push(Rule::Done(from, to, ddl));
                }
                // a trigger on a column that is gone fails every write
                if ddl == Ddl::DropNet {
                    out.push(Rule::Done(from, to, ddl));
                }
                if !Phase::ALL.into_iter().all(|phase| ddl.tolerated_by(phase)) {
                    out.push(Rule::NotBefore(from, to, ddl));
                }
            }
            // a net that refuses must stay until the barrier
            for ddl in line.after.iter().filter(|ddl| ddl.what == Ddl::Net) {
                out.push(Rule::NotBefore(from, to, ddl.what));
            }
        }
        for standing in Standing::ALL {
            let mut forms = MOVES.iter().filter(|line| line.to == standing);
            let installed = forms.any(|line| {
                let mut ddl = line.before.iter().chain(line.after);
                ddl.any(|scoped| scoped.what == Ddl::Net)
            });
            for side in [Side::Old, Side::New] {
                let reacts = [Converter::Sql, Converter::Rust]
                    .into_iter()
                    .any(|converter| reaction(standing, side, converter) != Reaction::Leave);
                if installed && reacts {
                    out.push(Rule::Net(standing, side));
                }
            }
        }
        out.extend([
            Rule::AwaitInstances,
            Rule::AwaitTransactions,
            Rule::RegisterFirst,
            Rule::Deadline,
            Rule::ResultInTime,
            Rule::GateHeld,
            Rule::CompareAndSwap,
            Rule::Fence,
        ]);
        out
    }
}

/// The rules in force: all, or all but one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    without: Option<Rule>,
}

impl Rules {
    /// All rules.
    pub const ALL: Rules = Rules { without: None };

    /// All rules but this one.
    pub const fn without(rule: Rule) -> Self {
        Rules {
            without: Some(rule),
        }
    }

    /// Whether the rule is in force.
    pub fn holds(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// What must hold before the move.
    pub fn needs(
        &self,
        line: &Move,
        converter: Converter,
    ) -> impl Iterator<Item = Condition> + use<'_> {
        let (from, to, needs) = (line.from, line.to, line.needs);
        needs
            .iter()
            .filter(move |need| need.applies(converter))
            .map(|need| need.what)
            .filter(move |need| self.holds(Rule::Needs(from, to, *need)))
    }

    /// The DDL of the move before its publication.
    pub fn before(&self, line: &Move, converter: Converter) -> Vec<Ddl> {
        let mut out = self.done(line, line.before, converter);
        if let Some(Rule::NotBefore(from, to, ddl)) = self.without {
            let here = |other: &Move| (other.from, other.to) == (from, to);
            let behind = |other: &&Move| here(other) && other.after.iter().any(|d| d.what == ddl);
            if here(line) {
                out.retain(|done| *done != ddl);
            }
            // from behind the barrier to before it, from before the publication to before the one before
            let misplaced = match MOVES.iter().find(behind) {
                Some(_) => here(line),
                None => line.to == from && line.publishes() && line.leads_there_first(),
            };
            let applies = MOVES.iter().filter(|other| here(other)).any(|other| {
                let mut all = other.before.iter().chain(other.after);
                all.any(|d| d.what == ddl && d.applies(converter))
            });
            if misplaced && applies {
                out.push(ddl);
            }
        }
        out
    }

    /// The DDL of the move behind the barrier.
    pub fn after(&self, line: &Move, converter: Converter) -> Vec<Ddl> {
        let mut out = self.done(line, line.after, converter);
        out.retain(|ddl| self.holds(Rule::NotBefore(line.from, line.to, *ddl)));
        out
    }

    fn done(&self, line: &Move, ddl: &[Scoped<Ddl>], converter: Converter) -> Vec<Ddl> {
        ddl.iter()
            .filter(|scoped| scoped.applies(converter))
            .map(|scoped| scoped.what)
            .filter(|ddl| self.holds(Rule::Done(line.from, line.to, *ddl)))
            .collect()
    }

    /// What the safety net in its form for `standing` does about a statement that writes only the column `written`.
    pub fn reaction(&self, standing: Standing, written: Side, converter: Converter) -> Reaction {
        if self.holds(Rule::Net(standing, written)) {
            reaction(standing, written, converter)
        } else {
            Reaction::Leave
        }
    }
}

impl Move {
    // of several moves that lead to one standing the first in the table
    fn leads_there_first(&self) -> bool {
        let first = MOVES
            .iter()
            .find(|line| line.to == self.to && line.publishes());
        first == Some(self)
    }
}
