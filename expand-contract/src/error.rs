//! What can go wrong in a step, and what to do next.

mod database;
mod interruption;
mod parts;

use std::time::Duration;

use crate::definition::Dialect;
use crate::gate::Gate;
use crate::phase::{Phase, Stage, Step, UnknownName};
use crate::waiting::Blocker;

pub(crate) use database::{said, DatabaseError, QueryResult};
pub use interruption::Interruption;
use parts::{in_the_way, list, missing, poison};
pub use parts::{Obstacle, PoisonRow};

/// Why a step did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database refused a statement.
    #[error("{context}: {source}")]
    Database {
        /// What the library was doing.
        context: String,
        /// What the database said.
        source: DatabaseError,
    },
    /// The connection is inside a transaction; the step needs transactions of its own.
    #[error("{what} needs transactions of its own: call it on a connection that is not inside a transaction")]
    InsideTransaction {
        /// The step or function.
        what: String,
    },
    /// What was asked for takes more than one connection, and there is no way to another.
    #[error(
        "{what} need connections of their own: give the migration a way to open them by `connect_with`, or {instead}"
    )]
    NoConnections {
        /// Who needs them.
        what: String,
        /// What would do without.
        instead: &'static str,
    },
    /// The table does not exist (or not on the search path).
    #[error("table {table} does not exist: create it first, or check `search_path` and the schema in schema.rs")]
    TableNotFound {
        /// The table.
        table: String,
    },
    /// Neither column of a change exists.
    #[error("{table} has neither `{old}` nor `{new}`: run the migrations that create the table, or correct the annotation")]
    ColumnMissing {
        /// The table.
        table: String,
        /// The column before the change.
        old: String,
        /// The column after the change.
        new: String,
    },
    /// A rename in place needs a name that another column has.
    #[error(
        "{table} has a column `{name}` already, the {use_} of migration `{migration}`: rename or drop that one{remedy}",
        use_ = if *.marker { "marker" } else { "other name of a column" },
        remedy = if *.marker { ", or give the marker another name with `via`" } else { "" }
    )]
    NameTaken {
        /// The table.
        table: String,
        /// The migration's id.
        migration: String,
        /// The name.
        name: String,
        /// Whether it is for the marker.
        marker: bool,
    },
    /// Both columns of a change exist, but the ledger knows nothing of the migration.
    #[error(
        "{table} has both `{old}` and `{new}`, but the ledger does not know migration `{migration}`: if `{new}` is a \
         leftover, drop it and expand again; if the ledger was lost, restore `{ledger}` from a backup"
    )]
    BothColumns {
        /// The table.
        table: String,
        /// The migration.
        migration: String,
        /// The column before the change.
        old: String,
        /// The column after the change.
        new: String,
        /// Where the ledger is.
        ledger: &'static str,
    },
    /// The annotated kind of table or change is not supported.
    #[error("{what} is not supported: {instead}")]
    Unsupported {
        /// What was met.
        what: String,
        /// What to do instead.
        instead: String,
    },
    /// The table has nothing to walk along: no primary key, and on PostgreSQL no unique index over NOT NULL columns either.
    #[error(
        "{table} has no primary key, so its rows cannot be copied in batches: add one first (on PostgreSQL a unique index over \
         NOT NULL columns will do: no expressions, no condition, not deferrable)"
    )]
    NoPrimaryKey {
        /// The table.
        table: String,
    },
    /// Objects depend on the old column that this release cannot carry. Nothing was changed.
    #[error("nothing was changed: {table} has {}; drop or port them first, then expand again", list(.obstacles))]
    Obstacles {
        /// The table.
        table: String,
        /// What was found.
        obstacles: Vec<Obstacle>,
    },
    /// The role may not do what the step needs. Nothing was changed.
    #[error("nothing was changed: the role may not {what}; as an administrator run: {grant}")]
    Privilege {
        /// What is needed.
        what: String,
        /// The statement that gives it.
        grant: String,
    },
    /// The server is too old.
    #[error("{dialect} {found} is too old: {needed} or newer is needed")]
    ServerVersion {
        /// The database.
        dialect: Dialect,
        /// Its version.
        found: String,
        /// The oldest version that works.
        needed: &'static str,
    },
    /// Another migration of the same table is under way.
    #[error(
        "migration `{other}` of {table} is under way ({stage}): finish it or roll it back first"
    )]
    OtherMigration {
        /// The table.
        table: String,
        /// The other migration.
        other: String,
        /// Where it stands.
        stage: Stage,
    },
    /// A conversion does not parse, does not run, or does not give the declared type.
    #[error("the {direction} conversion of `{column}` does not run: {reason}")]
    Conversion {
        /// The new column.
        column: String,
        /// `up` or `down`.
        direction: &'static str,
        /// What the database said.
        reason: String,
    },
    /// The annotation has no conversion or type for this database.
    #[error("the annotation of `{column}` gives no {what} for {dialect}: add it")]
    NotInDialect {
        /// The new column.
        column: String,
        /// What is missing.
        what: &'static str,
        /// The database.
        dialect: Dialect,
    },
    /// A name is too long for the database.
    #[error("the name `{name}` is longer than {limit} bytes, the database would cut it: choose a shorter one")]
    NameTooLong {
        /// The name.
        name: String,
        /// The limit.
        limit: usize,
    },
    /// The definition is not the one that was frozen when the migration was expanded.
    #[error(
        "migration `{migration}` is {stage} under another definition: restore the annotation it was expanded with, \
         roll back and expand again, or give the change a new id or generation"
    )]
    DefinitionChanged {
        /// The migration.
        migration: String,
        /// Where it stands.
        stage: Stage,
    },
    /// This binary and the ledger's phase do not read and write the same columns.
    #[error(
        "this binary must not run in migration `{migration}`'s phase {stage}: it reads [{reads}] and writes [{writes}], \
         the ledger has reads [{ledger_reads}] and writes [{ledger_writes}]; deploy the release the ledger belongs to"
    )]
    Incompatible {
        /// The migration.
        migration: &'static str,
        /// Where it stands.
        stage: Stage,
        /// What this binary reads.
        reads: String,
        /// What this binary writes.
        writes: String,
        /// What the ledger's binaries read.
        ledger_reads: String,
        /// What the ledger's binaries write.
        ledger_writes: String,
    },
    /// The ledger was written by a newer release, and is not for this one to read.
    #[error(
        "the ledger has version {found}, which releases of version {needed} and newer can read; this one knows versions \
         up to {known}: upgrade the application"
    )]
    LedgerVersion {
        /// The ledger's version.
        found: String,
        /// The oldest version that can read it.
        needed: String,
        /// The newest version this release knows.
        known: u32,
    },
    /// The ledger is kept by a newer release. This one may serve, but not move a migration.
    #[error(
        "nothing was changed: the ledger has version {found}, this release keeps version {known}; it may go on serving, but \
         run the steps with the newer release"
    )]
    LedgerNewer {
        /// The ledger's version.
        found: u32,
        /// The newest version this release knows.
        known: u32,
    },
    /// The ledger names something this release does not know.
    #[error("ledger: {0}")]
    LedgerName(#[from] UnknownName),
    /// The ledger has a later generation of the migration.
    #[error("the ledger has generation {found} of migration `{migration}`, the annotation says {declared}: deploy the newer release")]
    NewerGeneration {
        /// The migration.
        migration: String,
        /// The ledger's generation.
        found: u32,
        /// The annotation's.
        declared: u32,
    },
    /// Another runner works on the table.
    #[error("{holder} is working on {table} right now: wait for it, or stop it and try again after its lease has run out")]
    RunnerActive {
        /// The table.
        table: String,
        /// Who it is.
        holder: String,
    },
    /// Another runner took over, because this one did not renew its lease in time. Its last action was undone.
    #[error("another runner took over {table}: this one stood still for longer than its lease; look at `status` and run the step again")]
    RunnerLost {
        /// The table.
        table: String,
    },
    /// The step cannot start in this phase.
    #[error("{step} cannot start: migration `{migration}` is {stage}; run {first} first")]
    WrongOrder {
        /// The migration.
        migration: String,
        /// The step.
        step: Step,
        /// Where the migration stands.
        stage: Stage,
        /// What has to come first.
        first: Step,
    },
    /// Copy and original differ. Nothing was switched.
    #[error(
        "{count} rows of {table} differ between the columns (keys: {}): run backfill again; if they come back, a \
         writer knows only one of the columns or a conversion marked lossless is not", .samples.join("; ")
    )]
    Mismatches {
        /// The table.
        table: String,
        /// How many rows.
        count: u64,
        /// The first keys.
        samples: Vec<String>,
    },
    /// Values that do not convert. All other rows were copied.
    #[error("{count} rows of {table} do not convert, the rest was copied; correct them and run backfill again: {}", poison(.rows))]
    Poison {
        /// The table.
        table: String,
        /// How many rows.
        count: u64,
        /// The first rows.
        rows: Vec<PoisonRow>,
    },
    /// A lock could not be had within the limits. Nothing was changed by the action.
    #[error(
        "{action}: no lock on {what} in {attempts} attempts within {} s; in the way: {}; end them or run the step again later",
        .waited.as_secs(), in_the_way(.blockers)
    )]
    Locked {
        /// The action.
        action: String,
        /// The table.
        what: String,
        /// How often it was tried.
        attempts: u32,
        /// For how long.
        waited: Duration,
        /// Who was in the way after the last attempt, as far as the role may see.
        blockers: Vec<Blocker>,
    },
    /// The action needs one server process for as long as it takes, and the connection has another one in each transaction.
    /// Nothing was changed by the action.
    #[error(
        "{action} needs a connection of its own to the server, and this one leads through a pooler that gives each transaction \
         another one (PgBouncer, pool_mode = transaction): let `Migration::connect_with` open one that goes to the server \
         directly, all else may go through the pooler"
    )]
    Pooled {
        /// The action.
        action: String,
    },
    /// A gate is closed. Nothing was changed by the action behind it.
    #[error(
        "{step} does not go on, {gate}: {found}; {remedy}, or pass the gate with \
         `Options::override_gate(Gate::{gate:?}, \"why\")`, which the ledger records"
    )]
    GateClosed {
        /// The step.
        step: Step,
        /// The gate.
        gate: Gate,
        /// What stands in the way, by name.
        found: String,
        /// What opens it.
        remedy: String,
    },
    /// SQLite refused to edit its schema table.
    #[error(
        "SQLite refused to change NOT NULL on {table} ({reason}): the connection is in defensive mode; run this step on \
         a connection without it"
    )]
    SchemaNotWritable {
        /// The table.
        table: String,
        /// What happened.
        reason: String,
    },
    /// A rollback is not possible.
    #[error("migration `{migration}` is {stage} and cannot be rolled back: {reason}")]
    NoRollback {
        /// The migration.
        migration: String,
        /// Where it stands.
        stage: Stage,
        /// Why.
        reason: &'static str,
    },
    /// The migration is not in the phase that the caller relies on.
    #[error("migration `{migration}` is {stage}, not {expected}: resume it from the ledger")]
    OtherPhase {
        /// The migration.
        migration: String,
        /// Where it stands.
        stage: Stage,
        /// What was expected.
        expected: Phase,
    },
    /// The table has rows.
    #[error("{table} has rows: the one-step form is for empty tables, use the steps")]
    NotEmpty {
        /// The table.
        table: String,
    },
    /// The `on_action` hook asked to stop.
    #[error("stopped by the on_action hook at `{action}`: run the step again to go on")]
    Stopped {
        /// The action.
        action: String,
    },
    /// A connection could not be had.
    #[cfg(feature = "database")]
    #[error("{whom} could not be reached: {source}")]
    Connection {
        /// The server, by the name it has in the lease.
        whom: String,
        /// What the driver said.
        source: diesel::ConnectionError,
    },
    /// The ledger is missing or older than this release, and the role may not create or extend it.
    #[error(
        "the ledger ({ledger}) is not there or from an older release, and this role could not set it up ({reason}): with the \
         role that runs the steps, call `Migration::prepare(conn)` once, which creates the ledger and changes nothing else"
    )]
    LedgerNotPrepared {
        /// Where the ledger belongs.
        ledger: &'static str,
        /// What the database said.
        reason: String,
    },
    /// A lease of this process keeps the process-wide phase already.
    #[error(
        "another lease of this process keeps the phase of migration `{migration}`: shut it down first, or start this one \
         with `.scoped()` and use its phases with `lease.on(…)`"
    )]
    LeaseTaken {
        /// The migration's id.
        migration: &'static str,
    },
    /// The lease is over in this process, but could not be taken off the ledger.
    #[error(
        "the lease of {instance} has ended here, but its row could not be deleted ({reason}): it holds runners up until it \
         has run out"
    )]
    NotDeregistered {
        /// The instance.
        instance: String,
        /// What went wrong.
        reason: String,
    },
    /// Triggers of the safety net are gone or switched off, so a writer that knows only one column may have left rows half
    /// written. Nothing was published.
    #[error(
        "{step} published nothing: of {table}'s safety net {} missing or switched off; switch it on again (`ALTER TABLE … \
         ENABLE TRIGGER`), or roll back to `original` and expand again, then backfill and verify", missing(.triggers)
    )]
    SafetyNetTorn {
        /// The step.
        step: Step,
        /// The table.
        table: String,
        /// The triggers.
        triggers: Vec<String>,
    },
    /// A partition was added, detached or dropped between the plan of the step and one of its actions. That action has changed
    /// nothing.
    #[error(
        "the partitions of {table} changed while the step was under way: run it again, it goes on from here with the partitions \
         that there are now"
    )]
    PartitionsChanged {
        /// The table.
        table: String,
    },
    /// The run was ended on purpose, or gave up waiting.
    #[error(transparent)]
    Interrupted(#[from] Interruption),
    /// An option has a value that cannot be meant. Nothing was changed.
    #[error("nothing was changed: `Options::{option}` {reason}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Rows were to be copied without triggers, but the database checks something by them. Nothing was copied.
    #[error(
        "nothing was copied: {} of {table} is checked by triggers: leave out `Options::without_user_triggers`, or make it NOT \
         VALID or not deferrable until the copy is done", .constraints.join(", ")
    )]
    TriggersNeeded {
        /// The table.
        table: String,
        /// The constraints.
        constraints: Vec<String>,
    },
    /// The catalogue answered in a way that this release does not understand.
    #[error("unexpected answer of the database to {what}: please report this")]
    Unexpected {
        /// The question.
        what: String,
    },
}

impl From<DatabaseError> for Error {
    fn from(source: DatabaseError) -> Self {
        Error::Database {
            context: "database".to_owned(),
            source,
        }
    }
}

/// Says what the library was doing when the database refused.
pub(crate) trait While<T> {
    fn during(self, context: impl Into<String>) -> Result<T, Error>;
}

impl<T> While<T> for Result<T, DatabaseError> {
    fn during(self, context: impl Into<String>) -> Result<T, Error> {
        self.map_err(|source| Error::Database {
            context: context.into(),
            source,
        })
    }
}
