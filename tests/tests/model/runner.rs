//! The runner: the moves of the table, what brings about their conditions, and a second runner that believes to be the first.

use expand_contract::phase::rules::{Ddl, Rule, Standing, MOVES};
use expand_contract::phase::Side;

use crate::database::Cell;
use crate::system::{Instance, State, System};

/// A value between its reading and its writing, in the memory of the runner's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Value {
    cell: Cell,
    /// The row was written since.
    changed: bool,
}

impl Value {
    pub(crate) fn overtaken(&mut self) {
        self.changed = true;
        if self.cell == Cell::Current {
            self.cell = Cell::Stale;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunnerAction {
    /// Nobody acts on an earlier phase any more.
    Settle,
    /// What waited for that.
    Finish,
    /// A batch of a conversion in SQL.
    Copy,
    /// The two halves of one in Rust, and the death of the process in between.
    ReadValue,
    WriteValue,
    ForgetValue,
    Verify,
    FindCopiedBack,
    /// A move of the table.
    Make(usize),
    /// A runner has checked everything for a move, and then loses its lease.
    Stall(usize),
    Resume,
}

impl System {
    pub(crate) fn runner_actions(&self, state: &State, out: &mut Vec<RunnerAction>) {
        let db = &state.db;
        if !db.settled && self.barrier(state) {
            out.push(RunnerAction::Settle);
        }
        if db.settled && !db.pending.is_empty() {
            out.push(RunnerAction::Finish);
        }
        let copying = matches!(db.standing, Standing::Expanded | Standing::OldIncomplete);
        match state.value {
            Some(value) => {
                out.push(RunnerAction::ForgetValue);
                if !value.changed || !self.rules.holds(Rule::CompareAndSwap) {
                    out.push(RunnerAction::WriteValue);
                }
                // one thing at a time
                return;
            }
            None if copying && (db.queued || !db.consistent()) => {
                out.push(if self.rust() {
                    RunnerAction::ReadValue
                } else {
                    RunnerAction::Copy
                });
            }
            None => (),
        }
        if db.consistent() {
            match db.standing {
                Standing::Expanded if !db.verified => out.push(RunnerAction::Verify),
                Standing::OldIncomplete if !db.copied_back => {
                    out.push(RunnerAction::FindCopiedBack);
                }
                _ => (),
            }
        }
        let gate_free = state.pinned.is_none() || !self.rules.holds(Rule::GateHeld);
        for (at, line) in MOVES.iter().enumerate() {
            if !line.publishes() || !gate_free || !self.needs_hold(state, at) {
                continue;
            }
            if self.can(state, at) {
                out.push(RunnerAction::Make(at));
                if !self.rules.holds(Rule::Fence) && state.ghost.is_none() {
                    out.push(RunnerAction::Stall(at));
                }
            }
        }
        if state.ghost.is_some_and(|at| self.can(state, at)) && gate_free {
            out.push(RunnerAction::Resume);
        }
    }

    fn barrier(&self, state: &State) -> bool {
        let phase = state.db.phase();
        let acknowledged = state.instances.iter().all(|instance| match instance {
            Instance::Registered => false,
            Instance::In(theirs) => *theirs == phase,
            // the registry knows nothing of them
            Instance::Out | Instance::Unregistered(_) | Instance::Expired(_) => true,
        });
        let ended = !state.transaction.is_some_and(|open| open.earlier);
        (acknowledged || !self.rules.holds(Rule::AwaitInstances))
            && (ended || !self.rules.holds(Rule::AwaitTransactions))
    }

    fn can(&self, state: &State, at: usize) -> bool {
        let mut db = state.db.clone();
        let line = &MOVES[at];
        let mut ddl = self.rules.before(line, self.setting.converter).into_iter();
        ddl.all(|ddl| {
            let can = db.can(ddl);
            db.apply(ddl, line.to);
            can
        })
    }

    fn source(&self, state: &State) -> Side {
        match state.db.standing {
            Standing::OldIncomplete => Side::New,
            _ => Side::Old,
        }
    }

    fn put(&self, state: &mut State, cell: Cell) {
        match self.source(state) {
            Side::Old => state.db.new = cell,
            Side::New | Side::Via => state.db.old = cell,
        }
        state.db.queued = false;
    }

    pub(crate) fn run_runner(&self, state: &mut State, action: RunnerAction) -> Option<()> {
        match action {
            RunnerAction::Settle => state.db.settled = true,
            RunnerAction::Finish => {
                let standing = state.db.standing;
                for ddl in std::mem::take(&mut state.db.pending) {
                    state.db.apply(ddl, standing);
                }
            }
            RunnerAction::Copy => self.put(state, state.db.cell(self.source(state))),
            RunnerAction::ReadValue => {
                state.value = Some(Value {
                    cell: state.db.cell(self.source(state)),
                    changed: false,
                });
            }
            RunnerAction::WriteValue => {
                let value = state.value.take()?;
                self.put(state, value.cell);
            }
            RunnerAction::ForgetValue => state.value = None,
            RunnerAction::Verify => state.db.verified = true,
            RunnerAction::FindCopiedBack => state.db.copied_back = true,
            RunnerAction::Make(at) => self.make(state, at),
            RunnerAction::Stall(at) => state.ghost = Some(at),
            RunnerAction::Resume => {
                let at = state.ghost.take()?;
                self.make(state, at);
            }
        }
        Some(())
    }

    /// DDL and publication, one transaction.
    fn make(&self, state: &mut State, at: usize) {
        let line = &MOVES[at];
        for ddl in self.rules.before(line, self.setting.converter) {
            state.db.apply(ddl, line.to);
            if ddl == Ddl::DropNew {
                state.returned = true;
            }
        }
        if line.barrier() {
            state.db.settled = false;
            if let Some(open) = &mut state.transaction {
                open.earlier = true;
            }
        }
        if line.from == Standing::Original {
            state.returned = false;
        }
        state.db.standing = line.to;
        state
            .db
            .pending
            .extend(self.rules.after(line, self.setting.converter));
        (state.db.verified, state.db.copied_back) = (false, false);
        if let Some(snapshot) = &mut state.snapshot {
            snapshot.early = true;
        }
    }
}
