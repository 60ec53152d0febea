//! The point behind which nobody acts on an earlier phase: instances, then statements on their way, then transactions.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::action::work;
use super::{strangers, Facts, Runner};
use crate::backend::driver::Mark;
use crate::error::Error;
use crate::gate::Gate;
use crate::ledger::{self, Lease, Registered};
use crate::phase::Step;
use crate::plan::Action;
use crate::waiting::{Waiting, Whom};

/// What is added to an instance's lease before it counts as expired: two clocks may run at different speeds, though by far
/// less than a tenth.
fn margin(lease: Duration) -> Duration {
    lease / 10 + Duration::from_millis(50)
}

/// Counters that stand still, by this process's own clock.
///
/// `Instant` stands still while the machine sleeps, so it may count too little: then an instance is waited for longer than
/// it needs, which is the harmless side.
#[derive(Debug, Default)]
struct Watch {
    // key → counter, and when it had been seen first
    seen: HashMap<String, (i64, Instant)>,
}

impl Watch {
    /// Whether the counter, read between `sent` and now, has stood still for the instance's lease.
    fn expired(&mut self, row: &Registered, sent: Instant) -> bool {
        let fresh = (row.renewals, Instant::now());
        let (renewals, since) = *self.seen.entry(row.key.clone()).or_insert(fresh);
        if renewals != row.renewals {
            self.seen.insert(row.key.clone(), fresh);
            return false;
        }
        sent.saturating_duration_since(since) >= row.lease + margin(row.lease)
    }
}

/// Pauses between looks: short at first, so that who is nearly done is not waited for longer than that.
struct Pause(Duration);

impl Pause {
    const LONGEST: Duration = Duration::from_millis(250);

    fn new() -> Self {
        Pause(Duration::from_millis(5))
    }

    fn take(&mut self, left: Duration) {
        std::thread::sleep(self.0.min(left));
        self.0 = (self.0 * 2).min(Self::LONGEST);
    }
}

/// What a step waits at, and since when.
struct Wait {
    step: Step,
    gate: Gate,
    since: Instant,
    limit: Duration,
}

impl Wait {
    fn new(step: Step, gate: Gate, limit: Duration) -> Self {
        Wait {
            step,
            gate,
            since: Instant::now(),
            limit,
        }
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.since.elapsed())
    }
}

impl Runner<'_> {
    /// Waits until no instance and no transaction acts on a phase before the published one, and notes that.
    pub(super) fn barrier(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        action: &Action,
        grace: bool,
    ) -> Result<(), Error> {
        let step = action.step;
        let waited = self.await_instances(lease, step)?;
        if grace {
            // an instance has only just stopped to build statements of the phase before
            let from = if waited { None } else { self.since };
            self.grace(lease, from.unwrap_or_else(Instant::now))?;
        }
        // last, so that a transaction which a statement on its way has begun counts as well
        let limit = self.options.barrier_wait;
        self.await_transactions(lease, facts, step, limit, false)?;
        let (driver, ledger, row) = (self.driver, self.ledger.clone(), self.position()?.row);
        self.in_transaction(lease, |s| {
            // once: what is seen behind the barrier counts
            if let Some(row) = row.as_ref().filter(|row| !row.settled) {
                strangers::forget(s, &ledger, strangers::begins_anew(row))?;
            }
            for piece in &action.work {
                work(s, (driver, &ledger, facts), step, piece)?;
            }
            ledger.settled(s)?;
            ledger.record(s, lease, step, &action.name)
        })
    }

    /// Waits until no transaction can see the rows as they were before the copy.
    pub(super) fn await_snapshots(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        step: Step,
    ) -> Result<(), Error> {
        let limit = self.options.snapshot_wait;
        self.await_transactions(lease, facts, step, limit, true)
    }

    // whether there was anybody to wait for
    fn await_instances(&mut self, lease: &Lease, step: Step) -> Result<bool, Error> {
        let wait = Wait::new(step, Gate::Instances, self.options.barrier_wait);
        let (mut watch, mut pause) = (Watch::default(), Pause::new());
        let mut waited = false;
        loop {
            let sent = Instant::now();
            let mut behind = self.behind(lease)?;
            let mut gone = Vec::new();
            for row in &behind {
                if watch.expired(row, sent) {
                    let ledger = self.ledger.clone();
                    let expire = |s: &mut dyn crate::backend::session::Session| {
                        ledger.expire(s, &row.key, row.renewals)
                    };
                    if self.in_transaction(lease, expire)? {
                        gone.push(row.key.clone());
                    }
                }
            }
            behind.retain(|row| !gone.contains(&row.key));
            if behind.is_empty() {
                return Ok(waited);
            }
            waited = true;
            let whom = behind.into_iter().map(|row| Whom::Instance(row.instance));
            if self.waits_for(lease, &wait, whom.collect())? {
                return Ok(waited);
            }
            pause.take(wait.left());
        }
    }

    /// The instances that have not acknowledged the published phase.
    fn behind(&mut self, lease: &Lease) -> Result<Vec<Registered>, Error> {
        let ledger = self.ledger.clone();
        let mut rows = self.in_transaction(lease, |s| ledger.instances(s))?;
        rows.retain(|row| !row.instance.up_to_date);
        Ok(rows)
    }

    fn await_transactions(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        step: Step,
        limit: Duration,
        snapshots: bool,
    ) -> Result<(), Error> {
        let wait = Wait::new(step, Gate::Transactions, limit);
        let (mut mark, mut pause): (Option<Mark>, _) = (None, Pause::new());
        loop {
            // renews the lease, and on SQLite has the write lock for a moment
            self.in_transaction(lease, |_| Ok(()))?;
            let left =
                self.driver
                    .older_transactions(self.s, &facts.table, &mut mark, snapshots)?;
            if left.is_empty() {
                return Ok(());
            }
            let whom = left.into_iter().map(Whom::Transaction).collect();
            if self.waits_for(lease, &wait, whom)? {
                return Ok(());
            }
            pause.take(wait.left());
        }
    }

    // tells the caller; at the limit the gate is closed: an error, or `true` where the operator has named it
    fn waits_for(&mut self, lease: &Lease, wait: &Wait, whom: Vec<Whom>) -> Result<bool, Error> {
        let waiting = Waiting {
            step: wait.step,
            gate: wait.gate,
            waited: wait.since.elapsed(),
            limit: wait.limit,
            whom,
        };
        if let Some(callback) = &mut self.options.on_wait {
            callback(&waiting);
        }
        // a pause changes nothing here
        self.requested()?;
        if waiting.waited < wait.limit {
            return Ok(false);
        }
        let names: Vec<String> = waiting.whom.iter().map(Whom::to_string).collect();
        let names = names.join("; ");
        let (found, remedy) = match wait.gate {
            Gate::Instances => {
                let published = self.position()?.row.map_or(0, |row| row.published);
                let found = format!("not at epoch {published} yet: {names}");
                (
                    found,
                    "stop them or let them reload the phase, and run the step again",
                )
            }
            _ => (
                format!("still open: {names}"),
                "end them and run the step again",
            ),
        };
        self.closed(lease, wait.step, wait.gate, found, remedy)?;
        Ok(true)
    }

    /// Waits out what is left of the grace period.
    fn grace(&mut self, lease: &Lease, from: Instant) -> Result<(), Error> {
        loop {
            let left = self.options.grace.saturating_sub(from.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Pause::LONGEST));
            self.in_transaction(lease, |_| Ok(()))?;
        }
    }

    /// Waits for a phase that an earlier run published, if nobody has yet.
    pub(super) fn settle(&mut self, lease: &Lease, step: Step) -> Result<(), Error> {
        let Some(action) = self.unsettled(step)? else {
            // at the latest
            self.since.get_or_insert_with(Instant::now);
            return Ok(());
        };
        let facts = self.facts()?;
        self.run(lease, &facts, &[action])
    }

    /// The barrier that an earlier run left behind, with whom it waits for now. Reads only.
    pub(super) fn unsettled(&mut self, step: Step) -> Result<Option<Action>, Error> {
        let position = self.position()?;
        if position.settled() {
            return Ok(None);
        }
        let facts = self.facts()?;
        // as the step that published it would have waited
        let publisher = position.row.as_ref().and_then(|row| row.published_by);
        let mut action = self
            .context(&facts)
            .barrier(publisher.unwrap_or(step), position.stage.phase)?;
        action.step = step;
        for row in self.registered()? {
            if !row.instance.up_to_date {
                action.sql.push(format!("-- {}", row.instance));
            }
        }
        Ok(Some(action))
    }

    /// The instances that serve the migration. Reads only.
    fn registered(&mut self) -> Result<Vec<Registered>, Error> {
        match ledger::is_current(self.s)? {
            true => self.ledger.instances(self.s),
            false => Ok(Vec::new()),
        }
    }
}
