//! One action: hook, locks, fence, work, record; again where a lock was taken.

use std::time::{Duration, Instant};

use super::triggers::Written;
use super::{strangers, Facts, Runner};
use crate::backend::driver::Driver;
use crate::backend::session::Session;
use crate::backoff::backoff;
use crate::catalogue::Table;
use crate::error::Error;
use crate::gate::Gate;
use crate::ledger::{Lease, Ledger};
use crate::options::{ActionEvent, LockWait, Moment};
use crate::phase::{Phase, Side, Step};
use crate::plan::{Action, Kind, Work};

/// How far an attempt at a transaction came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// Somebody has queued a row since the queue was drained.
    Queued,
    All,
}

impl Runner<'_> {
    /// Runs the actions in order.
    pub(crate) fn run(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        actions: &[Action],
    ) -> Result<(), Error> {
        self.must_be_direct(actions)?;
        for action in actions {
            self.ready(lease, action.step)?;
            self.hook(action, Moment::Before)?;
            match &action.kind {
                Kind::Ddl | Kind::Publish { .. } => self.transactional(lease, facts, action)?,
                Kind::Outside => self.outside(lease, facts, action)?,
                Kind::Backfill { reverse } => {
                    let written = if *reverse { Written::Old } else { Written::New };
                    self.silently(facts, written, |runner| {
                        runner.copy_rows(lease, facts, action.step, *reverse)
                    })?;
                    self.note(lease, action)?;
                }
                Kind::Verify => {
                    self.prove_rows(lease, facts, action.step)?;
                    self.note(lease, action)?;
                }
                Kind::Queue => {
                    self.queue_gates(lease, facts, action.step)?;
                    self.note(lease, action)?;
                }
                Kind::AwaitSnapshots => {
                    self.await_snapshots(lease, facts, action.step)?;
                    self.note(lease, action)?;
                }
                Kind::Barrier { grace } => self.barrier(lease, facts, action, *grace)?,
            }
            self.told(lease)?;
            self.hook(action, Moment::After)?;
        }
        Ok(())
    }

    fn hook(&mut self, action: &Action, moment: Moment) -> Result<(), Error> {
        let Some(callback) = &mut self.options.on_action else {
            return Ok(());
        };
        let event = ActionEvent {
            step: action.step,
            action: action.name.clone(),
            moment,
        };
        if callback(&event).is_break() {
            return Err(Error::Stopped {
                action: action.name.clone(),
            });
        }
        Ok(())
    }

    fn note(&mut self, lease: &Lease, action: &Action) -> Result<(), Error> {
        let ledger = self.ledger.clone();
        self.in_transaction(lease, |s| {
            ledger.record(s, lease, action.step, &action.name)
        })
    }

    /// A transaction of the runner, tried again while the database is busy.
    pub(crate) fn in_transaction<T>(
        &mut self,
        lease: &Lease,
        work: impl FnMut(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.hand(lease).transaction(work)
    }

    /// The same for DDL: also again where a lock is taken, for as long as the caller has patience.
    pub(super) fn with_locks<T>(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        action: &Action,
        mut work: impl FnMut(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (driver, timeout) = (self.driver, self.options.lock_timeout);
        let gate = matches!(action.kind, Kind::Publish { .. });
        let since = Instant::now();
        let (mut attempt, mut busy) = (0, 0);
        loop {
            attempt += 1;
            let result = self.hand(lease).once(|s| {
                driver.clear(s, &action.others)?;
                driver.lock(s, &facts.table, gate, action.lock, timeout)?;
                work(s)
            });
            match result {
                Err(error) if driver.is_locked(&error) => {
                    let left = self.missed(facts, action, (attempt, since))?;
                    // nobody has to wait for the patience to end
                    self.requested()?;
                    // what was undone was also the renewal of the lease
                    self.in_transaction(lease, |_| Ok(()))?;
                    std::thread::sleep(backoff(attempt).min(left));
                }
                Err(error) if driver.is_busy(&error) && busy < self.options.retries => {
                    busy += 1;
                    std::thread::sleep(backoff(busy));
                }
                result => return result,
            }
        }
    }

    /// A look at the ledger outside of a transaction, again while the database is busy.
    pub(super) fn patiently<T>(
        &mut self,
        look: impl Fn(&mut dyn Session, &Ledger) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let retries = self.options.retries;
        while_busy(self.driver, retries, || look(self.s, &self.ledger))
    }

    /// A lock was taken: tells by whom; an error if that was the last attempt, else how much time is left.
    fn missed(
        &mut self,
        facts: &Facts,
        action: &Action,
        (attempt, since): (u32, Instant),
    ) -> Result<Duration, Error> {
        let gate = matches!(action.kind, Kind::Publish { .. });
        let blockers =
            self.driver
                .blockers(self.s, (&facts.table, &action.others), gate, action.lock)?;
        let locks = &mut self.options.locks;
        let wait = LockWait {
            step: action.step,
            action: action.name.clone(),
            attempt,
            waited: since.elapsed(),
            limit: locks.patience,
            blockers,
        };
        if let Some(callback) = &mut locks.on_wait {
            callback(&wait);
        }
        if wait.waited >= locks.patience || locks.retries.is_some_and(|most| attempt > most) {
            return Err(Error::Locked {
                action: wait.action,
                what: facts.table.name.to_string(),
                attempts: attempt,
                waited: wait.waited,
                blockers: wait.blockers,
            });
        }
        Ok(wait.limit - wait.waited)
    }

    fn transactional(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        action: &Action,
    ) -> Result<(), Error> {
        let (driver, ledger) = (self.driver, self.ledger.clone());
        let quiet = self.quiet_terms();
        let queue = action.work.contains(&Work::EmptyQueue);
        let queue = queue && self.named(Gate::Queue).is_none();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let done = self.with_locks(lease, facts, action, |s| {
                if queue && ledger.queue_length(s)?.0 > 0 {
                    return Ok(Done::Queued);
                }
                quiet.check(s, &ledger, lease, action)?;
                for piece in &action.work {
                    work(s, (driver, &ledger, facts), action.step, piece)?;
                }
                ledger.record(s, lease, action.step, &action.name)?;
                if let Kind::Publish {
                    to,
                    old_incomplete,
                    cleanup,
                } = action.kind
                {
                    let name = facts.table.name.to_string();
                    let what = (action.step, to);
                    ledger.publish(s, lease, &name, what, (old_incomplete, cleanup))?;
                    if matches!(to.phase, Phase::Original | Phase::Contracted) && !cleanup {
                        // evidence belongs to the columns of one expand
                        strangers::forget(s, &ledger, &[Side::Old, Side::New])?;
                    }
                }
                Ok(Done::All)
            })?;
            if done == Done::All {
                if let Kind::Publish {
                    to, old_incomplete, ..
                } = action.kind
                {
                    (self.published)(to, old_incomplete);
                    self.since = Some(Instant::now());
                }
                return Ok(());
            }
            if attempt > self.options.retries {
                let found =
                    format!("rows came into it as fast as they were converted, {attempt} times");
                let remedy = "stop the writers that know one column only, and run it again";
                return self.closed(lease, action.step, Gate::Queue, found, remedy);
            }
            self.queue_gates(lease, facts, action.step)?;
            // not under the lock: a snapshot from before shows these rows without their other value
            self.await_snapshots(lease, facts, action.step)?;
        }
    }
}

type Tools<'t> = (
    &'static dyn crate::backend::driver::Driver,
    &'t crate::ledger::Ledger,
    &'t Facts,
);

pub(super) fn work(
    s: &mut dyn Session,
    (driver, ledger, facts): Tools<'_>,
    step: Step,
    piece: &Work,
) -> Result<(), Error> {
    match piece {
        Work::Sql(sql) => driver.ddl(s, sql),
        Work::Define { column, edit } => driver.define(s, &facts.table, column, edit),
        Work::Save(index) => ledger.save(s, index),
        Work::SaveCheck(check) => ledger.save_check(s, check),
        Work::ForgetSaved => ledger.forget_saved(s),
        // done when the lock was had
        Work::EmptyQueue | Work::Watched | Work::Unseen(..) => Ok(()),
        Work::MustBeEmpty => {
            if has_rows(s, &facts.table)? {
                return Err(Error::NotEmpty {
                    table: facts.table.name.to_string(),
                });
            }
            Ok(())
        }
        Work::Partitions { ids, all } => driver.same_partitions(s, &facts.table, ids, *all),
        Work::Intact(triggers) => super::intact::check(s, driver, &facts.table, step, triggers),
        Work::Freeze => {
            ledger.forget_shadow_reads(s)?;
            facts
                .changes
                .iter()
                .try_for_each(|change| ledger.freeze(s, change.index, &change.frozen))
        }
    }
}

/// Whether the table has a row.
pub(super) fn has_rows(s: &mut dyn Session, table: &Table) -> Result<bool, Error> {
    use crate::error::While;
    let sql = format!("SELECT 'x' FROM {} LIMIT 1", table.sql());
    let rows = s.rows(&sql, &[]).during("looking for rows")?;
    Ok(!rows.is_empty())
}

/// Does it again, a number of times, while the database is busy.
pub(super) fn while_busy<T>(
    driver: &dyn Driver,
    retries: u32,
    mut work: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut attempt = 0;
    loop {
        match work() {
            Err(error) if driver.is_busy(&error) && attempt < retries => {
                attempt += 1;
                std::thread::sleep(backoff(attempt));
            }
            result => return result,
        }
    }
}
