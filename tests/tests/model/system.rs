//! Everybody who touches the row: instances with a cached phase, programs that know one column, open transactions,
//! statements that arrive late, and the runner. The rules come from `expand_contract::phase::rules`; here is only who acts.
//!
//! The runner keeps nothing in memory that the next action needs, but a value under conversion. So every state is one in
//! which it may have been killed, and whatever action is legal next is what the next runner may do instead.

use expand_contract::phase::rules::{Condition, Converter, Rule, Rules, MOVES};
use expand_contract::phase::{Phase, Side};
use stateright::{Model, Property};

use crate::database::{Cell, Database, Kind, Outcome, Setting, Statement};
use crate::runner::{RunnerAction, Value};

pub(crate) const LOST: &str = "no acknowledged write is lost";
pub(crate) const STALE: &str = "no read is stale";
pub(crate) const FAILED: &str = "no statement fails but a late one, which is retried";
pub(crate) const SERVED: &str = "nobody is alive whom the standing does not serve";
pub(crate) const CONTRACTED: &str = "the old column is gone";
pub(crate) const RETURNED: &str = "a rollback leads back to the start";
pub(crate) const COPIED_BACK: &str = "a rollback from Retired is copied back";
pub(crate) const RETRIED: &str = "a late statement is refused";

/// Who takes part in a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cast {
    pub(crate) instances: usize,
    /// Statements that arrive after their instance has gone on, or has lost its lease.
    pub(crate) late: bool,
    /// A program that knows only this column.
    pub(crate) stranger: Option<Side>,
    /// Transactions of many statements: with one snapshot, with one phase, pinned.
    pub(crate) transactions: bool,
}

/// An instance of the annotated release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Instance {
    /// Not running, or stalled past its lease: it builds no statement, and no barrier waits for it.
    Out,
    /// In the registry, the phase not read yet.
    Registered,
    /// Builds statements for this phase, and has acknowledged it.
    In(Phase),
    /// Has read the phase, but is not in the registry.
    Unregistered(Phase),
    /// The runner takes its lease to have ended; it does not.
    Expired(Phase),
}

impl Instance {
    fn phase(self) -> Option<Phase> {
        match self {
            Instance::Out | Instance::Registered => None,
            Instance::In(phase) | Instance::Unregistered(phase) | Instance::Expired(phase) => {
                Some(phase)
            }
        }
    }
}

/// A program that knows only one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stranger {
    /// A release that reads and writes.
    Running,
    Gone,
    /// A job that updates, long after.
    Back,
}

/// A transaction that sees the rows as they were when it began; its statements are built for the phase of the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Snapshot {
    old: bool,
    new: bool,
    /// It began before all rows were known to be consistent, or while one was waiting to be converted.
    pub(crate) early: bool,
}

/// A transaction all of whose statements are built for the phase in which it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Transaction {
    phase: Phase,
    /// Another phase was published since.
    pub(crate) earlier: bool,
}

/// What must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    Lost,
    Stale,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) db: Database,
    /// As many as the cast has; the others stay out.
    pub(crate) instances: [Instance; 2],
    pub(crate) late: Option<(Phase, Kind)>,
    pub(crate) stranger: Option<Stranger>,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) transaction: Option<Transaction>,
    /// A pinned transaction and the phase that it read.
    pub(crate) pinned: Option<Phase>,
    /// What the runner's process is converting.
    pub(crate) value: Option<Value>,
    /// The move that a runner which has lost the table's lease is about to make.
    pub(crate) ghost: Option<usize>,
    /// A rollback has dropped the new column.
    pub(crate) returned: bool,
    pub(crate) fault: Option<Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Register(usize),
    ReadPhase(usize),
    Acknowledge(usize),
    /// Crash, or a stall, until the lease has ended.
    LoseLease(usize),
    Stop(usize),
    Run(usize, Kind),
    /// A statement is built, and sent later.
    Hold(usize, Kind),
    Arrive,
    StrangerStarts,
    StrangerRuns(Kind),
    StrangerStops,
    StrangerReturns,
    OpenSnapshot,
    ReadSnapshot,
    CloseSnapshot,
    Begin,
    RunInside(Kind),
    Commit,
    Pin,
    RunPinned(Kind),
    Unpin,
    Runner(RunnerAction),
}

/// A model: who takes part, on what, under which rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct System {
    pub(crate) cast: Cast,
    pub(crate) setting: Setting,
    pub(crate) rules: Rules,
}

const KINDS: [Kind; 4] = [Kind::Read, Kind::Update, Kind::Insert, Kind::Upsert];

impl System {
    /// Runs a statement that must not fail, nor read anything but the truth.
    fn run(&self, state: &mut State, statement: Statement) {
        match self.execute(state, statement) {
            Outcome::Read(Cell::Current) | Outcome::Written | Outcome::Again => (),
            Outcome::Read(_) => state.fault = Some(Fault::Stale),
            Outcome::Failed => state.fault = Some(Fault::Failed),
        }
    }

    fn execute(&self, state: &mut State, statement: Statement) -> Outcome {
        let outcome = state.db.run(statement, &self.rules, self.setting);
        if outcome == Outcome::Written {
            if let Some(value) = &mut state.value {
                value.overtaken();
            }
        }
        outcome
    }

    /// One that was built for a phase long ago. It may fail: then it is built again.
    ///
    /// What it reads was the truth at some time since it was built, unless the column was emptied or is another one.
    fn arrive(&self, state: &mut State, phase: Phase, kind: Kind) {
        let outcome = self.execute(state, Statement::of(phase, kind));
        if outcome == Outcome::Read(Cell::Null) {
            state.fault = Some(Fault::Stale);
        }
    }

    fn stranger_reacts_well(&self, state: &State, side: Side) -> bool {
        use expand_contract::phase::rules::Reaction;
        let both = state.db.old != Cell::Missing && state.db.new != Cell::Missing;
        both && state.db.net.is_some_and(|form| {
            // by the table, whatever rule is taken away
            let reaction = Rules::ALL.reaction(form, side, self.setting.converter);
            reaction == Reaction::Mirror
        })
    }

    fn instance_actions(&self, state: &State, at: usize, out: &mut Vec<Action>) {
        let instance = state.instances[at];
        match instance {
            Instance::Out if self.rules.holds(Rule::RegisterFirst) => {
                out.push(Action::Register(at));
            }
            Instance::Out => out.push(Action::ReadPhase(at)),
            Instance::Registered => out.extend([Action::ReadPhase(at), Action::Stop(at)]),
            Instance::In(phase) => {
                out.push(Action::LoseLease(at));
                if phase != state.db.phase() {
                    out.push(Action::Acknowledge(at));
                }
            }
            Instance::Unregistered(_) => out.extend([Action::Register(at), Action::Stop(at)]),
            Instance::Expired(_) => out.push(Action::Stop(at)),
        }
        if instance.phase().is_none() {
            return;
        }
        for kind in KINDS {
            out.push(Action::Run(at, kind));
            // what it reads late is thrown away
            let used = match kind {
                Kind::Read => !self.rules.holds(Rule::ResultInTime),
                Kind::Update | Kind::Insert => true,
                // it writes as an update does
                Kind::Upsert => false,
            };
            if self.cast.late && state.late.is_none() && used {
                out.push(Action::Hold(at, kind));
            }
        }
        if at == 0 && self.cast.transactions {
            out.push(match state.snapshot {
                None => Action::OpenSnapshot,
                Some(_) => Action::ReadSnapshot,
            });
            match state.transaction {
                None => out.push(Action::Begin),
                Some(_) => out.extend(KINDS.map(Action::RunInside)),
            }
        }
    }

    fn stranger_actions(&self, state: &State, out: &mut Vec<Action>) {
        let (Some(side), Some(stranger)) = (self.cast.stranger, state.stranger) else {
            return;
        };
        match stranger {
            Stranger::Running => {
                out.extend(KINDS.map(Action::StrangerRuns));
                out.push(Action::StrangerStops);
            }
            Stranger::Back => {
                out.push(Action::StrangerRuns(Kind::Update));
                out.push(Action::StrangerStops);
            }
            Stranger::Gone => {
                // a release without the annotation is for the time when the new column is all that counts
                if side == Side::New && state.db.phase() >= Phase::Retired {
                    out.push(Action::StrangerStarts);
                }
                if self.stranger_reacts_well(state, side) {
                    out.push(Action::StrangerReturns);
                }
            }
        }
    }

    fn transaction_actions(&self, state: &State, out: &mut Vec<Action>) {
        if !self.cast.transactions {
            return;
        }
        if state.snapshot.is_some() {
            out.push(Action::CloseSnapshot);
        }
        if state.transaction.is_some() {
            out.push(Action::Commit);
        }
        match state.pinned {
            None => out.push(Action::Pin),
            Some(_) => {
                out.extend(KINDS.map(Action::RunPinned));
                out.push(Action::Unpin);
            }
        }
    }
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            db: Database::new(),
            instances: [Instance::Out; 2],
            late: None,
            stranger: self.cast.stranger.map(|side| match side {
                Side::Old => Stranger::Running,
                Side::New | Side::Via => Stranger::Gone,
            }),
            snapshot: None,
            transaction: None,
            pinned: None,
            value: None,
            ghost: None,
            returned: false,
            fault: None,
        }]
    }

    fn actions(&self, state: &State, out: &mut Vec<Action>) {
        if state.fault.is_some() {
            return;
        }
        for at in 0..self.cast.instances {
            self.instance_actions(state, at, out);
        }
        if state.late.is_some() {
            out.push(Action::Arrive);
        }
        self.stranger_actions(state, out);
        self.transaction_actions(state, out);
        let mut runner = Vec::new();
        self.runner_actions(state, &mut runner);
        out.extend(runner.into_iter().map(Action::Runner));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        let state = &mut next;
        let phase = state.db.phase();
        match action {
            Action::Register(at) => {
                state.instances[at] = match state.instances[at] {
                    Instance::Unregistered(phase) => Instance::In(phase),
                    _ => Instance::Registered,
                }
            }
            Action::ReadPhase(at) => {
                state.instances[at] = match state.instances[at] {
                    Instance::Out => Instance::Unregistered(phase),
                    _ => Instance::In(phase),
                }
            }
            Action::Acknowledge(at) => state.instances[at] = Instance::In(phase),
            Action::LoseLease(at) => {
                state.instances[at] = match state.instances[at] {
                    Instance::In(phase) if !self.rules.holds(Rule::Deadline) => {
                        Instance::Expired(phase)
                    }
                    _ => Instance::Out,
                };
                // its scope ends with an error
                if at == 0 && state.instances[at] == Instance::Out {
                    state.transaction = None;
                }
            }
            Action::Stop(at) => state.instances[at] = Instance::Out,
            Action::Run(at, kind) => {
                let phase = state.instances[at].phase()?;
                self.run(state, Statement::of(phase, kind));
            }
            Action::Hold(at, kind) => state.late = Some((state.instances[at].phase()?, kind)),
            Action::Arrive => {
                let (phase, kind) = state.late.take()?;
                self.arrive(state, phase, kind);
            }
            Action::StrangerStarts => state.stranger = Some(Stranger::Running),
            Action::StrangerRuns(kind) => {
                self.run(state, Statement::knowing_only(self.cast.stranger?, kind));
            }
            Action::StrangerStops => state.stranger = Some(Stranger::Gone),
            Action::StrangerReturns => state.stranger = Some(Stranger::Back),
            Action::OpenSnapshot => {
                state.snapshot = Some(Snapshot {
                    old: state.db.old == Cell::Current,
                    new: state.db.new == Cell::Current,
                    early: state.db.queued || !(state.db.verified || state.db.copied_back),
                });
            }
            Action::ReadSnapshot => {
                let snapshot = state.snapshot?;
                let side = state.instances[0].phase()?.reads();
                let right = match side {
                    Side::Old => snapshot.old,
                    Side::New | Side::Via => snapshot.new,
                };
                if state.db.cell(side) == Cell::Missing {
                    state.fault = Some(Fault::Failed);
                } else if !right {
                    state.fault = Some(Fault::Stale);
                }
            }
            Action::CloseSnapshot => state.snapshot = None,
            Action::Begin => {
                let phase = state.instances[0].phase()?;
                let earlier = phase != state.db.phase();
                state.transaction = Some(Transaction { phase, earlier });
            }
            Action::RunInside(kind) => {
                let transaction = state.transaction?;
                self.run(state, Statement::of(transaction.phase, kind));
            }
            Action::Commit => state.transaction = None,
            Action::Pin => state.pinned = Some(phase),
            Action::RunPinned(kind) => {
                let phase = state.pinned?;
                self.run(state, Statement::of(phase, kind));
            }
            Action::Unpin => state.pinned = None,
            Action::Runner(action) => self.run_runner(state, action)?,
        }
        if state.db.lost() {
            state.fault = Some(Fault::Lost);
        }
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut out: Vec<Property<Self>> = vec![
            Property::always(LOST, |_, state: &State| state.fault != Some(Fault::Lost)),
            Property::always(STALE, |_, state: &State| state.fault != Some(Fault::Stale)),
            Property::always(FAILED, |_, state: &State| {
                state.fault != Some(Fault::Failed)
            }),
            Property::always(SERVED, |_, state: &State| {
                let alive = |instance: &Instance| match instance {
                    Instance::In(phase) => state.db.standing.serves(*phase),
                    _ => true,
                };
                state.instances.iter().all(alive)
            }),
            Property::sometimes(CONTRACTED, |_, state: &State| {
                state.db.settled && state.db.phase() == Phase::Contracted
            }),
            Property::sometimes(RETURNED, |_, state: &State| state.returned),
            Property::sometimes(COPIED_BACK, |_, state: &State| state.db.copied_back),
        ];
        if self.cast.late {
            out.push(Property::sometimes(
                RETRIED,
                |system: &System, state: &State| {
                    let Some((phase, kind)) = state.late else {
                        return false;
                    };
                    let mut db = state.db.clone();
                    let statement = Statement::of(phase, kind);
                    db.run(statement, &system.rules, system.setting) == Outcome::Failed
                },
            ));
        }
        out
    }
}

impl System {
    /// Whether what a move needs holds. Time itself is in no state: what may have happened by now may have happened.
    pub(crate) fn condition(&self, state: &State, condition: Condition) -> bool {
        let db = &state.db;
        let quiet =
            |side| self.cast.stranger != Some(side) || state.stranger == Some(Stranger::Gone);
        match condition {
            Condition::Settled => db.settled && db.pending.is_empty(),
            Condition::Verified => db.verified,
            Condition::CopiedBack => db.copied_back,
            Condition::SnapshotsGone => !state.snapshot.is_some_and(|snapshot| snapshot.early),
            Condition::QueueEmpty => !db.queued,
            Condition::OldOnlyQuiet => quiet(Side::Old),
            Condition::NewOnlyQuiet => quiet(Side::New),
        }
    }

    pub(crate) fn needs_hold(&self, state: &State, at: usize) -> bool {
        let line = &MOVES[at];
        state.db.standing == line.from
            && self
                .rules
                .needs(line, self.setting.converter)
                .all(|condition| self.condition(state, condition))
    }

    pub(crate) fn rust(&self) -> bool {
        self.setting.converter == Converter::Rust
    }
}
