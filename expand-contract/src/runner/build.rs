//! Indexes, built while the table is written: without a transaction, without a limit, and with the lease renewed meanwhile.

use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::{Facts, Runner};
use crate::backend::builder::{Builder, Built};
use crate::backend::driver::Driver;
use crate::backend::session::{transaction, Connect, Session};
use crate::error::Error;
use crate::ledger::Lease;
use crate::options::{IndexProgress, OnIndexProgress};
use crate::phase::Step;
use crate::plan::{Action, Kind};

/// How often it is looked whether a connection leads to the same server process.
const PROBES: u32 = 20;

/// What the thread with the statement tells the runner's.
enum Word {
    /// The server process at work.
    Begun(i64),
    Over(Result<(), Error>),
}

impl Runner<'_> {
    fn builder(&self) -> Result<&'static dyn Builder, Error> {
        self.driver.builder().ok_or_else(|| Error::Unexpected {
            what: "an action outside of a transaction".to_owned(),
        })
    }

    /// Refuses, before anything is done, actions that need a server process of their own where there is none.
    pub(super) fn must_be_direct(&mut self, actions: &[Action]) -> Result<(), Error> {
        let Some(action) = actions.iter().find(|action| action.kind == Kind::Outside) else {
            return Ok(());
        };
        let builder = self.builder()?;
        let direct = match self.options.connect.clone() {
            Some(connect) => {
                let (mut one, mut other) = (connect()?, connect()?);
                are_direct(builder, &mut *one, &mut *other)?
            }
            None => self.is_direct(builder)?,
        };
        match direct {
            true => Ok(()),
            false => Err(Error::Pooled {
                action: action.name.clone(),
            }),
        }
    }

    /// Remembers the server process that works for the step.
    pub(super) fn remember_process(&mut self) -> Result<(), Error> {
        if let (Some(builder), None) = (self.driver.builder(), self.process) {
            self.process = Some(builder.process(self.s)?);
        }
        Ok(())
    }

    // as far as one connection can tell: the process has been the same since the step began
    fn is_direct(&mut self, builder: &dyn Builder) -> Result<bool, Error> {
        for _ in 0..PROBES {
            let process = builder.process(self.s)?;
            if *self.process.get_or_insert(process) != process {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs an action outside of a transaction: it converges whatever an earlier one has left.
    pub(super) fn outside(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        action: &Action,
    ) -> Result<(), Error> {
        let builder = self.builder()?;
        let table = &facts.table;
        self.await_builders(lease, facts, action)?;
        let todo = builder.outside(self.s, table, &action.work, lease.token)?;
        let mut result = todo
            .statements
            .iter()
            .try_for_each(|sql| self.alone(lease, action, sql));
        if result.is_ok() {
            result = self.name(lease, facts, action, todo.built.as_ref());
        }
        if let (Err(_), Some(built)) = (&result, &todo.built) {
            // It would be written, and if it is unique enforced, for nothing. Under this name it is nobody else's.
            let drop = builder.drop_built(table, &built.under, true);
            let left = builder.left_over(self.s, table).unwrap_or_default();
            if left.contains(&built.under) && self.s.depth().is_ok_and(|depth| depth == 0) {
                self.alone(lease, action, &drop).ok();
            }
        }
        result
    }

    /// In a transaction that asks for the lease the index gets its name, and the action is on record.
    fn name(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        action: &Action,
        built: Option<&Built>,
    ) -> Result<(), Error> {
        let (builder, driver, ledger) = (self.builder()?, self.driver, self.ledger.clone());
        // renaming locks the index only, and nobody but for other DDL
        let unlocked = Action {
            lock: "none",
            ..action.clone()
        };
        self.with_locks(lease, facts, &unlocked, |s| {
            if let Some(built) = built {
                let rename = builder.name_built(s, &facts.table, built)?;
                driver.ddl(s, &rename)?;
            }
            ledger.record(s, lease, action.step, &action.name)
        })
    }

    /// A build whose client is gone goes on: it is waited for, since it may be the one that is wanted.
    fn await_builders(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        action: &Action,
    ) -> Result<(), Error> {
        let builder = self.builder()?;
        let since = Instant::now();
        loop {
            self.in_transaction(lease, |_| Ok(()))?;
            if builder.left_over(self.s, &facts.table)?.is_empty() {
                return Ok(());
            }
            let processes = builder.builders(self.s, &facts.table)?;
            let Some(process) = processes.first() else {
                return Ok(());
            };
            let mut told = Told {
                step: action.step,
                action: &action.name,
                since,
                callback: &mut self.options.index_progress,
            };
            told.tell(self.s, builder, *process)?;
            thread::sleep(tick(self.options.lease));
        }
    }

    /// Drops what lost runners have built and nobody wants any more.
    pub(super) fn drop_left_over(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        step: Step,
    ) -> Result<(), Error> {
        let Some(builder) = self.driver.builder() else {
            return Ok(());
        };
        let (driver, table) = (self.driver, &facts.table);
        let left = builder.left_over(self.s, table)?;
        if left.is_empty() || !builder.builders(self.s, table)?.is_empty() {
            return Ok(());
        }
        let name = "drop left-over index builds";
        let action = Action::new(step, name, Kind::Ddl, self.rules.ddl_lock(), vec![]);
        self.with_locks(lease, facts, &action, |s| {
            let mut names = left.iter();
            names.try_for_each(|name| driver.ddl(s, &builder.drop_built(table, name, false)))
        })
    }

    /// One statement outside of a transaction.
    ///
    /// With a second connection it runs there, on a thread of its own: this one renews the lease and tells how far it is.
    fn alone(&mut self, lease: &Lease, action: &Action, sql: &str) -> Result<(), Error> {
        let builder = self.builder()?;
        let Some(connect) = self.options.connect.clone() else {
            // before, so that nothing is done, and after: some things cannot be seen in time
            let pooled = || Error::Pooled {
                action: action.name.clone(),
            };
            let before = builder.process(self.s)?;
            if *self.process.get_or_insert(before) != before {
                return Err(pooled());
            }
            builder.alone(self.s, sql)?;
            return match builder.process(self.s)? == before {
                true => Ok(()),
                false => Err(pooled()),
            };
        };
        let every = tick(self.options.lease);
        let mut told = Told {
            step: action.step,
            action: &action.name,
            since: Instant::now(),
            callback: &mut self.options.index_progress,
        };
        let (driver, s) = (self.driver, &mut *self.s);
        thread::scope(|scope| {
            // in here, so that it cancels the statement before the end of the scope waits for it
            let mut beside = Beside {
                s,
                builder,
                process: None,
            };
            let (send, words) = channel();
            scope.spawn(move || speak(&send, &connect, builder, sql));
            loop {
                match words.recv_timeout(every) {
                    Ok(Word::Begun(process)) => beside.process = Some(process),
                    Ok(Word::Over(result)) => {
                        beside.process = None;
                        return result;
                    }
                    Err(RecvTimeoutError::Timeout) => beside.look(driver, lease, &mut told)?,
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(Error::Unexpected {
                            what: format!("{sql}, whose thread has ended"),
                        })
                    }
                }
            }
        })
    }
}

/// The thread with the statement.
fn speak(words: &Sender<Word>, connect: &Connect, builder: &dyn Builder, sql: &str) {
    let result = connect().and_then(|mut session| {
        // nobody listens any more only if the runner is about to cancel it
        words
            .send(Word::Begun(builder.process(&mut *session)?))
            .ok();
        builder.alone(&mut *session, sql)
    });
    words.send(Word::Over(result)).ok();
}

/// Whether two connections have a server process each: behind a pooler that gives one per transaction they share, and change.
fn are_direct(
    builder: &dyn Builder,
    one: &mut dyn Session,
    other: &mut dyn Session,
) -> Result<bool, Error> {
    for _ in 0..PROBES {
        let first = builder.process(one)?;
        // as long as this transaction is open, its process is nobody else's
        let same = transaction(other, |other| {
            let second = builder.process(other)?;
            Ok(second != first && builder.process(one)? == first)
        })?;
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn tick(lease: Duration) -> Duration {
    (lease / 8).clamp(Duration::from_millis(5), Duration::from_millis(250))
}

/// The runner's connection while a statement runs on another. A statement that nobody waits for any more, after an error or a
/// panic of a callback, is cancelled.
struct Beside<'s> {
    s: &'s mut dyn Session,
    builder: &'static dyn Builder,
    process: Option<i64>,
}

impl Beside<'_> {
    fn look(
        &mut self,
        driver: &dyn Driver,
        lease: &Lease,
        told: &mut Told<'_>,
    ) -> Result<(), Error> {
        transaction(self.s, |s| {
            driver.settle(s)?;
            lease.fence(s)
        })?;
        match self.process {
            Some(process) => told.tell(self.s, self.builder, process),
            None => Ok(()),
        }
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        if let Some(process) = self.process {
            self.builder.cancel(self.s, process);
        }
    }
}

/// Whom to tell of a build, and what is the same each time.
struct Told<'t> {
    step: Step,
    action: &'t str,
    since: Instant,
    callback: &'t mut Option<OnIndexProgress>,
}

impl Told<'_> {
    fn tell(
        &mut self,
        s: &mut dyn Session,
        builder: &dyn Builder,
        process: i64,
    ) -> Result<(), Error> {
        let Some(callback) = self.callback else {
            return Ok(());
        };
        if let Some(now) = builder.building(s, process)? {
            callback(&IndexProgress {
                step: self.step,
                action: self.action.to_owned(),
                elapsed: self.since.elapsed(),
                phase: now.phase,
                lockers_done: now.lockers.0,
                lockers_total: now.lockers.1,
                blocks_done: now.blocks.0,
                blocks_total: now.blocks.1,
                rows_done: now.tuples.0,
                rows_total: now.tuples.1,
                waits_for: now.waits_for,
            });
        }
        Ok(())
    }
}
