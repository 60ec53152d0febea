//! What may follow what, and what must hold before: the table of moves, the safety net's reactions, and every rule by name.
//!
//! The runner, the plan, the documents and the model check take their order from here. A rule is a value ([`Rule`]), and
//! [`Rules`] is the table with or without one: the model check (`tests/tests/model`) takes each rule away in turn and
//! expects to find what it was there for. New rules may join in any release.
//!
#![doc = include_str!("../../docs/phases.md")]

pub use super::ddl::Ddl;
pub use super::in_place::{Way, MARKED, UNMARKED};
pub(crate) use super::moves::rollback_from;
pub use super::moves::{Condition, Converter, Move, Scoped, MOVES};
pub use super::standing::Standing;
use super::{Phase, Side};

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
