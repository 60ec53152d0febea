//! What a dialect does with a connection.

use std::time::Duration;

use super::builder::Builder;
use super::session::Session;
use crate::catalogue::Table;
use crate::definition::{Dialect, TableName};
use crate::error::{Error, Obstacle, While};
use crate::ledger::Ledger;
use crate::notice::Notice;
use crate::plan::cost::Size;
use crate::plan::{Context, Definition, Other};
use crate::waiting::{Blocker, Transaction};

/// A key: one value for each of its columns, as text.
pub(crate) type Key = Vec<Option<String>>;

/// A part of the table that is walked in the order of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Its name among the ledger's cursors.
    pub(crate) slot: String,
    /// It begins behind this key; none: with the first row.
    pub(crate) after: Option<Key>,
    /// It ends with this key.
    pub(crate) end: Key,
    /// Nearly every number between two keys is a key, as far as this run has seen.
    pub(crate) dense: bool,
}

/// A range of keys for one batch.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    /// The condition.
    pub(crate) sql: String,
    /// The values in it.
    pub(crate) binds: Vec<Option<String>>,
    /// Its upper end, where it is held outside of the database.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) upper: Option<Key>,
    /// There is nothing behind it in its segment.
    pub(crate) last: bool,
}

/// A moment, in the database's terms.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(all(feature = "postgres-backend", feature = "sqlite")),
    allow(dead_code)
)]
pub(crate) enum Mark {
    /// The transactions that were open.
    Transactions(Vec<String>),
    /// How long the write-ahead log was.
    Frames(i64),
}

/// How to find the rows of a range again, one by one.
#[derive(Debug, Clone)]
pub(crate) struct Locator {
    /// Text expressions to be read with the row.
    pub(crate) select: Vec<String>,
    /// The condition on their values.
    pub(crate) condition: String,
    /// The primary key for people, as a text expression.
    pub(crate) key: String,
}

/// Where a server is in its write-ahead log.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) struct Position {
    /// What the log is known by: a primary and its standbys have it in common.
    pub(crate) server: String,
    /// Up to where it has written, if it is a primary.
    pub(crate) written: u64,
    /// Up to where it has replayed, if it is a standby.
    pub(crate) replayed: Option<u64>,
}

/// A standby as its primary sees it.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) struct Standby {
    /// What it calls itself; none if the role may not see it.
    pub(crate) name: Option<String>,
    /// Up to where it has replayed, if that is known.
    pub(crate) replayed: Option<u64>,
}

/// The side of a backend that needs a connection.
pub(crate) trait Driver: Sync {
    /// Refuses a server that is too old.
    fn version(&self, s: &mut dyn Session) -> Result<(), Error>;
    /// The table with all that is on it, if it exists.
    fn table(&self, s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error>;
    /// The table as far as statements go by it: its columns and its key. What is on them is left out (indexes, constraints,
    /// the list of partitions), since applications ask for this too, and often.
    fn columns(&self, s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error>;
    /// What depends on the old columns and cannot be carried, besides what the plan itself can tell.
    fn obstacles(&self, s: &mut dyn Session, cx: &Context<'_>) -> Result<Vec<Obstacle>, Error>;
    /// What of the keys and sequences of the old columns cannot be carried.
    fn key_obstacles(
        &self,
        _s: &mut dyn Session,
        _cx: &Context<'_>,
    ) -> Result<Vec<Obstacle>, Error> {
        Ok(Vec::new())
    }
    /// What does not follow columns that are renamed where they are. `columns`: the names that they have and get; `renames`:
    /// the statements. Leaves nothing behind.
    fn unfollowed(
        &self,
        s: &mut dyn Session,
        table: &Table,
        columns: &[(&str, &str)],
        renames: &[String],
    ) -> Result<Vec<Obstacle>, Error>;
    /// What the library cannot promise, but can see. `columns`: the old ones.
    fn notices(
        &self,
        s: &mut dyn Session,
        table: &Table,
        columns: &[&str],
    ) -> Result<Vec<Notice>, Error>;
    /// Refuses a role that may not do what the steps need.
    fn privileges(&self, s: &mut dyn Session, table: &Table, ledger: bool) -> Result<(), Error>;
    /// Whether two spellings are the same type.
    fn same_type(&self, s: &mut dyn Session, a: &str, b: &str) -> Result<bool, Error>;
    /// First statement in a transaction of the runner: its settings, or the write lock.
    fn settle(&self, s: &mut dyn Session) -> Result<(), Error>;
    /// Takes the gate and the table in a mode; an error that [`Self::is_locked`] knows where that is not possible within
    /// `timeout`.
    fn lock(
        &self,
        s: &mut dyn Session,
        table: &Table,
        gate: bool,
        mode: &str,
        timeout: Duration,
    ) -> Result<(), Error>;
    /// Makes autovacuum leave what a later statement of the transaction locks besides the table; before any lock that
    /// somebody waits for.
    fn clear(&self, _s: &mut dyn Session, _others: &[Other]) -> Result<(), Error> {
        Ok(())
    }
    /// Runs a statement of DDL in the runner's transaction; the same error where it needs a lock that is taken.
    fn ddl(&self, s: &mut dyn Session, sql: &str) -> Result<(), Error> {
        s.batch(sql).during(sql)
    }
    /// Whether the error says that a lock could not be had within the limit.
    fn is_locked(&self, _error: &Error) -> bool {
        false
    }
    /// Lets a pinned transaction in, or waits until the runner is out.
    fn pin(&self, s: &mut dyn Session, ledger: bool) -> Result<(), Error>;
    /// Whether the phase can be pinned in the middle of the transaction that is open: the next query must see what was
    /// committed before the gate was taken.
    fn pins_inside(&self, _s: &mut dyn Session) -> Result<bool, Error> {
        Ok(true)
    }
    /// Whether someone is in the middle of an index build on the table, during which a runner cannot renew its lease.
    fn is_building(&self, _s: &mut dyn Session, _table: &Table) -> Result<bool, Error> {
        Ok(false)
    }
    /// Refuses if the table's partitions are not these any more. `all`: nor may there be others.
    fn same_partitions(
        &self,
        _s: &mut dyn Session,
        _table: &Table,
        _ids: &[String],
        _all: bool,
    ) -> Result<(), Error> {
        Ok(())
    }
    /// How long a transaction waits for a lock before the server looks for a deadlock and may end it; none where
    /// transactions do not lock rows.
    fn deadlock_timeout(&self, _s: &mut dyn Session) -> Result<Option<Duration>, Error> {
        Ok(None)
    }
    /// Ends each further statement of the transaction after that long, and one that waits for a row much sooner. For
    /// transactions whose loss in a crash of the server is made up for by the next run, since their cursor goes with them.
    fn bound(&self, _s: &mut dyn Session, _limit: Duration) -> Result<(), Error> {
        Ok(())
    }
    /// For the rest of the transaction: no triggers fire but those that the user lets fire whatever happens.
    fn silence(&self, _s: &mut dyn Session) -> Result<(), Error> {
        Err(Error::Unsupported {
            what: "`Options::without_user_triggers` on this database".to_owned(),
            instead: "expect the triggers to fire for each row that is copied, or drop them for that time".to_owned(),
        })
    }
    /// Constraints on the columns that the database checks by triggers, which do not fire then either.
    fn by_triggers(
        &self,
        _s: &mut dyn Session,
        _table: &Table,
        _columns: &[&str],
    ) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
    /// How large the table is. Reads only, and no more than the catalogue.
    fn size(&self, s: &mut dyn Session, table: &Table) -> Result<Size, Error>;
    /// The database's clock, in seconds since 1970.
    fn clock(&self, s: &mut dyn Session) -> Result<i64, Error>;
    /// Whether it has standbys whose positions can be asked for.
    fn replicates(&self) -> bool {
        false
    }
    /// Where the primary is.
    fn written(&self, _s: &mut dyn Session) -> Result<Position, Error> {
        Err(no_replication())
    }
    /// How far a standby has come.
    fn replayed(&self, _s: &mut dyn Session) -> Result<Position, Error> {
        Err(no_replication())
    }
    /// Where the primary is, and what it knows of its standbys.
    fn standbys(&self, _s: &mut dyn Session) -> Result<(Position, Vec<Standby>), Error> {
        Err(no_replication())
    }
    /// What makes a query wait for the rows it finds and lock them.
    fn for_update(&self) -> &'static str {
        ""
    }
    /// Who keeps the mode on the table and on what is locked besides, and the gate, out of reach. Outside of a transaction.
    fn blockers(
        &self,
        _s: &mut dyn Session,
        (_table, _others): (&Table, &[Other]),
        _gate: bool,
        _mode: &str,
    ) -> Result<Vec<Blocker>, Error> {
        Ok(Vec::new())
    }
    /// Whether the error may go away by itself.
    fn is_busy(&self, error: &Error) -> bool;
    /// What builds indexes outside of a transaction, where that is done.
    fn builder(&self) -> Option<&'static dyn Builder> {
        None
    }
    /// Whether the connection is inside of a transaction block, whoever has begun it.
    fn in_block(&self, _s: &mut dyn Session) -> Result<bool, Error> {
        Ok(false)
    }
    /// Changes the definition of a column in place.
    fn define(
        &self,
        s: &mut dyn Session,
        table: &Table,
        column: &str,
        edit: &Definition,
    ) -> Result<(), Error>;
    /// Of the transactions that were open at the first call with this mark, and may act on or see the table as it was
    /// then, those that still are. Outside of a transaction, right after one of this connection. `snapshots`: also those
    /// that can only read.
    fn older_transactions(
        &self,
        s: &mut dyn Session,
        table: &Table,
        mark: &mut Option<Mark>,
        snapshots: bool,
    ) -> Result<Vec<Transaction>, Error>;
    /// Which of the triggers are missing on the table, or would not fire.
    fn missing_triggers(
        &self,
        s: &mut dyn Session,
        table: &Table,
        triggers: &[String],
    ) -> Result<Vec<String>, Error>;
    /// A query for the last key of the table, as columns `ec_key_0`, `ec_key_1` …
    fn last_key(&self, table: &Table) -> String;
    /// Cuts the segments into at least that many of about the same size, in the transaction that is open, if rows are
    /// locked one by one here and there are enough of them.
    fn split(
        &self,
        _s: &mut dyn Session,
        _ledger: &Ledger,
        _table: &Table,
        _walk: &str,
        segments: Vec<Segment>,
        _parts: usize,
    ) -> Result<Vec<Segment>, Error> {
        Ok(segments)
    }
    /// The next range of a segment, of so many rows.
    fn advance(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        id: &str,
        table: &Table,
        segment: &Segment,
        size: u32,
    ) -> Result<Range, Error>;
    /// Moves the segment's cursor behind the range, and forgets the segment with its last.
    fn passed(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        segment: &Segment,
        range: &Range,
    ) -> Result<(), Error>;
    /// How many blocks the table's rows lie in; none where a range of blocks is no condition that finds its rows without
    /// looking at others.
    fn blocks(&self, _s: &mut dyn Session, _table: &Table) -> Result<Option<u64>, Error> {
        Ok(None)
    }
    /// The condition that a row lies in these blocks.
    fn in_blocks(&self, _from: u64, _to: u64) -> String {
        "true".to_owned()
    }
    /// The rows of keys from the queue, as a range.
    fn queued(&self, s: &mut dyn Session, table: &Table, keys: &[&str]) -> Result<Range, Error>;
    /// How to find the rows of a range.
    fn locator(&self, table: &Table, range: &Range) -> Locator;
    /// The condition `conversion SQL of the NULL-typed new column` is checked with: a row source of one such column.
    fn typed_null(&self, type_sql: &str) -> String;
    /// The expression with a check that it can become the type.
    fn as_type(&self, expr: &str, type_sql: &str) -> String;
}

fn no_replication() -> Error {
    Error::Unexpected {
        what: "replication".to_owned(),
    }
}

/// The driver of a dialect; an error if its feature is off.
pub(crate) fn driver(dialect: Dialect) -> Result<&'static dyn Driver, Error> {
    match dialect {
        #[cfg(feature = "postgres-backend")]
        Dialect::Postgres => Ok(&super::postgres::Server),
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => Ok(&super::sqlite::File),
        #[allow(unreachable_patterns)]
        other => Err(Error::Unsupported {
            what: other.to_string(),
            instead: "switch on the crate's feature for it".to_owned(),
        }),
    }
}
