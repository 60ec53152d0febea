//! How a run waits for locks, and whom it tells.

use std::time::Duration;

use super::Options;
use crate::phase::Step;
use crate::waiting::Blocker;

/// A lock that could not be had, as given to [`Options::on_lock_wait`]. The action is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockWait {
    /// The step.
    pub step: Step,
    /// The action's name, as in the plan.
    pub action: String,
    /// How often it was tried so far.
    pub attempt: u32,
    /// How long ago it was tried first.
    pub waited: Duration,
    /// How long it is tried at most: [`Options::lock_patience`].
    pub limit: Duration,
    /// Who was in the way right afterwards; empty where they are gone by then.
    pub blockers: Vec<Blocker>,
}

/// See [`Options::on_lock_wait`].
pub(crate) type OnLockWait = Box<dyn FnMut(&LockWait)>;

/// What a caller may set about locks.
pub(crate) struct Locks {
    pub(crate) patience: Duration,
    pub(crate) retries: Option<u32>,
    pub(crate) on_wait: Option<OnLockWait>,
}

impl Default for Locks {
    fn default() -> Self {
        Locks {
            patience: Duration::from_secs(300),
            retries: None,
            on_wait: None,
        }
    }
}

impl Options {
    /// How long DDL waits for its locks before it steps back (400 ms, and never longer than half of `deadlock_timeout`).
    /// Meanwhile other statements queue behind it: it is the longest that a statement of the application is held up.
    ///
    /// Not so the builds of indexes, which hold up nobody and wait for as long as it takes.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// For how long an action is tried again when it finds a lock taken (5 min), with pauses that grow to two seconds. The
    /// last try is like the first. Then [`Error::Locked`](crate::Error::Locked) says who is in the way; nothing of the
    /// action was done, and the step can be run again at any time.
    #[must_use]
    pub fn lock_patience(mut self, patience: Duration) -> Self {
        self.locks.patience = patience;
        self
    }

    /// How often an action is tried again when it finds a lock taken (as often as [`lock_patience`](Self::lock_patience)
    /// has time for), or the database busy (30 times).
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self.locks.retries = Some(retries);
        self
    }

    /// Called each time an action steps back because it found a lock taken, with who has it.
    #[must_use]
    pub fn on_lock_wait(mut self, callback: impl FnMut(&LockWait) + 'static) -> Self {
        self.locks.on_wait = Some(Box::new(callback));
        self
    }
}
