//! What a run tells of the indexes it builds.

use std::time::Duration;

use super::Options;
use crate::phase::Step;
use crate::waiting::Transaction;

/// How far the build of an index is, by PostgreSQL's `pg_stat_progress_create_index`, as given to
/// [`Options::on_index_progress`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexProgress {
    /// The step.
    pub step: Step,
    /// The action's name, as in the plan.
    pub action: String,
    /// For how long it has been built.
    pub elapsed: Duration,
    /// The server's word for what it is at: `building index: scanning table`, `waiting for old snapshots` …
    pub phase: String,
    /// Of the transactions that it waits for in this phase, those that are over.
    pub lockers_done: u64,
    /// All of them.
    pub lockers_total: u64,
    /// Blocks that it is done with in this phase.
    pub blocks_done: u64,
    /// All of them; 0 in phases without.
    pub blocks_total: u64,
    /// Rows that it is done with in this phase.
    pub rows_done: u64,
    /// All of them; 0 in phases without.
    pub rows_total: u64,
    /// The transaction that it waits for now. It blocks nobody meanwhile.
    pub waits_for: Option<Transaction>,
}

/// See [`Options::on_index_progress`].
pub(crate) type OnIndexProgress = Box<dyn FnMut(&IndexProgress)>;

impl Options {
    /// Called a few times a second while an index is built, on the caller's thread. PostgreSQL only, and only with a second
    /// connection ([`Migration::connect_with`](crate::Migration::connect_with)), on which the index is built meanwhile.
    #[must_use]
    pub fn on_index_progress(mut self, callback: impl FnMut(&IndexProgress) + 'static) -> Self {
        self.index_progress = Some(Box::new(callback));
        self
    }
}
