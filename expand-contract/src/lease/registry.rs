//! What a lease knows: the phases per server, until when they may be used, and which epoch may be acknowledged.
//!
//! No connection here. The watcher threads bring what they have read and ask what to acknowledge.
//!
//! An acknowledgement of epoch E says: every statement that this process builds from now on is built for phases of epoch E
//! or later. So it waits for every server that statements may still be built for, and for snapshots of an earlier phase that
//! somebody still uses, as long as their terms last. A server whose term has run out is not waited for; when it comes back,
//! it has to have caught up with what was acknowledged without it (`floors`) before it is used again.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::clock;
use super::term::{lock, Slot, Term, Watch, EXPIRED};
use crate::ledger::Instance;
use crate::migration::Member;
use crate::state::{Snapshot, StatementError};

/// What a watcher has found of one migration.
pub(super) enum Found {
    /// The phase that is held already. The database's epoch at which it was published; none: the ledger does not know the
    /// migration.
    Same(Option<i64>),
    /// Another one.
    Moved(Snapshot, Option<i64>),
    /// This process must not use it.
    Refused(String),
}

/// One server.
pub(super) struct Server {
    pub(super) name: String,
    pub(super) watch: Arc<Watch>,
    slots: Vec<Arc<Slot>>,
}

pub(super) struct Registry {
    pub(super) me: Instance,
    pub(super) duration: Duration,
    /// The first is where the instance is registered.
    pub(super) servers: Vec<Server>,
    pub(super) members: Vec<Member>,
    /// Whether this lease keeps the process-wide phases.
    process_wide: bool,
    state: Mutex<State>,
}

struct State {
    ended: bool,
    /// Per migration: the phase must have been published at this epoch or later to be used.
    floors: Vec<i64>,
    servers: Vec<Known>,
    acknowledged: i64,
    lagging: Option<String>,
}

struct Known {
    epoch: i64,
    deadline: u64,
    phases: Vec<Option<Held>>,
    earlier: Vec<Earlier>,
}

#[derive(Clone)]
struct Held {
    snapshot: Snapshot,
    term: Arc<Term>,
    published: Option<i64>,
}

impl Held {
    fn published(held: &Option<Held>) -> i64 {
        held.as_ref().and_then(|held| held.published).unwrap_or(0)
    }
}

/// A phase that is not in force any more, and that somebody may still use.
struct Earlier {
    term: Weak<Term>,
    deadline: u64,
    epoch: i64,
}

impl Known {
    fn serves(&self, now: u64) -> bool {
        now < self.deadline && self.phases.iter().any(Option::is_some)
    }

    /// The lowest epoch that statements may still be built for.
    fn safe(&self, now: u64) -> Option<i64> {
        let used = |old: &&Earlier| old.term.strong_count() > 0 && now < old.deadline;
        let earlier = self.earlier.iter().filter(used).map(|old| old.epoch).min();
        earlier.or_else(|| self.serves(now).then_some(self.epoch))
    }

    // `None`: nothing may be used any more, not even by those who hold it
    fn drop_phase(&mut self, member: usize, epoch: Option<i64>) {
        let Some(held) = self.phases.get_mut(member).and_then(Option::take) else {
            return;
        };
        match epoch {
            None => held.term.extend(EXPIRED),
            Some(epoch) => {
                held.term.supersede();
                self.earlier.push(Earlier {
                    term: Arc::downgrade(&held.term),
                    deadline: held.term.deadline(),
                    epoch,
                });
            }
        }
    }

    fn expire(&mut self) {
        self.deadline = EXPIRED;
        for held in self.phases.iter().flatten() {
            held.term.extend(EXPIRED);
        }
        for old in std::mem::take(&mut self.earlier) {
            if let Some(term) = old.term.upgrade() {
                term.extend(EXPIRED);
            }
        }
    }
}

/// What to tell the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Acknowledgement {
    pub(super) epoch: i64,
    /// The server that holds it back.
    pub(super) lagging: Option<String>,
}

impl Registry {
    pub(super) fn new(
        me: Instance,
        (duration, patience): (Duration, Duration),
        names: Vec<String>,
        members: Vec<Member>,
        process_wide: bool,
    ) -> Arc<Self> {
        let watches: Vec<Arc<Watch>> = names.iter().map(|_| Watch::new(patience)).collect();
        let servers: Vec<Server> = names
            .into_iter()
            .zip(&watches)
            .map(|(name, watch)| Server {
                name,
                watch: Arc::clone(watch),
                slots: members
                    .iter()
                    .map(|_| Slot::new(watch, &watches[0]))
                    .collect(),
            })
            .collect();
        let known = |_: &Server| Known {
            epoch: 0,
            deadline: EXPIRED,
            phases: members.iter().map(|_| None).collect(),
            earlier: Vec::new(),
        };
        Arc::new(Registry {
            state: Mutex::new(State {
                ended: false,
                floors: vec![0; members.len()],
                servers: servers.iter().map(known).collect(),
                acknowledged: 0,
                lagging: None,
            }),
            me,
            duration,
            servers,
            members,
            process_wide,
        })
    }

    /// Takes the process-wide phases into its care.
    pub(super) fn claim(&self) -> Result<(), crate::Error> {
        if self.process_wide {
            for (member, slot) in self.members.iter().zip(&self.servers[0].slots) {
                member.cell.lease(slot)?;
            }
        }
        Ok(())
    }

    /// The phases that a server had when it was last asked, and whether they were in the ledger.
    pub(super) fn held(&self, server: usize) -> Vec<Option<(Snapshot, bool)>> {
        let state = lock(&self.state);
        let phases = state.servers[server].phases.iter();
        phases
            .map(|held| {
                let held = held.as_ref()?;
                Some((held.snapshot.clone(), held.published.is_some()))
            })
            .collect()
    }

    /// The instance is not on the ledger: nobody waits for it, so it may use nothing.
    pub(super) fn unregistered(&self) {
        let mut state = lock(&self.state);
        if state.ended {
            return;
        }
        for known in &mut state.servers {
            known.expire();
        }
        self.expire_cells();
    }

    fn expire_cells(&self) {
        for (member, slot) in self.members.iter().zip(&self.servers[0].slots) {
            if member.cell.is_kept_by(slot) {
                member.cell.extend(EXPIRED);
            }
        }
    }

    /// The lease is over.
    pub(super) fn end(&self) {
        let mut state = lock(&self.state);
        if std::mem::replace(&mut state.ended, true) {
            return;
        }
        for known in &mut state.servers {
            known.expire();
        }
        // before anybody else may take the cells
        self.expire_cells();
        for server in &self.servers {
            server.watch.stop();
        }
    }

    /// What a server answered to a question that was sent at `sent`. `registered`: for the first time since the instance is
    /// on the ledger.
    pub(super) fn adopt(
        &self,
        server: usize,
        (sent, now): (u64, u64),
        registered: bool,
        epoch: i64,
        found: Vec<Found>,
    ) {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        if state.ended {
            return;
        }
        let known = &mut state.servers[server];
        let moved = known.epoch != epoch;
        let before = known.epoch;
        for (member, found) in found.into_iter().enumerate() {
            let slot = &self.servers[server].slots[member];
            match found {
                Found::Refused(reason) => {
                    known.drop_phase(member, None);
                    slot.refuse(Some(reason));
                }
                Found::Same(published) => {
                    if let Some(held) = &mut known.phases[member] {
                        held.published = published;
                    }
                }
                Found::Moved(snapshot, published) => {
                    known.drop_phase(member, Some(before));
                    let term = Term::new(slot, EXPIRED);
                    known.phases[member] = Some(Held {
                        snapshot: snapshot.within(Arc::clone(&term)),
                        term,
                        published,
                    });
                    slot.refuse(None);
                }
            }
        }
        known.epoch = epoch;
        known.deadline = clock::after(sent, self.duration);
        known
            .earlier
            .retain(|old| old.term.strong_count() > 0 && now < old.deadline);
        if registered {
            // publishes up to here may be settled without this instance
            let State {
                floors, servers, ..
            } = state;
            for (floor, held) in floors.iter_mut().zip(&servers[0].phases) {
                *floor = (*floor).max(Held::published(held));
            }
        }
        self.refuse_the_late(state);
        self.extend(state);
        drop(guard);
        if moved {
            for (other, it) in self.servers.iter().enumerate() {
                if other != server && (server == 0 || other == 0) {
                    it.watch.kick();
                }
            }
        }
    }

    // a pool that is behind what was acknowledged without it
    fn refuse_the_late(&self, state: &mut State) {
        for (server, known) in state.servers.iter_mut().enumerate().skip(1) {
            for (member, floor) in state.floors.iter().enumerate() {
                let phase = &known.phases[member];
                if phase.is_some() && Held::published(phase) < *floor {
                    known.drop_phase(member, None);
                    self.servers[server].slots[member].refuse(Some(format!(
                        "`{}` is behind the phase that this instance has acknowledged: it can be used when it has caught up",
                        self.servers[server].name
                    )));
                }
            }
        }
    }

    // no server's phases are good for longer than the registration
    fn extend(&self, state: &mut State) {
        let registration = state.servers[0].deadline;
        for known in &state.servers {
            for held in known.phases.iter().flatten() {
                held.term.extend(known.deadline.min(registration));
            }
        }
        if self.process_wide {
            for (member, held) in self.members.iter().zip(&state.servers[0].phases) {
                match held {
                    Some(held) => member.cell.adopt(&held.snapshot, registration),
                    None => member.cell.extend(EXPIRED),
                }
            }
        }
    }

    /// What may be acknowledged now. From here on no server that is behind it comes into use.
    pub(super) fn acknowledge(&self, now: u64) -> Acknowledgement {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let newest = state.servers[0].epoch;
        let mut lowest = (newest, None);
        for (server, known) in self.servers.iter().zip(&state.servers) {
            if let Some(epoch) = known.safe(now).filter(|epoch| *epoch < lowest.0) {
                lowest = (epoch, Some(server.name.clone()));
            }
        }
        // a promise is not taken back: what came into use since then is not behind it for the migrations of this lease
        state.acknowledged = state.acknowledged.max(lowest.0);
        state.lagging = lowest.1;
        for (floor, held) in state.floors.iter_mut().zip(&state.servers[0].phases) {
            let published = Held::published(held);
            if published <= state.acknowledged {
                *floor = (*floor).max(published);
            }
        }
        Acknowledgement {
            epoch: state.acknowledged,
            lagging: state.lagging.clone(),
        }
    }

    /// The newest epoch of the server where the instance is registered, and what was acknowledged.
    pub(super) fn epochs(&self) -> (i64, Acknowledgement) {
        let state = lock(&self.state);
        let acknowledgement = Acknowledgement {
            epoch: state.acknowledged,
            lagging: state.lagging.clone(),
        };
        (state.servers[0].epoch, acknowledgement)
    }

    /// Whether every phase of the main server may be used at this moment.
    pub(super) fn is_in_force(&self) -> bool {
        let now = clock::now();
        let state = lock(&self.state);
        let mut phases = state.servers[0].phases.iter();
        phases.all(|held| held.as_ref().is_some_and(|held| now < held.term.deadline()))
    }

    /// The phases in force on a server; waits for its watcher if need be.
    pub(super) fn in_force(&self, server: usize) -> Result<Vec<Snapshot>, StatementError> {
        let of = |member: usize| {
            let held = lock(&self.state).servers[server].phases[member].clone()?;
            (clock::now() < held.term.deadline()).then_some(held.snapshot)
        };
        let mut out = Vec::new();
        for (member, it) in self.members.iter().enumerate() {
            let snapshot = match of(member) {
                Some(snapshot) => snapshot,
                None => {
                    let slot = &self.servers[server].slots[member];
                    slot.refresh(it.cell.definition().id, || of(member))?
                }
            };
            out.push(snapshot);
        }
        Ok(out)
    }
}
