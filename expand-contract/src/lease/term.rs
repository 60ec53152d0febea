//! Until when a phase may be used, and what a statement does when it may not.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock;
use crate::state::StatementError;

/// The deadline of a phase that no lease is behind: it may be used for ever.
pub(crate) const NO_LEASE: u64 = 0;
/// The deadline of a phase that may not be used.
pub(crate) const EXPIRED: u64 = 1;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a watcher thread and the statements that need it meet.
pub(crate) struct Watch {
    /// How long a statement waits for the watcher.
    patience: Duration,
    state: Mutex<Rounds>,
    changed: Condvar,
}

#[derive(Default)]
struct Rounds {
    /// How many were begun.
    begun: u64,
    /// The last one that ended.
    ended: u64,
    /// Somebody wants one now.
    wanted: bool,
    /// There will be none any more.
    stopped: bool,
    /// The watcher has said its last word to the database.
    left: bool,
    /// Why the last one failed.
    trouble: Option<String>,
}

impl Watch {
    pub(super) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Watch {
            patience,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Watcher: a round begins.
    pub(super) fn begin(&self) {
        let mut state = lock(&self.state);
        state.begun += 1;
        state.wanted = false;
    }

    /// Watcher: it has ended.
    pub(super) fn end(&self, trouble: Option<String>) {
        let mut state = lock(&self.state);
        state.ended = state.begun;
        state.trouble = trouble;
        self.changed.notify_all();
    }

    /// Watcher: waits for the time of the next round, or until somebody wants one, but `spacing` at least. Whether there
    /// is to be another.
    pub(super) fn pause(&self, spacing: Duration, interval: Duration) -> bool {
        let state = lock(&self.state);
        let (state, _) = self
            .changed
            .wait_timeout_while(state, spacing, |state| !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        let (state, _) = self
            .changed
            .wait_timeout_while(state, interval.saturating_sub(spacing), |state| {
                !state.stopped && !state.wanted
            })
            .unwrap_or_else(PoisonError::into_inner);
        !state.stopped
    }

    /// Watcher: it is about to end.
    pub(super) fn leave(&self, trouble: Option<String>) {
        let mut state = lock(&self.state);
        state.stopped = true;
        state.left = true;
        state.trouble = trouble;
        self.changed.notify_all();
    }

    /// Asks for a round now.
    pub(crate) fn kick(&self) {
        lock(&self.state).wanted = true;
        self.changed.notify_all();
    }

    pub(super) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        lock(&self.state).stopped
    }

    /// Waits until the watcher has left; what went wrong, or that it did not within `limit`.
    pub(super) fn wait_until_left(&self, limit: Duration) -> Result<(), String> {
        let state = lock(&self.state);
        let (state, _) = self
            .changed
            .wait_timeout_while(state, limit, |state| !state.left)
            .unwrap_or_else(PoisonError::into_inner);
        match (state.left, &state.trouble) {
            (true, None) => Ok(()),
            (true, Some(trouble)) => Err(trouble.clone()),
            (false, _) => Err(format!("no answer from the database within {limit:?}")),
        }
    }

    /// Why the last round failed, if it did.
    pub(crate) fn trouble(&self) -> Option<String> {
        lock(&self.state).trouble.clone()
    }

    /// Waits for the end of a round that begins from now on, for `enough`, or for as long as a statement may wait.
    pub(crate) fn catch_up(&self, enough: impl Fn() -> bool) {
        self.next_round(self.patience, enough);
    }

    pub(super) fn next_round(&self, limit: Duration, enough: impl Fn() -> bool) {
        let since = Instant::now();
        let wanted = {
            let mut state = lock(&self.state);
            state.wanted = true;
            self.changed.notify_all();
            state.begun + 1
        };
        // `enough` takes locks of its own, under which watches are kicked: never with this one held
        while !enough() {
            let state = lock(&self.state);
            let left = limit.saturating_sub(since.elapsed());
            if state.ended >= wanted || state.stopped || left.is_zero() {
                return;
            }
            drop(self.changed.wait_timeout(state, left));
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// One migration as one watcher sees it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) watch: Arc<Watch>,
    /// Who sends the acknowledgements.
    registrar: Arc<Watch>,
    /// Why this process must not use the phase that the ledger has.
    refusal: Mutex<Option<String>>,
}

impl Slot {
    pub(super) fn new(watch: &Arc<Watch>, registrar: &Arc<Watch>) -> Arc<Self> {
        Arc::new(Slot {
            watch: Arc::clone(watch),
            registrar: Arc::clone(registrar),
            refusal: Mutex::default(),
        })
    }

    pub(super) fn refuse(&self, reason: Option<String>) {
        *lock(&self.refusal) = reason;
    }

    pub(super) fn refusal(&self) -> Option<String> {
        lock(&self.refusal).clone()
    }

    /// Waits for the watcher until `in_force` says that there is a phase to use.
    ///
    /// A statement waits for one round at most: where the database does not answer, waiting longer would only tie up the
    /// application's threads.
    pub(crate) fn refresh<T>(
        &self,
        migration: &'static str,
        in_force: impl Fn() -> Option<T>,
    ) -> Result<T, StatementError> {
        if self.refusal().is_none() {
            self.watch.catch_up(|| in_force().is_some());
        }
        in_force().ok_or_else(|| StatementError::LeaseExpired {
            migration,
            reason: self.reason(),
        })
    }

    fn reason(&self) -> String {
        if self.watch.is_stopped() {
            return "the lease was shut down".to_owned();
        }
        self.refusal()
            .or_else(|| self.watch.trouble())
            .unwrap_or_else(|| "the ledger has not answered in time".to_owned())
    }
}

/// The time for which a phase was in force on a server, as far as this process knows. It grows with every renewal until
/// the phase moves.
pub(crate) struct Term {
    deadline: AtomicU64,
    superseded: AtomicBool,
    slot: Arc<Slot>,
}

impl Term {
    pub(super) fn new(slot: &Arc<Slot>, deadline: u64) -> Arc<Self> {
        Arc::new(Term {
            deadline: AtomicU64::new(deadline),
            superseded: AtomicBool::new(false),
            slot: Arc::clone(slot),
        })
    }

    pub(super) fn deadline(&self) -> u64 {
        self.deadline.load(Ordering::Acquire)
    }

    pub(super) fn extend(&self, deadline: u64) {
        self.deadline.store(deadline, Ordering::Release);
    }

    /// Another phase is in force; this one may be used up to its deadline.
    pub(super) fn supersede(&self) {
        self.superseded.store(true, Ordering::Release);
    }

    fn in_force(&self, now: u64) -> Option<()> {
        (now < self.deadline()).then_some(())
    }

    /// Whether a statement may still be built for the phase; waits for the watcher if not.
    #[inline]
    pub(crate) fn check(&self, migration: &'static str) -> Result<(), StatementError> {
        if self.in_force(clock::now()).is_some() {
            return Ok(());
        }
        if self.superseded.load(Ordering::Acquire) {
            return Err(StatementError::LeaseExpired {
                migration,
                reason: "the phase has moved on since the snapshot was taken: take a new one"
                    .to_owned(),
            });
        }
        self.slot.refresh(migration, || self.in_force(clock::now()))
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        // whoever still used the earlier phase held the acknowledgement of the later one back
        if self.superseded.load(Ordering::Acquire) {
            self.slot.registrar.kick();
        }
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Term")
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(patience: Duration) -> Arc<Slot> {
        let watch = Watch::new(patience);
        Slot::new(&watch, &watch)
    }

    #[test]
    fn a_term_ends_at_its_deadline_and_not_before() {
        let term = Term::new(&slot(Duration::ZERO), 1_000);
        assert!(term.in_force(999).is_some());
        assert!(term.in_force(1_000).is_none());
        term.extend(2_000);
        assert!(term.in_force(1_999).is_some());
        assert!(Term::new(&slot(Duration::ZERO), EXPIRED)
            .in_force(clock::now())
            .is_none());
    }

    #[test]
    fn without_patience_a_statement_fails_at_once_and_says_why() {
        let slot = slot(Duration::ZERO);
        let term = Term::new(&slot, EXPIRED);
        let said = || term.check("m").expect_err("expired").to_string();
        assert!(said().contains("has not answered"), "{}", said());
        slot.watch.begin();
        slot.watch.end(Some("connection refused".to_owned()));
        assert!(said().contains("connection refused"), "{}", said());
        slot.refuse(Some("not for this binary".to_owned()));
        assert!(said().contains("not for this binary"), "{}", said());
        slot.watch.stop();
        assert!(said().contains("shut down"), "{}", said());
    }

    #[test]
    fn a_statement_waits_for_the_round_that_it_asked_for() {
        let slot = slot(Duration::from_secs(60));
        let term = Term::new(&slot, EXPIRED);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // as the watcher does it
                while slot.watch.pause(Duration::ZERO, Duration::from_secs(60)) {
                    slot.watch.begin();
                    term.extend(u64::MAX);
                    slot.watch.end(None);
                }
            });
            let result = term.check("m");
            slot.watch.stop();
            result.expect("the watcher has renewed");
        });
    }

    #[test]
    fn a_failed_round_ends_the_wait() {
        let slot = slot(Duration::from_secs(60));
        let term = Term::new(&slot, EXPIRED);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while slot.watch.pause(Duration::ZERO, Duration::from_secs(60)) {
                    slot.watch.begin();
                    slot.watch.end(Some("no".to_owned()));
                }
            });
            let result = term.check("m");
            slot.watch.stop();
            result.expect_err("the round has failed");
        });
    }

    #[test]
    fn the_last_user_of_an_earlier_phase_asks_for_the_acknowledgement() {
        let slot = slot(Duration::ZERO);
        let term = Term::new(&slot, u64::MAX);
        let used = Arc::clone(&term);
        term.supersede();
        drop(term);
        assert!(!lock(&slot.watch.state).wanted);
        drop(used);
        assert!(lock(&slot.watch.state).wanted);
    }
}
