//! The queue of rows whose other column only a Rust function can fill: written by triggers, emptied by whoever holds the
//! runner's lease.
//!
//! A row has one entry at most, whichever of its columns was written last; writing it again counts `writes` up. So the
//! queue is never longer than the table, and no two rows share an entry that writers would queue behind.

use std::time::Duration;

use super::store::{Fields, Ledger};
use crate::backend::rules::rules;
use crate::backend::session::Session;
use crate::definition::Dialect;
use crate::error::{Error, While};

/// The column that was written without the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Written {
    Old,
    New,
}

impl Written {
    pub(crate) const ALL: [Written; 2] = [Written::Old, Written::New];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Written::Old => "old",
            Written::New => "new",
        }
    }
}

/// SQLite: a statement under way names both columns of the row.
pub(crate) const NAMED: &str = "named";
/// SQLite: the transaction is the runner's own.
pub(crate) const COPYING: &str = "copying";

/// A row that waits.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) entry: i64,
    pub(crate) writes: i64,
    pub(crate) change: usize,
    pub(crate) side: Written,
    pub(crate) row_key: String,
}

/// The last write of one column only, drained or not.
#[derive(Debug, Clone)]
pub(crate) struct LastWrite {
    pub(crate) side: Written,
    pub(crate) application: String,
    pub(crate) role: String,
    pub(crate) at: String,
    /// By the database's clock.
    pub(crate) ago: Duration,
}

fn side(name: &str) -> Result<Written, Error> {
    Written::ALL
        .into_iter()
        .find(|side| side.as_str() == name)
        .ok_or_else(|| Error::Unexpected {
            what: format!("the queue, where side `{name}` was written"),
        })
}

const ENTRIES: &str = "side IN ('old', 'new')";

impl Ledger {
    /// The entries of one row, as a condition without binds. `key`: the SQL of its key.
    fn of_row(&self, change: usize, key: &str) -> Result<String, Error> {
        let id = rules(self.dialect)?.literal(self.def.id);
        Ok(format!(
            "row_key = {key} AND id = {id} AND generation = {} AND change = {change}",
            self.def.generation
        ))
    }

    /// For a trigger: the statement that counts a row's entry up, and the one that makes it where there was none. `side`
    /// and `key` are SQL.
    pub(crate) fn enqueue_sql(
        &self,
        change: usize,
        side: &str,
        key: &str,
    ) -> Result<(String, String), Error> {
        let (application, role, now) = match self.dialect {
            Dialect::Postgres => (
                "pg_catalog.current_setting('application_name', true)",
                "session_user::text",
                "pg_catalog.clock_timestamp()",
            ),
            Dialect::Sqlite => ("NULL", "NULL", "strftime('%Y-%m-%d %H:%M:%f', 'now')"),
        };
        let queue = self.table("queue");
        let id = rules(self.dialect)?.literal(self.def.id);
        let of_row = self.of_row(change, key)?;
        let update = format!(
            "UPDATE {queue} SET side = {side}, writes = writes + 1, at = {now}, application = {application}, \
             role_name = {role} WHERE {of_row} AND {ENTRIES}"
        );
        let insert = format!(
            "INSERT INTO {queue} (id, generation, change, side, row_key, at, application, role_name) \
             SELECT {id}, {}, {change}, {side}, {key}, {now}, {application}, {role}",
            self.def.generation
        );
        Ok((update, insert))
    }

    /// For a trigger: gives a row whose primary key changes the entries it had under its former key. The keys are SQL.
    pub(crate) fn move_sql(&self, change: usize, from: &str, to: &str) -> Result<String, Error> {
        let queue = self.table("queue");
        Ok(format!(
            "INSERT INTO {queue} (id, generation, change, side, row_key, at, application, role_name) \
             SELECT id, generation, change, side, {to}, at, application, role_name FROM {queue} WHERE {} AND {ENTRIES}",
            self.of_row(change, from)?
        ))
    }

    /// The condition that a row has no entry, or none of a side. `key`: the SQL of its key, qualified.
    ///
    /// Whether there is any such entry at all is asked first, once for the statement and in its snapshot: mostly there is
    /// none, and no key has to be made and looked up.
    pub(crate) fn unqueued_sql(
        &self,
        change: usize,
        side: Option<Written>,
        key: &str,
    ) -> Result<String, Error> {
        let id = rules(self.dialect)?.literal(self.def.id);
        let side = match side {
            Some(side) => format!("ec_q.side = '{}'", side.as_str()),
            None => format!("ec_q.{ENTRIES}"),
        };
        let any = format!(
            "NOT EXISTS (SELECT 1 FROM {} ec_q WHERE ec_q.id = {id} AND ec_q.generation = {} \
             AND ec_q.change = {change} AND {side}",
            self.table("queue"),
            self.def.generation
        );
        Ok(format!("({any}) OR {any} AND ec_q.row_key = {key}))"))
    }

    /// SQLite has no variables: what a trigger has to know of the statement or transaction around it is an entry of the
    /// queue that is gone when the statement or transaction is over. The statement that sets such a mark, the one that
    /// takes it away, and the condition that it is there.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) fn mark_sql(
        &self,
        change: usize,
        mark: &str,
        key: &str,
    ) -> Result<[String; 3], Error> {
        let queue = self.table("queue");
        let id = rules(self.dialect)?.literal(self.def.id);
        let of_row = format!("{} AND side = '{mark}'", self.of_row(change, key)?);
        Ok([
            format!(
                "INSERT INTO {queue} (id, generation, change, side, row_key) VALUES ({id}, {}, {change}, '{mark}', {key})",
                self.def.generation
            ),
            format!("DELETE FROM {queue} WHERE {of_row}"),
            format!("EXISTS (SELECT 1 FROM {queue} WHERE {of_row})"),
        ])
    }

    /// Tells the triggers that the transaction is the runner's own, or that it is so no longer. PostgreSQL: the settings
    /// of the runner's transactions say so.
    pub(crate) fn copying(
        &self,
        s: &mut dyn Session,
        change: usize,
        begins: bool,
    ) -> Result<(), Error> {
        if self.dialect != Dialect::Sqlite {
            return Ok(());
        }
        let [set, clear, _] = self.mark_sql(change, COPYING, "''")?;
        let context = "marking the runner's transaction";
        if !begins {
            return s.batch(&clear).during(context);
        }
        // nobody else's statement is under way: what is marked as such was left behind
        let sql = format!(
            "DELETE FROM {} WHERE {} AND side = '{NAMED}'",
            self.table("queue"),
            self.me()
        );
        s.execute(&sql, &[self.id()]).during(context)?;
        s.batch(&set).during(context)
    }

    /// The first entries behind `after`, in the order of the queue.
    pub(crate) fn queued(
        &self,
        s: &mut dyn Session,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, Error> {
        let sql = format!(
            // the number, not its text of the same name
            "SELECT CAST(entry AS text), CAST(writes AS text), CAST(change AS text), side, row_key FROM {} q \
             WHERE entry > {after} AND {} AND {ENTRIES} ORDER BY q.entry LIMIT {limit}",
            self.table("queue"),
            self.me()
        );
        let rows = s.rows(&sql, &[self.id()]).during("reading the queue")?;
        let entry = |row| {
            let mut row = Fields::new(row);
            Ok(Entry {
                entry: row.number()?,
                writes: row.number()?,
                change: usize::try_from(row.number()?).unwrap_or(usize::MAX),
                side: side(&row.text())?,
                row_key: row.text(),
            })
        };
        rows.into_iter().map(entry).collect()
    }

    /// How many rows wait, and since when the first of them does.
    pub(crate) fn queue_length(&self, s: &mut dyn Session) -> Result<(u64, Option<String>), Error> {
        let sql = format!(
            "SELECT CAST(count(*) AS text), CAST(min(at) AS text) FROM {} WHERE {} AND {ENTRIES}",
            self.table("queue"),
            self.me()
        );
        let rows = s.rows(&sql, &[self.id()]).during("counting the queue")?;
        let mut row = Fields::new(rows.into_iter().next().unwrap_or_default());
        let count = u64::try_from(row.number()?).unwrap_or(0);
        Ok((count, row.maybe()))
    }

    /// The highest entry there is.
    pub(crate) fn queue_end(&self, s: &mut dyn Session) -> Result<i64, Error> {
        let sql = format!(
            "SELECT CAST(coalesce(max(entry), 0) AS text) FROM {} WHERE {} AND {ENTRIES}",
            self.table("queue"),
            self.me()
        );
        let rows = s.rows(&sql, &[self.id()]).during("reading the queue")?;
        Fields::new(rows.into_iter().next().unwrap_or_default()).number()
    }

    /// Takes entries off the queue, except for those whose row was written again since they were read. What they say of
    /// their writers is kept.
    pub(crate) fn unqueue(&self, s: &mut dyn Session, entries: &[&Entry]) -> Result<u64, Error> {
        let numbers = || entries.iter().map(|entry| entry.entry);
        let (Some(first), Some(last)) = (numbers().min(), numbers().max()) else {
            return Ok(0);
        };
        let queue = self.table("queue");
        let seen = self.target("queue_seen");
        for side in Written::ALL {
            let side = side.as_str();
            let sql = format!(
                "INSERT INTO {} (id, generation, side, application, role_name, at) \
                 SELECT id, generation, side, application, role_name, at FROM (SELECT * FROM {queue} WHERE {} \
                 AND side = '{side}' AND entry BETWEEN {first} AND {last} ORDER BY at DESC LIMIT 1) q WHERE true \
                 ON CONFLICT (id, generation, side) DO UPDATE SET application = excluded.application, \
                 role_name = excluded.role_name, at = excluded.at WHERE excluded.at > {seen}.at",
                self.table("queue_seen"),
                self.me()
            );
            s.execute(&sql, &[self.id()])
                .during("recording who wrote one column only")?;
        }
        let pairs: Vec<String> = entries
            .iter()
            .map(|entry| format!("({}, {})", entry.entry, entry.writes))
            .collect();
        // an entry that is being counted up at this moment is looked at again once that is committed
        let sql = format!(
            "DELETE FROM {queue} WHERE entry BETWEEN {first} AND {last} AND (entry, writes) IN (VALUES {})",
            pairs.join(", ")
        );
        let gone = s.execute(&sql, &[]).during("taking rows off the queue")?;
        Ok(gone as u64)
    }

    /// Empties the queue: before a column comes, and after it has gone.
    pub(crate) fn clear_queue(&self, s: &mut dyn Session) -> Result<(), Error> {
        self.delete(s, "queue")?;
        self.delete(s, "queue_seen")
    }

    /// The last write of one column only.
    pub(crate) fn last_write(&self, s: &mut dyn Session) -> Result<Option<LastWrite>, Error> {
        let ago = match self.dialect {
            Dialect::Postgres => "extract(epoch FROM clock_timestamp() - at) * 1000",
            Dialect::Sqlite => "(julianday('now') - julianday(at)) * 86400000",
        };
        let (queue, seen, me) = (self.table("queue"), self.table("queue_seen"), self.me());
        let columns = "side, application, role_name, at";
        let sql = format!(
            "SELECT side, application, role_name, CAST(at AS text), CAST(CAST({ago} AS bigint) AS text) FROM ( \
             SELECT {columns} FROM {queue} WHERE {me} AND {ENTRIES} \
             UNION ALL SELECT {columns} FROM {seen} WHERE {me}) q ORDER BY q.at DESC LIMIT 1"
        );
        let rows = s
            .rows(&sql, &[self.id(), self.id()])
            .during("looking for writers that know one column only")?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut row = Fields::new(row);
        Ok(Some(LastWrite {
            side: side(&row.text())?,
            application: row.text(),
            role: row.text(),
            at: row.text(),
            ago: Duration::from_millis(u64::try_from(row.number()?).unwrap_or(0)),
        }))
    }
}
