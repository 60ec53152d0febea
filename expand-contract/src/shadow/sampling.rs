//! Which reads are sampled, and what was counted.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::{Counts, Mismatch, Pending};
use crate::error::Error;

type When = Arc<dyn Fn(u64) -> bool + Send + Sync>;
type OnMismatch = Arc<dyn Fn(&Mismatch) + Send + Sync>;

/// Which of a process's reads look at both columns.
#[derive(Clone)]
pub struct Sampling {
    when: Option<When>,
    on_mismatch: Option<OnMismatch>,
}

impl Sampling {
    /// None (the default).
    pub fn off() -> Self {
        Sampling {
            when: None,
            on_mismatch: None,
        }
    }

    /// Every `n`-th read of the process (0: none).
    pub fn every(n: u64) -> Self {
        if n == 0 {
            return Sampling::off();
        }
        Sampling::when(move |read| read % n == 0)
    }

    /// The reads for whose number, counted from 1 in this process, `when` says so.
    pub fn when(when: impl Fn(u64) -> bool + Send + Sync + 'static) -> Self {
        Sampling {
            when: Some(Arc::new(when)),
            on_mismatch: None,
        }
    }

    /// Called with the key of a row whose columns differ, on the thread that read it: the place for a log line.
    #[must_use]
    pub fn on_mismatch(mut self, callback: impl Fn(&Mismatch) + Send + Sync + 'static) -> Self {
        self.on_mismatch = Some(Arc::new(callback));
        self
    }
}

impl fmt::Debug for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampling")
            .field("on", &self.when.is_some())
            .finish_non_exhaustive()
    }
}

/// The samples of one migration in this process.
pub(crate) struct Shadow {
    on: AtomicBool,
    reads: AtomicU64,
    sampling: RwLock<Option<Sampling>>,
    counts: Mutex<Counts>,
}

impl Shadow {
    pub(crate) const fn new() -> Self {
        Shadow {
            on: AtomicBool::new(false),
            reads: AtomicU64::new(0),
            sampling: RwLock::new(None),
            counts: Mutex::new(Counts::NONE),
        }
    }

    pub(crate) fn set(&self, sampling: Sampling) {
        let on = sampling.when.is_some();
        let mut current = self
            .sampling
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Some(sampling);
        self.reads.store(0, Ordering::Relaxed);
        self.on.store(on, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Counts a read, and says whether it is to be sampled.
    pub(super) fn is_due(&self) -> bool {
        let read = self.reads.fetch_add(1, Ordering::Relaxed) + 1;
        let when = self.sampling().and_then(|sampling| sampling.when);
        when.is_some_and(|when| when(read))
    }

    fn sampling(&self) -> Option<Sampling> {
        let sampling = self.sampling.read();
        sampling.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, counted: Pending, migration: &'static str) {
        if counted.samples == 0 && counted.mismatches == 0 {
            return;
        }
        let differ = counted.mismatches > 0;
        let key = counted.key.clone();
        self.lock().add(counted);
        let callback = self.sampling().and_then(|sampling| sampling.on_mismatch);
        if let (true, Some(callback)) = (differ, callback) {
            callback(&Mismatch {
                migration: migration.to_owned(),
                reader: super::counts::reader(),
                key,
            });
        }
    }

    pub(super) fn failed(&self, error: &Error) {
        let mut counts = self.lock();
        counts.failures += 1;
        counts.last_failure = Some(error.to_string());
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    /// What has to go to the ledger; from here on it is counted anew.
    pub(super) fn take(&self) -> Option<Pending> {
        self.lock().take()
    }

    /// Takes back what did not get there.
    pub(super) fn give_back(&self, counted: Pending) {
        self.lock().add(counted);
    }
}
