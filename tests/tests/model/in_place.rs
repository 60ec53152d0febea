//! Renames in place: one column under two names, the marker beside it, and everybody who names one of them.
//!
//! There is one value, so a read is right if it names the column, wrong if it names the marker, and fails otherwise. What may
//! fail is a statement of this library that names the column by a name which it has not got at the moment: it is built again,
//! for the phase that is in force, and must not fail again.

use expand_contract::phase::rules::{Condition, Ddl, Standing, Way};
use expand_contract::phase::{Phase, Route, Side, Stage};
use stateright::{Checker, HasDiscoveries, Model, Property};

const WRONG: &str = "no read is wrong";
const FAILED: &str = "no statement fails but once, because of a rename";
const CONTRACTED: &str = "the column has the new name";
const RETURNED: &str = "it has the old one again";
const RETRIED: &str = "a statement is built again";

/// A rule, by what there is without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    Need(Standing, Standing, Condition),
    /// The DDL of the move is left out.
    Ddl(Standing, Standing, Ddl),
    /// The marker goes with the publication, before the barrier.
    MarkerUntilTheBarrier,
    /// The rename comes first, and the phase in another transaction.
    OneTransaction,
    /// The marker has a name of its own, and not the new one.
    OwnName,
    /// A pinned transaction holds the gate.
    GateHeld,
    /// The barrier waits for instances.
    AwaitInstances,
    /// Whoever failed builds the statement again.
    Retry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Read,
    Write,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fault {
    Wrong,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    standing: Standing,
    settled: bool,
    /// Whether the column has its new name.
    renamed: bool,
    marker: bool,
    watched: bool,
    /// The phases for which instances build statements; none: not running.
    instances: [Option<Phase>; 2],
    /// A statement that was built and not sent yet.
    late: Option<(Phase, Kind)>,
    /// Of a pinned transaction.
    pinned: Option<Phase>,
    /// Programs that know only the old and only the new name.
    old_only: bool,
    new_only: bool,
    /// Renamed, and the phase is still to be published.
    halfway: Option<Standing>,
    returned: bool,
    retried: bool,
    fault: Option<Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Start(usize),
    Acknowledge(usize),
    Stop(usize),
    Run(usize, Kind),
    Hold(usize, Kind),
    Arrive,
    Pin,
    RunPinned(Kind),
    Unpin,
    OldOnlyRuns(Kind),
    OldOnlyStops,
    NewOnlyStarts,
    NewOnlyRuns(Kind),
    NewOnlyStops,
    /// Publishes the move of this index in its table.
    Publish(usize),
    PublishLater,
    Settle,
}

enum Outcome {
    Right,
    Wrong,
    Missing,
}

#[derive(Debug, Clone, Copy)]
struct System {
    way: Way,
    without: Without,
}

impl State {
    fn phase(&self) -> Phase {
        self.standing.phase()
    }

    fn has(&self, side: Side, system: &System) -> Outcome {
        let own = system.without != Without::OwnName;
        match side {
            Side::Old if !self.renamed => Outcome::Right,
            Side::New if self.renamed => Outcome::Right,
            Side::New if self.marker && !own => Outcome::Wrong,
            Side::Via if self.marker => Outcome::Right,
            _ => Outcome::Missing,
        }
    }
}

impl System {
    fn statement(&self, state: &State, phase: Phase, kind: Kind) -> Outcome {
        let stage = Stage::first(phase);
        if kind == Kind::Read {
            return state.has(stage.reads(Route::InPlace), self);
        }
        let sides = [Side::Old, Side::Via, Side::New];
        let written = sides.into_iter().filter(|side| {
            // without a marker the phase that writes it is never published
            stage.writes(*side, Route::InPlace)
        });
        // a trigger that names a column which is gone
        if state.watched && !state.marker {
            return Outcome::Missing;
        }
        let mut outcome = Outcome::Right;
        for side in written {
            match state.has(side, self) {
                Outcome::Missing => return Outcome::Missing,
                Outcome::Wrong => outcome = Outcome::Wrong,
                Outcome::Right => {}
            }
        }
        outcome
    }

    /// A statement of a program that knows one name only.
    fn stranger(&self, state: &mut State, side: Side, kind: Kind) {
        let torn = kind == Kind::Write && state.watched && !state.marker;
        match state.has(side, self) {
            Outcome::Right if !torn => {}
            Outcome::Wrong => state.fault = Some(Fault::Wrong),
            _ => state.fault = Some(Fault::Failed),
        }
    }

    /// A statement of an instance, which may be built again.
    fn leased(&self, state: &mut State, at: usize, kind: Kind) {
        let Some(phase) = state.instances[at] else {
            return;
        };
        match self.statement(state, phase, kind) {
            Outcome::Right => return,
            Outcome::Wrong => {
                state.fault = Some(Fault::Wrong);
                return;
            }
            Outcome::Missing => {}
        }
        let named = Stage::first(phase).reads(Route::InPlace);
        let renamed = !matches!(state.has(named, self), Outcome::Right);
        let again = self.statement(state, state.phase(), kind);
        let right = matches!(again, Outcome::Right) && phase != state.phase();
        if renamed && right && self.without != Without::Retry {
            state.instances[at] = Some(state.phase());
            state.retried = true;
        } else {
            state.fault = Some(Fault::Failed);
        }
    }

    fn condition(&self, state: &State, condition: Condition) -> bool {
        match condition {
            Condition::Settled => state.settled,
            // evidence is forgotten when the phase has settled, and what is not watched is not seen; where no trigger can
            // watch, the operator knows
            Condition::OldOnlyQuiet => {
                let blind = self.way == Way::Marked && !(state.settled && state.watched);
                blind || !state.old_only
            }
            // the operator knows
            Condition::NewOnlyQuiet => !state.new_only,
            _ => unreachable!("of copies"),
        }
    }

    fn may_publish(&self, state: &State, at: usize) -> bool {
        let line = &self.way.moves()[at];
        let held = state.pinned.is_some() && self.without != Without::GateHeld;
        line.from == state.standing
            && state.halfway.is_none()
            && !held
            && line.needs.iter().all(|need| {
                self.without == Without::Need(line.from, line.to, need.what)
                    || self.condition(state, need.what)
            })
    }

    fn publish(&self, state: &mut State, at: usize) {
        let line = &self.way.moves()[at];
        for ddl in line.before.iter().map(|scoped| scoped.what) {
            if self.without == Without::Ddl(line.from, line.to, ddl) {
                continue;
            }
            match ddl {
                Ddl::AddMarker => state.marker = true,
                Ddl::DropMarker => state.marker = false,
                Ddl::Watch => state.watched = true,
                Ddl::StopWatching => state.watched = false,
                Ddl::Rename => state.renamed = true,
                Ddl::RenameBack => state.renamed = false,
                _ => unreachable!("of copies"),
            }
        }
        if self.without == Without::MarkerUntilTheBarrier && line.to == Standing::NewLeft {
            (state.marker, state.watched) = (false, false);
        }
        if self.without == Without::OneTransaction && line.to != line.from {
            state.halfway = Some(line.to);
        } else {
            Self::arrive_at(state, line.to);
        }
    }

    fn arrive_at(state: &mut State, to: Standing) {
        let same = state.phase() == to.phase();
        state.returned |= state.standing == Standing::Contracted;
        state.standing = to;
        state.settled &= same;
    }
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            standing: Standing::Original,
            settled: true,
            renamed: false,
            marker: false,
            watched: false,
            instances: [None; 2],
            late: None,
            pinned: None,
            old_only: true,
            new_only: false,
            halfway: None,
            returned: false,
            retried: false,
            fault: None,
        }]
    }

    fn actions(&self, state: &State, out: &mut Vec<Action>) {
        if state.fault.is_some() {
            return;
        }
        let kinds = [Kind::Read, Kind::Write];
        for at in 0..2 {
            match state.instances[at] {
                None => out.push(Action::Start(at)),
                Some(_) => {
                    out.extend([Action::Acknowledge(at), Action::Stop(at)]);
                    out.extend(kinds.map(|kind| Action::Run(at, kind)));
                    if state.late.is_none() {
                        out.extend(kinds.map(|kind| Action::Hold(at, kind)));
                    }
                }
            }
        }
        if state.late.is_some() {
            out.push(Action::Arrive);
        }
        match state.pinned {
            None => out.push(Action::Pin),
            Some(_) => {
                out.push(Action::Unpin);
                out.extend(kinds.map(Action::RunPinned));
            }
        }
        if state.old_only {
            out.push(Action::OldOnlyStops);
            out.extend(kinds.map(Action::OldOnlyRuns));
        }
        if state.new_only {
            out.push(Action::NewOnlyStops);
            out.extend(kinds.map(Action::NewOnlyRuns));
        } else if state.standing == Standing::Contracted {
            out.push(Action::NewOnlyStarts);
        }
        for at in 0..self.way.moves().len() {
            if self.may_publish(state, at) {
                out.push(Action::Publish(at));
            }
        }
        if state.halfway.is_some() {
            out.push(Action::PublishLater);
        }
        let behind = |known: &Option<Phase>| known.is_some_and(|known| known != state.phase());
        let waits = self.without != Without::AwaitInstances;
        if !(state.settled || waits && state.instances.iter().any(behind)) {
            out.push(Action::Settle);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        let (state, phase) = (&mut next, last.phase());
        match action {
            Action::Start(at) | Action::Acknowledge(at) => state.instances[at] = Some(phase),
            Action::Stop(at) => state.instances[at] = None,
            Action::Run(at, kind) => self.leased(state, at, kind),
            Action::Hold(at, kind) => state.late = Some((state.instances[at]?, kind)),
            // it may fail, and is built again; what it reads is right
            Action::Arrive => {
                let (phase, kind) = state.late.take()?;
                if matches!(self.statement(state, phase, kind), Outcome::Wrong) {
                    state.fault = Some(Fault::Wrong);
                }
            }
            Action::Pin => state.pinned = Some(phase),
            Action::RunPinned(kind) => match self.statement(state, state.pinned?, kind) {
                Outcome::Right => {}
                Outcome::Wrong => state.fault = Some(Fault::Wrong),
                Outcome::Missing => state.fault = Some(Fault::Failed),
            },
            Action::Unpin => state.pinned = None,
            Action::OldOnlyRuns(kind) => self.stranger(state, Side::Old, kind),
            Action::OldOnlyStops => state.old_only = false,
            Action::NewOnlyStarts => state.new_only = true,
            Action::NewOnlyRuns(kind) => self.stranger(state, Side::New, kind),
            Action::NewOnlyStops => state.new_only = false,
            Action::Publish(at) => self.publish(state, at),
            Action::PublishLater => Self::arrive_at(state, last.halfway?),
            Action::Settle => state.settled = true,
        }
        if action == Action::PublishLater {
            state.halfway = None;
        }
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(WRONG, |_, state: &State| state.fault != Some(Fault::Wrong)),
            Property::always(FAILED, |_, state: &State| {
                state.fault != Some(Fault::Failed)
            }),
            Property::sometimes(CONTRACTED, |_, state: &State| {
                state.settled && state.standing == Standing::Contracted
            }),
            Property::sometimes(RETURNED, |_, state: &State| state.returned),
            Property::sometimes(RETRIED, |_, state: &State| state.retried),
        ]
    }
}

#[test]
fn a_rename_in_place_holds_under_all_rules() {
    for (way, least) in [(Way::Marked, 1_000), (Way::Unmarked, 500)] {
        let without = Without::Nothing;
        let checker = System { way, without }.checker().spawn_bfs().join();
        checker.assert_properties();
        let states = checker.unique_state_count();
        assert!(states > least, "{way:?}: {states} states");
    }
}

/// Every need and every piece of DDL that somebody would miss, and the rules that are no part of a table.
#[test]
fn nobody_does_without_a_rule() {
    let mut rules = Vec::new();
    for way in [Way::Marked, Way::Unmarked] {
        for line in way.moves() {
            let (from, to) = (line.from, line.to);
            let needs = line.needs.iter();
            rules.extend(needs.map(|need| (way, Without::Need(from, to, need.what))));
            let ddl = line.before.iter().map(|scoped| scoped.what);
            // an empty column that nobody names harms nobody: it is dropped to leave the table as it was
            let ddl = ddl.filter(|ddl| *ddl != Ddl::DropMarker);
            rules.extend(ddl.map(|ddl| (way, Without::Ddl(from, to, ddl))));
        }
        rules.extend(
            [Without::OneTransaction, Without::GateHeld, Without::Retry].map(|rule| (way, rule)),
        );
    }
    rules.extend(
        [
            Without::MarkerUntilTheBarrier,
            Without::OwnName,
            Without::AwaitInstances,
        ]
        .map(|rule| (Way::Marked, rule)),
    );
    for (way, without) in rules {
        let system = System { way, without };
        let checker = system
            .checker()
            .finish_when(HasDiscoveries::AnyOf([WRONG, FAILED].into()))
            .spawn_bfs()
            .join();
        let property = match without {
            Without::OwnName => WRONG,
            _ => FAILED,
        };
        assert!(
            checker.discovery(property).is_some(),
            "{way:?}: nobody misses {without:?}"
        );
    }
}
