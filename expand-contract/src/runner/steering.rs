//! How many rows a batch takes, so that no application's transaction is ended by the deadlock detector because of one.
//!
//! A batch holds the locks of its rows and waits for those of others. An application's transaction that waits the other
//! way around is a deadlock, and the server ends whichever of the two has waited for `deadlock_timeout` when it looks
//! (manual, *Deadlocks*). It looks once in each wait. So as long as a batch has let go of all its rows before anybody can
//! have waited for one of them for that long, no application's transaction is the one: the batch is ended after three
//! quarters of that time, and tried again with fewer rows. In a ring of three somebody may have waited since before the
//! batch began: a batch that has to wait for a row gives up after a twentieth.

use std::time::Duration;

/// The size of the next batch.
#[derive(Debug)]
pub(super) struct Steering {
    most: u32,
    now: u32,
    timeout: Option<Duration>,
}

impl Steering {
    /// Below this a batch is not made smaller: then its rows are taken one at a time.
    const LEAST: u32 = 64;
    /// Rust conversions send a statement per row, which no limit ends together: they begin with few.
    const FIRST_IN_RUST: u32 = 128;

    pub(super) fn new(most: u32, rust: bool, timeout: Option<Duration>) -> Self {
        let first = match timeout {
            Some(_) if rust => most.min(Self::FIRST_IN_RUST),
            _ => most,
        };
        Steering {
            most,
            now: first,
            timeout,
        }
    }

    pub(super) fn rows(&self) -> u32 {
        self.now
    }

    /// How long a batch may hold the locks of rows.
    pub(super) fn limit(&self) -> Option<Duration> {
        self.timeout.map(|timeout| timeout * 3 / 4)
    }

    /// A batch took so long.
    pub(super) fn took(&mut self, time: Duration) {
        let Some(timeout) = self.timeout else {
            return;
        };
        if time > timeout / 2 {
            self.set(self.now / 2);
        } else if time < timeout / 8 {
            self.set(self.now.saturating_mul(2));
        }
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

    const SECOND: Option<Duration> = Some(Duration::from_secs(1));

    #[test]
    fn a_batch_is_over_before_anybody_has_waited_for_the_timeout() {
        let limit = Steering::new(10_000, false, SECOND).limit();
        assert!(limit < SECOND, "{limit:?}");
    }

    #[test]
    fn slow_batches_shrink_and_fast_ones_grow_again() {
        let mut size = Steering::new(10_000, false, SECOND);
        size.failed();
        assert_eq!(size.rows(), 2_500);
        size.took(Duration::from_millis(600));
        assert_eq!(size.rows(), 1_250);
        size.took(Duration::from_millis(300));
        assert_eq!(size.rows(), 1_250);
        for _ in 0..10 {
            size.took(Duration::from_millis(10));
        }
        assert_eq!(size.rows(), 10_000);
        for _ in 0..10 {
            size.failed();
        }
        assert_eq!(size.rows(), Steering::LEAST);
    }

    #[test]
    fn what_the_caller_chose_is_the_most() {
        let mut size = Steering::new(3, true, SECOND);
        assert_eq!(size.rows(), 3);
        size.failed();
        size.took(Duration::from_millis(1));
        assert_eq!(size.rows(), 3);
    }

    #[test]
    fn without_locks_of_rows_nothing_is_steered() {
        let mut size = Steering::new(2_000, true, None);
        size.failed();
        size.took(Duration::from_secs(9));
        assert_eq!((size.rows(), size.limit()), (2_000, None));
    }
}
