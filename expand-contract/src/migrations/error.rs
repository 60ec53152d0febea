//! What can be wrong with a timeline, or keep it from being run.

/// Why a [`Timeline`](super::Timeline) or a [`Harness`](super::Harness) refused. Nothing was changed.
///
/// Diesel hands it on in a box: `error.downcast_ref::<TimelineError>()`. What a step itself says is an
/// [`Error`](crate::Error) in the same box.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimelineError {
    /// A time stamp that Diesel would not take for a version, or would put in another place.
    #[error(
        "`{at}` (the steps of migration `{migration}`) is no time stamp: write it as the name of a migration's folder begins, \
         for instance 2026-06-01-120000"
    )]
    TimeStamp {
        /// The migration.
        migration: &'static str,
        /// What was given.
        at: String,
    },
    /// Two migrations have one version. Diesel would run one of them only.
    #[error("{first} and {second} have one version, {version}: Diesel would run only one of them; give one another time stamp")]
    DuplicateVersion {
        /// The version.
        version: String,
        /// A migration's name.
        first: String,
        /// The other's name.
        second: String,
    },
    /// A migration's later steps would run before its earlier ones.
    #[error("migration `{migration}`: the steps at {at} come after those at {before}, so give them a later time stamp")]
    Order {
        /// The migration.
        migration: &'static str,
        /// The time stamp of the later steps.
        at: String,
        /// The time stamp of the earlier ones.
        before: String,
    },
    /// No step of this name is left behind those that the timeline has.
    #[error(
        "migration `{migration}` at {at}: no `{through}` is left behind the steps that the timeline has already; each call of \
         `through` goes on where the one before it stopped"
    )]
    NothingLeft {
        /// The migration.
        migration: &'static str,
        /// The time stamp.
        at: String,
        /// The step through which the timeline was to go.
        through: crate::phase::Step,
    },
    /// The steps were made for another kind of connection.
    #[error("this timeline is for connections of type {expected}: run it on one, or write `Timeline::<…>` with the type in use")]
    OtherConnection {
        /// The type.
        expected: &'static str,
    },
    /// A step cannot be undone before later ones are.
    #[error("{step} of migration `{migration}` cannot be undone yet, the migration is {stage}: undo the steps behind it first")]
    NotTheLast {
        /// The migration.
        migration: &'static str,
        /// The step.
        step: crate::phase::Step,
        /// Where the migration stands.
        stage: crate::phase::Stage,
    },
    /// Another process runs migrations, and did not come to an end in time.
    #[error(
        "{holder} is running migrations on this database, for longer than the {waited} s that this process waits: look what \
         it does, then start again (`Harness::wait` sets the time)"
    )]
    Busy {
        /// Who, as far as the role may see.
        holder: String,
        /// How long this process has waited, in seconds.
        waited: u64,
    },
    /// The lock was taken in one session and given back in another.
    #[error(
        "migration {version} was run, but its lock is held by another session now: a pooler in transaction mode (PgBouncer) \
         lies between; run migrations that need a session, such as CREATE INDEX CONCURRENTLY, on a direct connection. The \
         lock goes away with that session"
    )]
    LostSession {
        /// The migration's version.
        version: String,
    },
}
