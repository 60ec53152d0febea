//! A run that was ended on purpose, or gave up waiting.

use std::time::Duration;

use crate::phase::Step;

/// Why a run ended before its step was over, though nothing is wrong with the migration. What was done stays done, nothing
/// is lost, and the same call goes on from there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Interruption {
    /// An operator has asked for it.
    #[error(
        "migration `{migration}` was cancelled by {by} at {at}: {reason}; nothing is lost, what was done stays. To go on from \
         there, lift the request with `Migration::proceed` and run the step again; to go back, lift it and roll back"
    )]
    Cancelled {
        /// The migration.
        migration: String,
        /// Who asked.
        by: String,
        /// When, as the database prints it.
        at: String,
        /// Why.
        reason: String,
    },
    /// An operator has asked for a pause, and it lasted longer than [`Options::pause_wait`](crate::Options::pause_wait).
    #[error(
        "migration `{migration}` was paused by {by} at {at}: {reason}; this run gave up after {} s. Nothing is lost: once \
         `Migration::proceed` has lifted the request, run the step again and it goes on from there", .waited.as_secs()
    )]
    Paused {
        /// The migration.
        migration: String,
        /// Who asked.
        by: String,
        /// When, as the database prints it.
        at: String,
        /// Why.
        reason: String,
        /// How long this run waited.
        waited: Duration,
    },
    /// A throttle held for longer than [`Options::throttle_wait`](crate::Options::throttle_wait).
    #[error(
        "{step} was throttled for {} s: {reason}. Nothing is lost: run the step again once that is over, and it goes on from \
         there", .waited.as_secs()
    )]
    Throttled {
        /// The step.
        step: Step,
        /// What the throttle said last.
        reason: String,
        /// How long this run waited.
        waited: Duration,
    },
}
