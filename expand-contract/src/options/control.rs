//! What an operator sets about when a run works, waits and gives up.

use std::time::Duration;

use super::{Options, Throttle};

/// The options of waiting and of control from outside.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) throttles: Vec<Throttle>,
    pub(crate) throttle_every: Duration,
    pub(crate) throttle_wait: Duration,
    pub(crate) pause_wait: Option<Duration>,
    pub(crate) repair: bool,
    pub(crate) silent: bool,
}

impl Default for Control {
    fn default() -> Self {
        Control {
            throttles: Vec::new(),
            throttle_every: Duration::from_secs(1),
            throttle_wait: Duration::from_secs(60 * 60),
            pause_wait: None,
            repair: false,
            silent: false,
        }
    }
}

impl Options {
    /// How often throttles are asked at most (1 s). What they said holds in between, however short the batches are.
    #[must_use]
    pub fn throttle_every(mut self, interval: Duration) -> Self {
        self.control.throttle_every = interval;
        self
    }

    /// How long a run waits for a throttle in one go (1 h). Then it ends with
    /// [`Interruption::Throttled`](crate::Interruption::Throttled); the next one goes on where it stopped.
    ///
    /// The wait for [`between`](Self::between) ends by itself, so it has no limit.
    #[must_use]
    pub fn throttle_wait(mut self, wait: Duration) -> Self {
        self.control.throttle_wait = wait;
        self
    }

    /// Rows that differ when `verify` or `switch` compares them are copied again, from the old column to the new one and by
    /// the rules of every copy, and compared once more. What differs then is an error, as without.
    ///
    /// Only in `Expanded`, where the old column is the one that is read. How many rows were copied is in
    /// [`Status::verification`](crate::Status::verification). It takes another walk along the table, and it repairs what was
    /// written past the triggers once: a writer that goes on doing so has to be found.
    #[must_use]
    pub fn repair(mut self) -> Self {
        self.control.repair = true;
        self
    }

    /// Copies rows without firing the user's triggers: no audit rows, no new `updated_at`, no notifications for what is no
    /// change to anybody. Which triggers those are, [`Migration::preflight`](crate::Migration::preflight) says. PostgreSQL
    /// only.
    ///
    /// The transactions that copy set `session_replication_role` to `replica`, which a superuser may, and from version 15 on
    /// whoever was given it (`GRANT SET ON PARAMETER session_replication_role`). Triggers that are `ENABLE ALWAYS` fire all
    /// the same, and so do those that are `ENABLE REPLICA`, which do not fire else. The library's own triggers are for other
    /// writers and are not needed.
    ///
    /// The server checks foreign keys and deferrable uniqueness by triggers as well. So a copy refuses to begin
    /// ([`Error::TriggersNeeded`](crate::Error::TriggersNeeded)) where the column that it writes has a foreign key that holds
    /// already, is referred to by one, or is in a deferrable key. The new column gets its own after the copy, and they are
    /// validated then, so this concerns the old column in a rollback.
    #[must_use]
    pub fn without_user_triggers(mut self) -> Self {
        self.control.silent = true;
        self
    }

    /// How long a run stays in a pause that an operator has asked for with [`Migration::pause`](crate::Migration::pause) (as
    /// long as it takes). Then, with zero at once, it ends with [`Interruption::Paused`](crate::Interruption::Paused).
    #[must_use]
    pub fn pause_wait(mut self, wait: Duration) -> Self {
        self.control.pause_wait = Some(wait);
        self
    }
}
