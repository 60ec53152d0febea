//! What a caller may set about a run.

mod batches;
mod control;
mod events;
mod hours;
mod index;
mod locks;
mod throttle;

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::backend::session::Connect;
use crate::gate::Gate;
use crate::progress::Progress;
use crate::waiting::Waiting;

pub(crate) use control::Control;
pub use events::{ActionEvent, Moment};
pub use hours::Hours;

pub use index::IndexProgress;
pub(crate) use index::OnIndexProgress;
pub use locks::LockWait;
pub(crate) use throttle::{Probe, Source, Throttle};
pub use throttle::{ReplicationLag, Verdict};

type OnProgress = Box<dyn FnMut(&Progress)>;
type OnWait = Box<dyn FnMut(&Waiting)>;
type OnAction = Box<dyn FnMut(&ActionEvent) -> ControlFlow<()>>;

/// How the runner goes about its work.
#[non_exhaustive]
pub struct Options {
    pub(crate) batch_size: Option<u32>,
    pub(crate) target_time: Duration,
    pub(crate) workers: u32,
    pub(crate) lock_timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) lease: Duration,
    pub(crate) grace: Duration,
    pub(crate) snapshot_wait: Duration,
    pub(crate) samples: usize,
    pub(crate) barrier_wait: Duration,
    pub(crate) quiet_period: Duration,
    pub(crate) clean_samples: u64,
    pub(crate) overrides: Vec<(Gate, String)>,
    pub(crate) holder: Option<String>,
    pub(crate) progress: Option<OnProgress>,
    pub(crate) on_action: Option<OnAction>,
    pub(crate) on_wait: Option<OnWait>,
    pub(crate) connect: Option<Connect>,
    pub(crate) locks: locks::Locks,
    pub(crate) control: Control,
    pub(crate) index_progress: Option<OnIndexProgress>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            batch_size: None,
            target_time: Duration::from_millis(100),
            workers: 1,
            lock_timeout: Duration::from_millis(400),
            retries: 30,
            lease: Duration::from_secs(60),
            grace: Duration::from_secs(1),
            snapshot_wait: Duration::from_secs(60),
            samples: 10,
            barrier_wait: Duration::from_secs(120),
            quiet_period: Duration::from_secs(24 * 60 * 60),
            clean_samples: 0,
            overrides: Vec::new(),
            holder: None,
            progress: None,
            on_action: None,
            on_wait: None,
            connect: None,
            locks: locks::Locks::default(),
            control: Control::default(),
            index_progress: None,
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Options::default()
    }

    /// How long another runner must stand still before its work is taken over (60 s).
    ///
    /// A runner counts as moving when it begins an action or a batch, while it waits, and while it builds an index on a
    /// second connection ([`Migration::connect_with`](crate::Migration::connect_with)). Whoever is in the middle of an action
    /// that changes anything, or of an index build, is not taken over from however long that takes.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How long the runner waits, once every registered instance has acknowledged a phase, before it goes on to what an
    /// earlier phase does not tolerate: a column that is not written any more or dropped, a copy in the other direction
    /// (1 s).
    ///
    /// It is for statements that were built before and are still on their way to the server, in the queue of a pool or of
    /// PgBouncer, and for processes that are not registered and load the phase only now and then: take the steps one by
    /// one and let those load in between, or set this to longer than they take. `expand` and a rollback to `Expanded` do
    /// without, since the triggers see to what arrives late. Transactions by [`crate::pinned`] need none.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long `switch`, and a rollback that has copied back, wait for transactions that may see the rows as they were
    /// before the copy (60 s). Then the gate [`Gate::Transactions`] is closed.
    ///
    /// On PostgreSQL those that hold a snapshot or a lock on the table, and prepared ones with such a lock; on SQLite read
    /// transactions in the write-ahead log (a tool that keeps one open for good has to be stopped, or the gate passed).
    #[must_use]
    pub fn snapshot_wait(mut self, wait: Duration) -> Self {
        self.snapshot_wait = wait;
        self
    }

    /// How long a step waits for every instance to acknowledge the phase, and then again for the transactions that were
    /// open at that time (120 s each). Then the gate [`Gate::Instances`] or [`Gate::Transactions`] is closed; the phase
    /// stays published, and the next step waits again before it does anything of its own.
    ///
    /// Must be longer than the instances' leases: one that died holds the step up until its lease has run out, which the
    /// runner judges by the renewal counter and its own clock.
    #[must_use]
    pub fn barrier_wait(mut self, wait: Duration) -> Self {
        self.barrier_wait = wait;
        self
    }

    /// For how long no writer that knows only the old column may have been seen before `retire` and `contract`, and none
    /// that knows only the new one before the end of a rollback from `Retired` (24 h: a nightly job writes once a day;
    /// zero: the gate is open).
    ///
    /// It is counted by the database's clock, from when the writer was seen last. A writer that was never seen holds
    /// nothing up: let at least this time pass after `expand`. It is seen when it changes a value, and a reader never is.
    /// Who was seen is in [`Status::strangers`](crate::Status::strangers). A [rename in place](crate::strategies) rests on this
    /// alone: before `contract` the period must have been watched in full.
    #[must_use]
    pub fn quiet_period(mut self, period: Duration) -> Self {
        self.quiet_period = period;
        self
    }

    /// How many shadow reads `switch` wants to have seen, all without a difference (0: none).
    #[must_use]
    pub fn clean_samples(mut self, samples: u64) -> Self {
        self.clean_samples = samples;
        self
    }

    /// Goes through a gate that is closed, where it is one to wait at: when the limit is over. `reason` is for those who read the ledger later.
    #[must_use]
    pub fn override_gate(mut self, gate: Gate, reason: impl Into<String>) -> Self {
        self.overrides.push((gate, reason.into()));
        self
    }

    /// How many keys errors name (10).
    #[must_use]
    pub fn samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// Who runs this, for others to read in the ledger (`user@host, pid`).
    #[must_use]
    pub fn holder(mut self, holder: impl Into<String>) -> Self {
        self.holder = Some(holder.into());
        self
    }

    /// Called after every batch, and about once a second while one has to wait ([`Progress::held`]).
    #[must_use]
    pub fn on_progress(mut self, callback: impl FnMut(&Progress) + 'static) -> Self {
        self.progress = Some(Box::new(callback));
        self
    }

    /// Called before and after every action. `Break` stops the step there with [`Error::Stopped`](crate::Error); the
    /// next run goes on from that point. This is also the place for tests that kill the process between two actions.
    #[must_use]
    pub fn on_action(
        mut self,
        callback: impl FnMut(&ActionEvent) -> ControlFlow<()> + 'static,
    ) -> Self {
        self.on_action = Some(Box::new(callback));
        self
    }

    /// Called a few times a second while a step waits for instances or transactions, with whom it waits for.
    #[must_use]
    pub fn on_wait(mut self, callback: impl FnMut(&Waiting) + 'static) -> Self {
        self.on_wait = Some(Box::new(callback));
        self
    }

    pub(crate) fn who(&self) -> String {
        let user = || std::env::var("USER").ok().filter(|user| !user.is_empty());
        self.holder.clone().unwrap_or_else(|| {
            let user = user().unwrap_or_else(|| "unknown".to_owned());
            let host = crate::host::host().map(|host| format!("@{host}"));
            format!(
                "{user}{}, process {}",
                host.unwrap_or_default(),
                std::process::id()
            )
        })
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("batch_size", &self.batch_size)
            .field("target_time", &self.target_time)
            .field("workers", &self.workers)
            .field("lock_timeout", &self.lock_timeout)
            .field("retries", &self.retries)
            .field("lease", &self.lease)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}
