//! What a dialect does with a connection.

use std::time::Duration;

use super::session::Session;
use crate::catalogue::Table;
use crate::definition::{Dialect, TableName};
use crate::error::{Error, Obstacle};
use crate::ledger::Ledger;
use crate::notice::Notice;
use crate::plan::{Context, Definition, Other, Work};
use crate::waiting::Transaction;

/// A range of keys for one batch.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    /// The condition.
    pub(crate) sql: String,
    /// The values in it.
    pub(crate) binds: Vec<Option<String>>,
    /// Its upper end, where it is held outside of the database.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) upper: Option<Vec<Option<String>>>,
    /// There is nothing behind it.
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

/// The side of a backend that needs a connection.
pub(crate) trait Driver: Sync {
    /// Refuses a server that is too old.
    fn version(&self, s: &mut dyn Session) -> Result<(), Error>;
    /// The table, if it exists.
    fn table(&self, s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error>;
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
    /// Takes the gate and the table in a mode; `false`: not within `timeout`.
    fn lock(
        &self,
        s: &mut dyn Session,
        table: &Table,
        gate: bool,
        mode: &str,
        timeout: Duration,
    ) -> Result<bool, Error>;
    /// Makes autovacuum leave tables that a later statement of the transaction locks; `false`: not in time.
    fn clear(&self, _s: &mut dyn Session, _others: &[Other]) -> Result<bool, Error> {
        Ok(true)
    }
    /// Runs a statement that takes further locks; `false`: one was not to be had within `timeout`, and the transaction is
    /// of no more use.
    fn locking(&self, s: &mut dyn Session, sql: &str, _timeout: Duration) -> Result<bool, Error> {
        use crate::error::While;
        s.batch(sql).during(sql).map(|()| true)
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
    /// How long a transaction waits for a lock before the server looks for a deadlock and may end it; none where
    /// transactions do not lock rows.
    fn deadlock_timeout(&self, _s: &mut dyn Session) -> Result<Option<Duration>, Error> {
        Ok(None)
    }
    /// Ends each further statement of the transaction after that long, and one that waits for a row much sooner.
    fn bound(&self, _s: &mut dyn Session, _limit: Duration) -> Result<(), Error> {
        Ok(())
    }
    /// What makes a query wait for the rows it finds and lock them.
    fn for_update(&self) -> &'static str {
        ""
    }
    /// Who holds locks on the table.
    fn blockers(&self, s: &mut dyn Session, table: &Table) -> String;
    /// Whether the error may go away by itself.
    fn is_busy(&self, error: &Error) -> bool;
    /// Statements that do not run in a transaction.
    fn outside(&self, s: &mut dyn Session, work: &[Work]) -> Result<(), Error>;
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
    /// The next range behind the slot's cursor.
    fn advance(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        id: &str,
        table: &Table,
        slot: &str,
        size: u32,
    ) -> Result<Range, Error>;
    /// Moves the slot's cursor behind the range.
    fn passed(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        slot: &str,
        range: &Range,
    ) -> Result<(), Error>;
    /// The rows of keys from the queue, as a range.
    fn queued(&self, s: &mut dyn Session, table: &Table, keys: &[&str]) -> Result<Range, Error>;
    /// How to find the rows of a range.
    fn locator(&self, table: &Table, range: &Range) -> Locator;
    /// The condition `conversion SQL of the NULL-typed new column` is checked with: a row source of one such column.
    fn typed_null(&self, type_sql: &str) -> String;
    /// The expression with a check that it can become the type.
    fn as_type(&self, expr: &str, type_sql: &str) -> String;
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
