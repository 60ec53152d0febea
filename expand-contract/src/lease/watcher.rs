//! The threads of a lease: one for each server, so that none waits for another.

use std::sync::mpsc::SyncSender;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock;
use super::registry::{Acknowledgement, Found, Registry};
use super::wire::Wire;
use crate::backend::driver::driver;
use crate::backend::session::Session;
use crate::backoff::backoff;
use crate::definition::MigrationDef;
use crate::error::Error;
use crate::ledger::{self, Seen, View};
use crate::migration::Member;
use crate::runner::compatible;
use crate::shadow;
use crate::state::Snapshot;

/// The least time between two rounds that somebody asks for.
const SPACING: Duration = Duration::from_millis(20);
/// The same after a round that failed.
const SPACING_AFTER_FAILURE: Duration = Duration::from_millis(250);

/// One server's watcher.
pub(super) struct Watcher {
    registry: Arc<Registry>,
    server: usize,
    wire: Option<Box<dyn Wire>>,
    /// The migrations as this server's connections name them.
    members: Vec<Member>,
    defs: Vec<&'static MigrationDef>,
    /// The instance is on the ledger, as far as this thread knows (a pool: the ledger was found).
    known: bool,
    last_refusal: Option<Error>,
}

/// What a round leads to.
enum Next {
    Wait,
    /// There is something to acknowledge.
    Again,
}

impl Watcher {
    pub(super) fn new(
        registry: &Arc<Registry>,
        server: usize,
        wire: Box<dyn Wire>,
        members: Vec<Member>,
    ) -> Self {
        Watcher {
            registry: Arc::clone(registry),
            server,
            wire: Some(wire),
            defs: members.iter().map(|m| m.cell.definition()).collect(),
            members,
            known: false,
            last_refusal: None,
        }
    }

    /// Where the instance is registered: the first round decides whether the lease begins.
    pub(super) fn register(mut self, first: &SyncSender<Result<(), Error>>) {
        let watch = Arc::clone(&self.registry.servers[self.server].watch);
        watch.begin();
        let round = self.prepare().and_then(|()| self.round());
        let round = match (round, self.last_refusal.take()) {
            (Ok(_), Some(refused)) => Err(refused),
            (round, _) => round,
        };
        watch.end(round.as_ref().err().map(Error::to_string));
        let next = match round {
            Ok(next) => next,
            Err(error) => {
                self.registry.end();
                // a row that cannot be deleted runs out
                self.deregister().ok();
                watch.leave(None);
                first.send(Err(error)).ok();
                return;
            }
        };
        first.send(Ok(())).ok();
        self.go_on(next);
        let left = self.deregister();
        watch.leave(left.err().map(|error| error.to_string()));
    }

    /// Where phases are only read.
    pub(super) fn read(mut self) {
        self.go_on(Next::Again);
        self.registry.servers[self.server].watch.leave(None);
    }

    fn go_on(&mut self, mut next: Next) {
        let watch = Arc::clone(&self.registry.servers[self.server].watch);
        let interval = self.registry.duration / 3;
        let (mut failures, mut trouble) = (0, false);
        loop {
            let (spacing, pause) = match next {
                Next::Again if !trouble => (Duration::ZERO, Duration::ZERO),
                _ if trouble => {
                    let pause = backoff(failures).min(interval);
                    (SPACING_AFTER_FAILURE.min(pause), pause)
                }
                _ => (SPACING.min(interval), interval),
            };
            if !watch.pause(spacing, pause) {
                return;
            }
            watch.begin();
            let round = self.round();
            trouble = round.is_err();
            failures = if trouble { failures + 1 } else { 0 };
            watch.end(round.as_ref().err().map(Error::to_string));
            next = round.unwrap_or(Next::Wait);
        }
    }

    /// The ledger, with a table for instances.
    fn prepare(&mut self) -> Result<(), Error> {
        self.with(|_, s| {
            if ledger::is_current(s)? {
                return Ok(());
            }
            let place = ledger::place(s.dialect());
            ledger::ensure(s).map_err(|error| match error {
                Error::Database { source, .. } => Error::LedgerNotPrepared {
                    ledger: place,
                    reason: source.to_string(),
                },
                error => error,
            })
        })
    }

    fn round(&mut self) -> Result<Next, Error> {
        if self.server == 0 {
            self.with(Self::renew)
        } else {
            self.with(Self::look)
        }
    }

    // `work` with the connection; after an error that will not go away by itself it is another one next time
    fn with<T>(
        &mut self,
        mut work: impl FnMut(&mut Self, &mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let registry = Arc::clone(&self.registry);
        let unexpected = || Error::Unexpected {
            what: "a round of the lease".to_owned(),
        };
        let mut wire = self.wire.take().ok_or_else(unexpected)?;
        let since = Instant::now();
        let result = loop {
            let (mut out, mut busy) = (None, false);
            let result = wire.with(&registry.servers[self.server].name, &mut |s| {
                let result = work(self, s);
                if let Err(error) = &result {
                    busy = driver(s.dialect()).is_ok_and(|driver| driver.is_busy(error));
                }
                result.map(|value| out = Some(value))
            });
            // SQLite: somebody writes at this moment
            if busy && since.elapsed() < registry.duration / 3 {
                std::thread::sleep(backoff(0));
                continue;
            }
            if matches!(result, Err(Error::Database { .. })) && !busy {
                wire.hang_up();
            }
            break result.and_then(|()| out.ok_or_else(unexpected));
        };
        self.wire = Some(wire);
        result
    }

    fn renew(&mut self, s: &mut dyn Session) -> Result<Next, Error> {
        let mut registered = false;
        loop {
            if !self.known {
                ledger::register(s, &self.registry.me)?;
                (self.known, registered) = (true, true);
            }
            let registry = Arc::clone(&self.registry);
            // before the renewal is sent: the deadline counts from here
            let sent = clock::now();
            let acknowledgement = if registered {
                // nothing was read yet that could be acknowledged
                Acknowledgement {
                    epoch: 0,
                    lagging: None,
                }
            } else {
                registry.acknowledge(sent)
            };
            let (epoch, lagging) = (acknowledgement.epoch, acknowledgement.lagging.as_deref());
            let view = ledger::renew(s, &registry.me.id, epoch, lagging, &self.defs)?;
            let Some(view) = view else {
                // a runner took this process for dead
                registry.unregistered();
                self.known = false;
                if registered {
                    return Err(Error::Unexpected {
                        what: "the registration of this instance: its row is not there".to_owned(),
                    });
                }
                continue;
            };
            let (epoch, found) = self.found(s, view)?;
            registry.adopt(0, (sent, clock::now()), registered, epoch, found);
            self.report(s);
            let again = registry.acknowledge(clock::now()) != acknowledgement;
            return Ok(if again { Next::Again } else { Next::Wait });
        }
    }

    /// What shadow reads have counted goes to the ledger; what cannot go now is kept for the next time.
    fn report(&self, s: &mut dyn Session) {
        for member in &self.members {
            shadow::flush(s, member.cell, &shadow::reader()).ok();
        }
    }

    fn look(&mut self, s: &mut dyn Session) -> Result<Next, Error> {
        if !self.known {
            self.known = ledger::is_current(s)?;
        }
        let sent = clock::now();
        let view = if self.known {
            ledger::view(s, &self.defs)?
        } else {
            // a replica that the ledger has not reached yet, or one of an older release
            View {
                epoch: 0,
                seen: self.defs.iter().map(|_| None).collect(),
            }
        };
        let (epoch, found) = self.found(s, view)?;
        self.registry
            .adopt(self.server, (sent, clock::now()), false, epoch, found);
        Ok(Next::Wait)
    }

    fn found(&mut self, s: &mut dyn Session, view: View) -> Result<(i64, Vec<Found>), Error> {
        let held = self.registry.held(self.server);
        self.last_refusal = None;
        let mut out = Vec::new();
        for ((member, seen), held) in self.members.iter().zip(view.seen).zip(held) {
            let found = seen
                .transpose()
                .and_then(|seen| one(s, member, seen.as_ref(), held.as_ref()));
            out.push(match found {
                Ok(found) => found,
                Err(error) if passes(&error) => return Err(error),
                Err(error) => {
                    let reason = error.to_string();
                    self.last_refusal = Some(error);
                    Found::Refused(reason)
                }
            });
        }
        Ok((view.epoch, out))
    }

    fn deregister(&mut self) -> Result<(), Error> {
        if !self.known {
            return Ok(());
        }
        let id = self.registry.me.id.clone();
        let mut attempt = 0;
        loop {
            match self.with(|watcher, s| {
                watcher.report(s);
                ledger::deregister(s, &id)
            }) {
                Err(_) if attempt < 3 => {
                    attempt += 1;
                    std::thread::sleep(backoff(attempt));
                }
                result => return result,
            }
        }
    }
}

/// Whether an error says nothing of the phase, only that it could not be read.
fn passes(error: &Error) -> bool {
    matches!(error, Error::Database { .. } | Error::Connection { .. })
}

fn one(
    s: &mut dyn Session,
    member: &Member,
    seen: Option<&Seen>,
    held: Option<&(Snapshot, bool)>,
) -> Result<Found, Error> {
    let def = member.cell.definition();
    let Some(seen) = seen else {
        // not in the ledger: the phase was inferred, and nobody but a step, which writes there, moves it
        if held.is_some_and(|(_, in_ledger)| !in_ledger) {
            return Ok(Found::Same(None));
        }
        let (snapshot, published) = member.read(s)?;
        return Ok(Found::Moved(snapshot, published));
    };
    compatible(def, seen.stage, &seen.reads, &seen.writes)?;
    let same = |held: &Snapshot| {
        let current = held.current();
        (held.epoch(), current.stage, current.old_incomplete)
            == (seen.epoch, seen.stage, seen.old_incomplete)
    };
    if held.is_some_and(|(held, in_ledger)| *in_ledger && same(held)) {
        return Ok(Found::Same(Some(seen.published)));
    }
    // the old column's type, and how to compare both columns, take a look at the table
    if seen.stage.phase.writes_old() {
        let (snapshot, published) = member.read(s)?;
        return Ok(Found::Moved(snapshot, published));
    }
    let snapshot = Snapshot::new(member.cell, seen.stage, s.dialect(), vec![])
        .with_epoch(seen.epoch)
        .with_old_incomplete(seen.old_incomplete);
    Ok(Found::Moved(snapshot, Some(seen.published)))
}
