//! What SQLite does with a connection.

use std::time::Duration;

use super::definition::{self, Clause, Edit, TableText};
use super::rules::Sqlite;
use super::{catalogue, in_place, notices, open, queue};
use crate::backend::driver::{Driver, Locator, Mark, Range, Segment};
use crate::backend::rules::Rules;
use crate::backend::session::{Session, BIND};
use crate::catalogue::Table;
use crate::definition::{Dialect, TableName};
use crate::error::{said, Error, Obstacle, While};
use crate::ledger::Ledger;
use crate::notice::Notice;
use crate::plan::cost::Size;
use crate::plan::{Context, Definition};
use crate::waiting::Transaction;

runner_backend!(diesel::sqlite::Sqlite, Dialect::Sqlite, |_values: ST| None);

pub(crate) struct File;

fn keys(table: &Table) -> String {
    let names: Vec<&str> = table.cursor.iter().map(|key| key.sql.as_str()).collect();
    names.join(", ")
}

// the columns against values of the same number
fn compare(table: &Table, operator: &str, values: &[String]) -> String {
    match values {
        [one] => format!("{} {operator} {one}", keys(table)),
        many => format!("({}) {operator} ({})", keys(table), many.join(", ")),
    }
}

fn named_keys(table: &Table) -> String {
    let keys = table.cursor.iter().enumerate();
    let keys: Vec<String> = keys
        .map(|(i, key)| format!("{} AS ec_key_{i}", key.sql))
        .collect();
    keys.join(", ")
}

fn number(s: &mut dyn Session, pragma: &str) -> Result<i64, Error> {
    let sql = format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}");
    let rows = s.rows(&sql, &[]).during("reading a pragma")?;
    let value = rows.into_iter().flatten().flatten().next();
    value
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| Error::Unexpected {
            what: format!("PRAGMA {pragma}"),
        })
}

impl Driver for File {
    fn version(&self, s: &mut dyn Session) -> Result<(), Error> {
        let rows = s
            .rows("SELECT sqlite_version()", &[])
            .during("asking for SQLite's version")?;
        let found = rows.into_iter().flatten().flatten().next();
        let found = found.unwrap_or_default();
        let mut parts = found
            .split('.')
            .map(|part| part.parse::<u32>().unwrap_or(0));
        // DROP COLUMN is of 3.35
        if (parts.next(), parts.next()) >= (Some(3), Some(35)) {
            return Ok(());
        }
        Err(Error::ServerVersion {
            dialect: Dialect::Sqlite,
            found,
            needed: "3.35",
        })
    }

    fn table(&self, s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error> {
        catalogue::table(s, name)
    }

    fn columns(&self, s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error> {
        catalogue::columns_only(s, name)
    }

    fn obstacles(&self, s: &mut dyn Session, cx: &Context<'_>) -> Result<Vec<Obstacle>, Error> {
        catalogue::obstacles(s, cx)
    }

    fn unfollowed(
        &self,
        s: &mut dyn Session,
        table: &Table,
        columns: &[(&str, &str)],
        renames: &[String],
    ) -> Result<Vec<Obstacle>, Error> {
        in_place::obstacles(s, table, columns, renames)
    }

    fn notices(
        &self,
        s: &mut dyn Session,
        table: &Table,
        columns: &[&str],
    ) -> Result<Vec<Notice>, Error> {
        notices::notices(s, table, columns)
    }

    fn privileges(&self, _s: &mut dyn Session, _table: &Table, _ledger: bool) -> Result<(), Error> {
        // whoever may write the file may do all of it
        Ok(())
    }

    fn same_type(&self, _s: &mut dyn Session, a: &str, b: &str) -> Result<bool, Error> {
        let squeeze = |t: &str| {
            let words: Vec<String> = t.split_whitespace().map(str::to_ascii_lowercase).collect();
            words.join(" ")
        };
        Ok(squeeze(a) == squeeze(b))
    }

    fn settle(&self, s: &mut dyn Session) -> Result<(), Error> {
        // A transaction that begins with a write waits for the lock as BEGIN IMMEDIATE does; one that began with a
        // read and writes later would fail at once. Diesel's transaction manager knows a plain BEGIN only.
        s.batch("DELETE FROM expand_contract_gate")
            .during("taking the write lock")
    }

    fn lock(
        &self,
        _s: &mut dyn Session,
        _table: &Table,
        _gate: bool,
        _mode: &str,
        _timeout: Duration,
    ) -> Result<(), Error> {
        // `settle` took the only lock there is
        Ok(())
    }

    fn pin(&self, s: &mut dyn Session, ledger: bool) -> Result<(), Error> {
        if ledger {
            self.settle(s)?;
        }
        Ok(())
    }

    fn size(&self, s: &mut dyn Session, table: &Table) -> Result<Size, Error> {
        let bytes = number(s, "page_count")?.checked_mul(number(s, "page_size")?);
        Ok(Size {
            rows: table.estimate,
            bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
        })
    }

    fn clock(&self, s: &mut dyn Session) -> Result<i64, Error> {
        let rows = s.rows("SELECT strftime('%s', 'now')", &[]);
        let rows = rows.during("reading the clock")?;
        let now = rows.into_iter().flatten().flatten().next();
        now.and_then(|now| now.parse().ok())
            .ok_or_else(|| Error::Unexpected {
                what: "the time".to_owned(),
            })
    }

    fn is_busy(&self, error: &Error) -> bool {
        // the messages of SQLITE_BUSY and SQLITE_LOCKED: Diesel hands on no code, SQLite does not translate
        let busy = ["database is locked", "database table is locked"];
        said(error).is_some_and(|said| busy.contains(&said.message))
    }

    fn define(
        &self,
        s: &mut dyn Session,
        table: &Table,
        column: &str,
        edit: &Definition,
    ) -> Result<(), Error> {
        let name = &table.name.name;
        let refuse = |reason: String| Error::SchemaNotWritable {
            table: name.clone(),
            reason,
        };
        let (before, edit) = (
            catalogue::create_sql(s, name)?.unwrap_or_default(),
            match edit {
                Definition::Replace(text) => Edit::Replace(text.clone()),
                Definition::Constrain {
                    not_null,
                    default,
                    checks,
                } => Edit::Constrain {
                    not_null: *not_null,
                    default: default.clone(),
                    checks: checks.clone(),
                },
            },
        );
        let after = definition::edit(&before, column, &edit)
            .map_err(|why| refuse(format!("its definition has {}", why.0)))?;
        if after == before {
            return Ok(());
        }
        // the procedure of https://sqlite.org/lang_altertable.html, inside the action's transaction
        let version = number(s, "schema_version")?;
        s.batch("PRAGMA writable_schema = ON")
            .during("opening the schema table")?;
        let sql = format!(
            "UPDATE sqlite_master SET sql = {BIND} WHERE type = 'table' AND lower(name) = lower({BIND})"
        );
        let written = s.execute(&sql, &[Some(after.clone()), Some(name.clone())]);
        let closed = s
            .batch(&format!(
                "PRAGMA schema_version = {}; PRAGMA writable_schema = OFF;",
                version + 1
            ))
            .during("closing the schema table");
        match written {
            Ok(1) => closed?,
            Ok(n) => return Err(refuse(format!("{n} entries in the schema table"))),
            Err(error) => return Err(refuse(error.to_string())),
        }
        self.check(s, name, column, &after)
            .map_err(|error| match error {
                Error::SchemaNotWritable { .. } => error,
                other => refuse(other.to_string()),
            })
    }

    fn older_transactions(
        &self,
        s: &mut dyn Session,
        _table: &Table,
        mark: &mut Option<Mark>,
        snapshots: bool,
    ) -> Result<Vec<Transaction>, Error> {
        // Whoever writes has the one lock there is, and the transaction before this call had it: no write that began
        // earlier is open. One that began as a reader cannot write any more once others have (SQLITE_BUSY_SNAPSHOT).
        match snapshots {
            true => open::older(s, mark),
            false => Ok(Vec::new()),
        }
    }

    fn missing_triggers(
        &self,
        s: &mut dyn Session,
        table: &Table,
        triggers: &[String],
    ) -> Result<Vec<String>, Error> {
        catalogue::missing_triggers(s, table, triggers)
    }

    fn last_key(&self, table: &Table) -> String {
        let columns: Vec<String> = table
            .cursor
            .iter()
            .map(|key| format!("{} DESC", key.sql))
            .collect();
        format!(
            "SELECT {} FROM {} ORDER BY {} LIMIT 1",
            named_keys(table),
            table.sql(),
            columns.join(", ")
        )
    }

    fn advance(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        id: &str,
        table: &Table,
        segment: &Segment,
        size: u32,
    ) -> Result<Range, Error> {
        let id = Sqlite.literal(id);
        let slot = &segment.slot;
        let stored = |slot: &str, operator: &str| {
            let values: Vec<String> = (0..table.cursor.len())
                .map(|position| ledger.cursor_value(&id, slot, position))
                .collect();
            compare(table, operator, &values)
        };
        let ends: Vec<String> = (0..table.cursor.len())
            .map(|position| ledger.end_value(&id, slot, position))
            .collect();
        let within = compare(table, "<=", &ends);
        let after = match segment.after {
            Some(_) => stored(slot, ">"),
            None => "1".to_owned(),
        };
        let query = format!(
            "SELECT {} FROM {} WHERE {after} AND {within} ORDER BY {} LIMIT 1 OFFSET {}",
            named_keys(table),
            table.sql(),
            keys(table),
            size.saturating_sub(1)
        );
        let next = format!("{slot}:next");
        let found = ledger.set_cursor_from(s, &next, &query, table.cursor.len())?;
        let upper = match found {
            true => stored(&next, "<="),
            false => within,
        };
        Ok(Range {
            sql: format!("{after} AND {upper}"),
            binds: Vec::new(),
            upper: None,
            last: !found,
        })
    }

    fn passed(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        segment: &Segment,
        range: &Range,
    ) -> Result<(), Error> {
        let slot = &segment.slot;
        match range.last {
            true => ledger.clear_segment(s, slot),
            false => ledger.move_cursor(s, &format!("{slot}:next"), slot),
        }
    }

    fn queued(&self, _s: &mut dyn Session, table: &Table, keys: &[&str]) -> Result<Range, Error> {
        let columns: Vec<String> = table
            .primary_key
            .iter()
            .map(|name| Dialect::Sqlite.quote(name))
            .collect();
        // a primary key may hold NULLs here, which no list finds
        let (mut listed, mut parts) = (Vec::new(), Vec::new());
        for key in keys {
            let values = queue::literals(key).filter(|values| values.len() == columns.len());
            let values = values.ok_or_else(|| Error::Unexpected {
                what: format!("a key of the queue, {key}"),
            })?;
            if values.contains(&"NULL") {
                let same = columns.iter().zip(values);
                let same: Vec<String> = same.map(|(c, value)| format!("{c} IS {value}")).collect();
                parts.push(format!("({})", same.join(" AND ")));
            } else {
                listed.push(format!("({})", values.join(", ")));
            }
        }
        if !listed.is_empty() {
            parts.push(match columns.as_slice() {
                [one] => format!("{one} IN ({})", listed.join(", ")),
                many => format!("({}) IN (VALUES {})", many.join(", "), listed.join(", ")),
            });
        }
        Ok(Range {
            sql: match parts.as_slice() {
                [] => "0".to_owned(),
                parts => format!("({})", parts.join(" OR ")),
            },
            binds: Vec::new(),
            upper: None,
            last: true,
        })
    }

    fn locator(&self, table: &Table, range: &Range) -> Locator {
        let key: Vec<String> = table
            .primary_key
            .iter()
            .map(|name| {
                let column = Dialect::Sqlite.quote(name);
                // a blob need not be text
                format!(
                    "CASE typeof({column}) WHEN 'blob' THEN quote({column}) \
                     ELSE coalesce(CAST({column} AS TEXT), 'NULL') END"
                )
            })
            .collect();
        let key = match key.as_slice() {
            [one] => one.clone(),
            many => format!("'(' || ({}) || ')'", many.join(") || ', ' || (")),
        };
        let keys = keys(table);
        // A rowid is a number whatever its text. A key of a table without rowids may be of any type: its rows are
        // counted, which holds as long as the transaction has the write lock.
        match table.cursor.as_slice() {
            [rowid] if rowid.type_sql == "rowid" => Locator {
                select: vec![format!("CAST({keys} AS TEXT)")],
                condition: format!("{keys} = CAST({BIND} AS INTEGER)"),
                key,
            },
            _ => Locator {
                select: vec![format!(
                    "CAST(row_number() OVER (ORDER BY {keys}) - 1 AS TEXT)"
                )],
                condition: format!(
                    "({keys}) IN (SELECT {keys} FROM {} WHERE {} ORDER BY {keys} LIMIT 1 OFFSET CAST({BIND} AS INTEGER))",
                    table.sql(),
                    range.sql
                ),
                key,
            },
        }
    }

    fn typed_null(&self, _type_sql: &str) -> String {
        "NULL".to_owned()
    }

    fn as_type(&self, expr: &str, _type_sql: &str) -> String {
        expr.to_owned()
    }
}

impl File {
    // Reads the edited schema back: the column is there as wanted, and the rows keep to it.
    fn check(
        &self,
        s: &mut dyn Session,
        table: &str,
        column: &str,
        wanted: &str,
    ) -> Result<(), Error> {
        let refuse = |reason: String| Error::SchemaNotWritable {
            table: table.to_owned(),
            reason,
        };
        let text = TableText::parse(wanted).map_err(|why| refuse(why.0))?;
        let has = |wanted: Clause| {
            let text = text.column(column);
            text.is_some_and(|text| text.clauses.iter().any(|(clause, ..)| *clause == wanted))
        };
        let not_null = has(Clause::NotNull);
        let sql = format!(
            "SELECT CAST(\"notnull\" AS TEXT) FROM pragma_table_info({BIND}) WHERE lower(name) = lower({BIND})"
        );
        let rows = s
            .rows(&sql, &[Some(table.to_owned()), Some(column.to_owned())])
            .during("reading the schema back")?;
        let found = rows.into_iter().flatten().flatten().next();
        if found.as_deref() != Some(if not_null { "1" } else { "0" }) {
            return Err(refuse(format!("`{column}` did not come out as wanted")));
        }
        if not_null || has(Clause::Check) {
            let sql = format!("SELECT quick_check FROM pragma_quick_check({BIND}) LIMIT 1");
            let rows = s
                .rows(&sql, &[Some(table.to_owned())])
                .during("checking the table")?;
            let answer = rows.into_iter().flatten().flatten().next();
            if answer.as_deref() != Some("ok") {
                return Err(refuse(answer.unwrap_or_default()));
            }
        }
        Ok(())
    }
}
