//! The runner among others: locks, sessions, index builds, the one runner per table.
#![allow(missing_docs)]

mod autovacuum;
mod blockers;
mod builds;
mod pooler;
mod runners;
mod settings;
mod stalls;
mod support;
