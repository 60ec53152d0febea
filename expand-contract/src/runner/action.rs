//! One action: hook, locks, fence, work, record; again where a lock was taken.

use std::time::{Duration, Instant};

use super::{Facts, Runner};
use crate::backend::session::{transaction, Session};
use crate::catalogue::Table;
use crate::error::Error;
use crate::ledger::Lease;
use crate::options::{ActionEvent, Moment};
use crate::plan::{Action, Kind, Work};

impl Runner<'_> {
    /// Runs the actions in order.
    pub(crate) fn run(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        actions: &[Action],
    ) -> Result<(), Error> {
        for action in actions {
            self.hook(action, Moment::Before)?;
            if action.settled {
                self.settle();
            }
            match &action.kind {
                Kind::Ddl | Kind::Publish { .. } => self.transactional(lease, facts, action)?,
                Kind::Outside => {
                    self.in_transaction(lease, |_| Ok(()))?;
                    self.driver.outside(self.s, &action.work)?;
                    self.note(lease, action)?;
                }
                Kind::Backfill { reverse } => {
                    self.copy_rows(lease, facts, action.step, *reverse)?;
                    self.note(lease, action)?;
                }
                Kind::Verify => {
                    self.compare_rows(lease, facts, action.step)?;
                    self.note(lease, action)?;
                }
                Kind::AwaitSnapshots => {
                    self.await_snapshots(lease)?;
                    self.note(lease, action)?;
                }
            }
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

    /// Waits until the grace period since the last published phase is over.
    fn settle(&self) {
        let waited = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        std::thread::sleep(self.options.grace.saturating_sub(waited));
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
        mut work: impl FnMut(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let driver = self.driver;
        let mut attempt = 0;
        loop {
            let result = transaction(self.s, |s| {
                driver.settle(s)?;
                lease.fence(s)?;
                work(s)
            });
            match result {
                Err(error) if driver.is_busy(&error) && attempt < self.options.retries => {
                    attempt += 1;
                    std::thread::sleep(backoff(attempt));
                }
                result => return result,
            }
        }
    }

    fn transactional(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        action: &Action,
    ) -> Result<(), Error> {
        let (driver, ledger) = (self.driver, self.ledger.clone());
        let gate = matches!(action.kind, Kind::Publish { .. });
        let mut attempt = 0;
        loop {
            attempt += 1;
            let timeout = self.options.lock_timeout;
            let locked = self.in_transaction(lease, |s| {
                if !driver.lock(s, &facts.table, gate, action.lock, timeout)? {
                    return Ok(false);
                }
                for piece in &action.work {
                    work(s, (driver, &ledger, facts), piece)?;
                }
                ledger.record(s, lease, action.step, &action.name)?;
                if let Kind::Publish {
                    to,
                    old_incomplete,
                    cleanup,
                } = action.kind
                {
                    let name = facts.table.name.to_string();
                    ledger.publish(s, lease, &name, to, (old_incomplete, cleanup))?;
                }
                Ok(true)
            })?;
            if locked {
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
                return Err(self.locked(&facts.table, action, attempt));
            }
            std::thread::sleep(backoff(attempt));
        }
    }

    fn locked(&mut self, table: &Table, action: &Action, attempts: u32) -> Error {
        Error::Locked {
            action: action.name.clone(),
            what: table.name.to_string(),
            attempts,
            blockers: self.driver.blockers(self.s, table),
        }
    }

    fn await_snapshots(&mut self, lease: &Lease) -> Result<(), Error> {
        let since = Instant::now();
        let before = self.driver.old_transactions(self.s)?;
        loop {
            let now = self.driver.old_transactions(self.s)?;
            let left: Vec<&String> = before.iter().filter(|old| now.contains(old)).collect();
            if left.is_empty() {
                return Ok(());
            }
            if since.elapsed() >= self.options.snapshot_wait {
                let names: Vec<&str> = left.into_iter().map(String::as_str).collect();
                return Err(Error::OldSnapshots {
                    blockers: names.join(", "),
                });
            }
            self.in_transaction(lease, |_| Ok(()))?;
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

type Tools<'t> = (
    &'static dyn crate::backend::driver::Driver,
    &'t crate::ledger::Ledger,
    &'t Facts,
);

fn work(
    s: &mut dyn Session,
    (driver, ledger, facts): Tools<'_>,
    piece: &Work,
) -> Result<(), Error> {
    use crate::error::While;
    match piece {
        Work::Sql(sql) => s.batch(sql).during(sql.clone()),
        Work::Define { column, edit } => driver.define(s, &facts.table, column, edit),
        Work::Save(index) => ledger.save(s, index),
        Work::ForgetSaved => ledger.forget_saved(s),
        Work::MustBeEmpty => {
            if has_rows(s, &facts.table)? {
                return Err(Error::NotEmpty {
                    table: facts.table.name.to_string(),
                });
            }
            Ok(())
        }
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

/// 20 ms, growing to 2 s, each time a little different from other processes'.
pub(crate) fn backoff(attempt: u32) -> Duration {
    let base = 20u64 << attempt.min(7);
    let noise = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| u64::from(now.subsec_nanos()));
    Duration::from_millis((base / 2 + noise % base).min(2_000))
}
