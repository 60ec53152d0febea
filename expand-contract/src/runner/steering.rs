//! How many rows a batch takes: as many as fit into the time that it is to take, and never so many that an application's
//! transaction is ended by the deadlock detector because of one.
//!
//! **The time.** The next batch's size follows from how long the last one took. It grows by at most half, so that a lucky
//! batch is no reason for one that is far too long, and shrinks at once.
//!
//! **Deadlocks.** A batch holds the locks of its rows and waits for those of others. An application's transaction that waits
//! the other way around is a deadlock, and the server ends whichever of the two has waited for `deadlock_timeout` when it
//! looks (manual, *Deadlocks*). It looks once in each wait. So as long as a batch has let go of all its rows before anybody
//! can have waited for one of them for that long, no application's transaction is the one: the batch is ended after three
//! quarters of that time, and tried again with fewer rows. In a ring of three somebody may have waited since before the
//! batch began: a batch that has to wait for a row gives up after a twentieth.

use std::time::Duration;

/// The size of the next batch.
#[derive(Debug, Clone)]
pub(super) struct Steering {
    most: u32,
    now: u32,
    target: Duration,
    /// How long a transaction may wait for a lock until the server looks for a deadlock; none where no row is locked.
    timeout: Option<Duration>,
}

impl Steering {
    /// The first batch: a tenth of a second on a disk that takes ten thousand rows a second.
    const FIRST: u32 = 1_000;
    /// Below this a batch is not made smaller: then its rows are taken one at a time.
    const LEAST: u32 = 64;

    /// `most`: rows at most. `timeout`: of the deadlock detector, where batches lock rows.
    pub(super) fn new(most: u32, target: Duration, timeout: Option<Duration>) -> Self {
        let target = match timeout {
            // far enough from the limit that a batch of the right size does not meet it
            Some(timeout) => target.min(timeout / 3),
            None => target,
        };
        Steering {
            most,
            now: most.min(Self::FIRST),
            target,
            timeout,
        }
    }

    /// How many rows the next batch is to have.
    pub(super) fn rows(&self) -> u32 {
        self.now
    }

    /// How long a batch may hold the locks of rows.
    pub(super) fn limit(&self) -> Option<Duration> {
        self.timeout.map(|timeout| timeout * 3 / 4)
    }

    /// A batch of that size took so long.
    pub(super) fn took(&mut self, time: Duration) {
        let fits = f64::from(self.now) * self.target.as_secs_f64() / time.as_secs_f64().max(1e-6);
        let grown = self.now.saturating_add((self.now / 2).max(1));
        // a number that is too large becomes the largest there is
        self.set((fits as u32).min(grown));
    }

    /// A batch failed, perhaps because it took too long or waited for a row.
    pub(super) fn failed(&mut self) {
        if self.timeout.is_some() {
            self.set(self.now / 4);
        }
    }

    fn set(&mut self, rows: u32) {
        self.now = rows.max(Self::LEAST).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(100);
    const SECOND: Option<Duration> = Some(Duration::from_secs(1));

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_batch_is_over_before_anybody_has_waited_for_the_timeout() {
        let limit = Steering::new(10_000, TARGET, SECOND).limit();
        assert!(limit < SECOND, "{limit:?}");
        // and is not meant to take that long
        let mut size = Steering::new(10_000, Duration::from_secs(60), SECOND);
        size.took(ms(1_000));
        assert_eq!(size.rows(), 333);
    }

    #[test]
    fn batches_grow_by_half_and_shrink_at_once() {
        let mut size = Steering::new(10_000, TARGET, SECOND);
        assert_eq!(size.rows(), 1_000);
        size.took(ms(1));
        assert_eq!(size.rows(), 1_500);
        size.took(ms(90));
        assert_eq!(size.rows(), 1_666);
        size.took(ms(400));
        assert_eq!(size.rows(), 416);
        size.failed();
        assert_eq!(size.rows(), 104);
        for _ in 0..20 {
            size.took(ms(1));
        }
        assert_eq!(size.rows(), 10_000);
        for _ in 0..10 {
            size.failed();
        }
        assert_eq!(size.rows(), Steering::LEAST);
        size.took(Duration::ZERO);
        assert_eq!(size.rows(), 96);
    }

    #[test]
    fn what_the_caller_chose_is_the_most() {
        let mut size = Steering::new(3, TARGET, SECOND);
        assert_eq!(size.rows(), 3);
        size.failed();
        size.took(ms(1));
        assert_eq!(size.rows(), 3);
    }

    #[test]
    fn without_locks_of_rows_a_failure_is_no_reason_to_shrink() {
        let mut size = Steering::new(2_000, TARGET, None);
        size.failed();
        assert_eq!((size.rows(), size.limit()), (1_000, None));
        size.took(ms(200));
        assert_eq!(size.rows(), 500);
    }
}
