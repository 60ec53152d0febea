//! How large the batches of a copy or comparison are, and how many run at once.

use std::time::Duration;

use super::Options;

impl Options {
    /// How many rows a batch of `backfill`, `verify` and of a rollback that copies back has at most (100,000; on SQLite
    /// 10,000; 20,000 where only Rust converts and rows are locked one by one).
    ///
    /// How many it has follows from [`target_time`](Self::target_time); the first one has 1,000 at most.
    #[must_use]
    pub fn batch_size(mut self, rows: u32) -> Self {
        self.batch_size = Some(rows.max(1));
        self
    }

    /// How long a batch is to take (100 ms): for that long its transaction is open, its rows are locked, and, on SQLite,
    /// all other writers wait.
    ///
    /// The size of the batches follows from it: it grows by half at most from one to the next, and shrinks at once. On
    /// PostgreSQL a batch of a copy is not to take longer than a third of `deadlock_timeout` whatever is set here, and is
    /// ended and tried again with fewer rows after three quarters, so that an application's transaction is never ended as a
    /// deadlock because of it.
    #[must_use]
    pub fn target_time(mut self, time: Duration) -> Self {
        self.target_time = time;
        self
    }

    /// How many ranges of the table are copied and compared at once (1), each on a connection of its own.
    ///
    /// More than one needs [`Migration::connect_with`](crate::Migration::connect_with); without it a step is refused with
    /// [`Error::NoConnections`](crate::Error::NoConnections) before it does anything. A run that was killed can go on with
    /// any number. On SQLite, where there is one writer at a time, it has no effect.
    ///
    /// Each worker takes a core of the server and its share of the disk for as long as there is work: more than half of the
    /// cores is felt by the application.
    #[must_use]
    pub fn workers(mut self, workers: u32) -> Self {
        self.workers = workers.max(1);
        self
    }
}
