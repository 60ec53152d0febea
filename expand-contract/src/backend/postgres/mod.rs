//! PostgreSQL.

mod catalogue;
mod foreign_keys;
mod identity;
mod locking;
mod mirror;
mod notices;
mod open;
mod primary_key;
mod queue;
pub(crate) mod rules;

use std::time::Duration;

use super::driver::{Driver, Locator, Mark, Range};
use super::rules::Rules;
use super::session::{Session, BIND};
use crate::catalogue::Table;
use crate::definition::{Dialect, TableName};
use crate::error::{Error, Obstacle, While};
use crate::ledger::Ledger;
use crate::notice::Notice;
use crate::plan::{Context, Definition, Other, Work};
use crate::waiting::Transaction;
use rules::Postgres;

super::runner_backend!(diesel::pg::Pg, Dialect::Postgres);

pub(crate) struct Server;

fn one(rows: Vec<Vec<Option<String>>>) -> Option<String> {
    rows.into_iter().flatten().flatten().next()
}

fn keys(table: &Table, suffix: &str) -> String {
    let names: Vec<String> = table
        .cursor
        .iter()
        .map(|key| format!("{}{suffix}", key.sql))
        .collect();
    names.join(", ")
}

fn typed_binds(table: &Table) -> String {
    let binds: Vec<String> = table
        .cursor
        .iter()
        .map(|key| format!("{BIND}::{}", key.type_sql))
        .collect();
    binds.join(", ")
}

fn compare(table: &Table, operator: &str) -> String {
    // without the row constructor where one column will do: its estimates are better
    match table.cursor.as_slice() {
        [_] => format!("{} {operator} {}", keys(table, ""), typed_binds(table)),
        _ => format!("({}) {operator} ({})", keys(table, ""), typed_binds(table)),
    }
}

impl Driver for Server {
    fn version(&self, s: &mut dyn Session) -> Result<(), Error> {
        let sql = "SELECT current_setting('server_version'), current_setting('server_version_num')";
        let rows = s.rows(sql, &[]).during("asking for the server's version")?;
        let mut row = rows.into_iter().flatten();
        let (found, number) = (row.next().flatten(), row.next().flatten());
        if number
            .and_then(|n| n.parse::<u32>().ok())
            .is_some_and(|n| n >= 140_000)
        {
            return Ok(());
        }
        Err(Error::ServerVersion {
            dialect: Dialect::Postgres,
            found: found.unwrap_or_default(),
            needed: "14",
        })
    }

    fn table(&self, s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error> {
        catalogue::table(s, name)
    }

    fn obstacles(&self, s: &mut dyn Session, cx: &Context<'_>) -> Result<Vec<Obstacle>, Error> {
        catalogue::obstacles(s, cx)
    }

    fn key_obstacles(&self, s: &mut dyn Session, cx: &Context<'_>) -> Result<Vec<Obstacle>, Error> {
        catalogue::key_obstacles(s, cx)
    }

    fn notices(
        &self,
        s: &mut dyn Session,
        table: &Table,
        columns: &[&str],
    ) -> Result<Vec<Notice>, Error> {
        notices::notices(s, table, columns)
    }

    fn privileges(&self, s: &mut dyn Session, table: &Table, ledger: bool) -> Result<(), Error> {
        catalogue::privileges(s, table, ledger)
    }

    fn same_type(&self, s: &mut dyn Session, a: &str, b: &str) -> Result<bool, Error> {
        let modifier = |t: &str| t.split_once('(').map(|(_, rest)| rest.replace(' ', ""));
        let base = |t: &str| match t.split_once('(') {
            // `timestamp(3) with time zone`: the words after the modifier count
            Some((head, rest)) => match rest.split_once(')') {
                Some((_, tail)) => format!("{head}{tail}"),
                None => head.to_owned(),
            },
            None => t.to_owned(),
        };
        let sql = format!("SELECT (to_regtype({BIND}) = to_regtype({BIND}))::text");
        let rows = s
            .rows(&sql, &[Some(base(a)), Some(base(b))])
            .during("comparing types")?;
        Ok(one(rows).as_deref() == Some("true") && modifier(a) == modifier(b))
    }

    fn settle(&self, s: &mut dyn Session) -> Result<(), Error> {
        // One text form for keys whoever runs, no sequential plans on tables that were never analysed, and a lock
        // wait that ends before the deadlock detector of an application's transaction wakes up. Whatever the default is:
        // what a runner reads must not make a serializable transaction of the application fail.
        s.batch(
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'; SET LOCAL intervalstyle = 'postgres'; \
             SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL jit = off; \
             SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; \
             SET LOCAL enable_sort = off; SET LOCAL statement_timeout = 0; SET LOCAL expand_contract.copying = 'on'; \
             SELECT set_config('lock_timeout', greatest(1, least(500, \
             (SELECT setting::int / 2 FROM pg_settings WHERE name = 'deadlock_timeout')))::text, true);",
        )
        .during("setting up a transaction")
    }

    fn lock(
        &self,
        s: &mut dyn Session,
        table: &Table,
        gate: bool,
        mode: &str,
        timeout: Duration,
    ) -> Result<bool, Error> {
        let sql = table.sql();
        let setting = "(SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout')";
        // shorter than half of it: else the detector may end an application's transaction instead of this one
        let short = format!(
            "PERFORM set_config('lock_timeout', greatest(1, least({}, {setting} / 2))::text, true); ",
            timeout.as_millis().max(1)
        );
        let mut locks = String::new();
        if !matches!(mode, "none" | "ROW SHARE") {
            // Autovacuum gives way to a waiter only after `deadlock_timeout`. This mode is in its way and in that of
            // no reader or writer, so it can wait for that long; then the stronger one needs no patience.
            locks.push_str(&format!(
                "PERFORM set_config('lock_timeout', ({setting} * 2 + 500)::text, true); \
                 LOCK TABLE ONLY {sql} IN SHARE UPDATE EXCLUSIVE MODE; "
            ));
        }
        locks.push_str(&short);
        // the gate always comes before a lock that a pinned transaction could wait for
        if gate {
            locks.push_str("LOCK TABLE expand_contract.gate IN ACCESS EXCLUSIVE MODE; ");
        }
        if !matches!(mode, "none" | "SHARE UPDATE EXCLUSIVE") {
            locks.push_str(&format!("LOCK TABLE ONLY {sql} IN {mode} MODE; "));
        }
        if mode == "none" && !gate {
            return Ok(true);
        }
        // by condition name: messages are translated, and Diesel does not hand on the code
        let block = format!(
            "BEGIN PERFORM set_config('expand_contract.locked', 'no', true); \
             BEGIN {locks} PERFORM set_config('expand_contract.locked', 'yes', true); \
             EXCEPTION WHEN lock_not_available OR deadlock_detected THEN NULL; END; END"
        );
        s.batch(&format!("DO {}", Postgres.literal(&block)))
            .during("taking a lock")?;
        let rows = s
            .rows(
                "SELECT current_setting('expand_contract.locked', true)",
                &[],
            )
            .during("taking a lock")?;
        Ok(one(rows).as_deref() == Some("yes"))
    }

    fn clear(&self, s: &mut dyn Session, others: &[Other]) -> Result<bool, Error> {
        locking::clear(s, others)
    }

    fn locking(&self, s: &mut dyn Session, sql: &str, timeout: Duration) -> Result<bool, Error> {
        locking::locking(s, sql, timeout)
    }

    fn pin(&self, s: &mut dyn Session, ledger: bool) -> Result<(), Error> {
        if ledger {
            s.batch("LOCK TABLE expand_contract.gate IN ACCESS SHARE MODE")
                .during("taking the gate")?;
        }
        Ok(())
    }

    fn pins_inside(&self, s: &mut dyn Session) -> Result<bool, Error> {
        // the other levels keep the snapshot that an earlier query has taken
        let sql = "SELECT current_setting('transaction_isolation')";
        let rows = s.rows(sql, &[]).during("asking for the isolation level")?;
        Ok(one(rows).as_deref() == Some("read committed"))
    }

    fn is_building(&self, s: &mut dyn Session, table: &Table) -> Result<bool, Error> {
        // held for as long as a concurrent index build takes
        let sql = format!(
            "SELECT 'x' FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'relation' AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted \
             AND l.pid <> pg_backend_pid() AND l.relation = ({BIND}::text)::oid \
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND coalesce(a.backend_type, '') <> 'autovacuum worker'"
        );
        let rows = s
            .rows(&sql, &[Some(table.id.clone())])
            .during("looking for an index build")?;
        Ok(!rows.is_empty())
    }

    fn deadlock_timeout(&self, s: &mut dyn Session) -> Result<Option<Duration>, Error> {
        let sql = "SELECT setting FROM pg_settings WHERE name = 'deadlock_timeout'";
        let rows = s.rows(sql, &[]).during("reading deadlock_timeout")?;
        let setting = one(rows).and_then(|ms| ms.parse().ok());
        Ok(setting.map(Duration::from_millis))
    }

    fn bound(&self, s: &mut dyn Session, limit: Duration) -> Result<(), Error> {
        s.batch(&format!(
            "SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}",
            limit.as_millis().max(1),
            (limit / 15).as_millis().max(1)
        ))
        .during("setting up a batch")
    }

    fn for_update(&self) -> &'static str {
        " FOR NO KEY UPDATE"
    }

    fn blockers(&self, s: &mut dyn Session, table: &Table) -> String {
        let sql = format!(
            "SELECT 'pid ' || l.pid || coalesce(' ' || nullif(a.application_name, ''), '') || ' ' \
             || lower(l.mode) || coalesce(': ' || left(a.query, 80), '') \
             FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid() \
             AND l.relation::text IN ({BIND}, 'expand_contract.gate'::regclass::oid::text) LIMIT 5"
        );
        match s.rows(&sql, &[Some(table.id.clone())]) {
            Ok(rows) if !rows.is_empty() => {
                let names: Vec<String> = rows.into_iter().flatten().flatten().collect();
                names.join("; ")
            }
            _ => "gone by now".to_owned(),
        }
    }

    fn is_busy(&self, error: &Error) -> bool {
        use diesel::result::{DatabaseErrorKind, Error as Diesel};
        matches!(
            error,
            Error::Database {
                source: Diesel::DatabaseError(DatabaseErrorKind::SerializationFailure, _),
                ..
            }
        )
    }

    fn outside(&self, s: &mut dyn Session, work: &[Work]) -> Result<(), Error> {
        // A concurrent build waits for old snapshots by design. The caller's settings come back on every exit.
        let rows = s
            .rows(
                "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')",
                &[],
            )
            .during("reading timeouts")?;
        let mut before = rows.into_iter().flatten().flatten();
        let (lock, statement) = (before.next(), before.next());
        s.batch("SET lock_timeout = 0; SET statement_timeout = 0")
            .during("setting timeouts")?;
        let result = work.iter().try_for_each(|piece| match piece {
            Work::Sql(sql) => s.batch(sql).during(sql.clone()),
            _ => Ok(()),
        });
        let set = format!(
            "SELECT set_config('lock_timeout', {BIND}, false), set_config('statement_timeout', {BIND}, false)"
        );
        let restored = s
            .rows(&set, &[lock, statement])
            .during("restoring timeouts");
        result.and(restored.map(drop))
    }

    fn define(
        &self,
        _s: &mut dyn Session,
        _table: &Table,
        column: &str,
        _edit: &Definition,
    ) -> Result<(), Error> {
        Err(Error::Unexpected {
            what: format!("a definition of {column} in place"),
        })
    }

    fn older_transactions(
        &self,
        s: &mut dyn Session,
        table: &Table,
        mark: &mut Option<Mark>,
        _snapshots: bool,
    ) -> Result<Vec<Transaction>, Error> {
        open::older(s, table, mark)
    }

    fn missing_triggers(
        &self,
        s: &mut dyn Session,
        table: &Table,
        triggers: &[String],
    ) -> Result<Vec<String>, Error> {
        mirror::missing(s, table, triggers)
    }

    fn advance(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        _id: &str,
        table: &Table,
        slot: &str,
        size: u32,
    ) -> Result<Range, Error> {
        let lower = ledger.cursor(s, slot)?;
        let after = match lower {
            Some(_) => compare(table, ">"),
            None => "true".to_owned(),
        };
        let binds = lower.clone().unwrap_or_default();
        // the bound comes from the table, never from what an update returned: a batch may update nothing
        let select: Vec<String> = table
            .cursor
            .iter()
            .map(|key| format!("{}::text", key.sql))
            .collect();
        // ORDER BY must mean the column, not its text of the same name: hence the inner query
        let sql = format!(
            "SELECT {} FROM (SELECT {keys} FROM {} WHERE {after} ORDER BY {keys} OFFSET {} LIMIT 1) q",
            select.join(", "),
            table.sql(),
            size.saturating_sub(1),
            keys = keys(table, ""),
        );
        let upper = s
            .rows(&sql, &binds)
            .during("looking for the end of a batch")?
            .into_iter()
            .next();
        let (mut sql, mut range_binds) = (after, binds);
        if let Some(upper) = &upper {
            sql = format!("{sql} AND {}", compare(table, "<="));
            range_binds.extend(upper.iter().cloned());
        }
        Ok(Range {
            sql,
            binds: range_binds,
            last: upper.is_none(),
            upper,
        })
    }

    fn passed(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        slot: &str,
        range: &Range,
    ) -> Result<(), Error> {
        match &range.upper {
            Some(upper) => ledger.set_cursor(s, slot, upper),
            None => ledger.clear_cursor(s, slot),
        }
    }

    fn queued(&self, s: &mut dyn Session, table: &Table, keys: &[&str]) -> Result<Range, Error> {
        // by the primary key's index, whatever the statistics say
        s.batch("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
            .during("setting up a transaction")?;
        let values: Vec<String> = table
            .cursor
            .iter()
            .enumerate()
            .map(|(i, key)| format!("(ec_e.k ->> {i})::{}", key.type_sql))
            .collect();
        // every key is a JSON array already
        Ok(Range {
            sql: format!(
                "({}) IN (SELECT {} FROM jsonb_array_elements({BIND}::text::jsonb) ec_e (k))",
                self::keys(table, ""),
                values.join(", ")
            ),
            binds: vec![Some(format!("[{}]", keys.join(", ")))],
            upper: None,
            last: true,
        })
    }

    fn locator(&self, table: &Table, _range: &Range) -> Locator {
        let select: Vec<String> = table
            .cursor
            .iter()
            .map(|key| format!("{}::text", key.sql))
            .collect();
        let key = match select.as_slice() {
            [one] => one.clone(),
            many => format!("'(' || {} || ')'", many.join(" || ', ' || ")),
        };
        Locator {
            select,
            condition: compare(table, "="),
            key,
        }
    }

    fn typed_null(&self, type_sql: &str) -> String {
        format!("NULL::{type_sql}")
    }

    fn as_type(&self, expr: &str, type_sql: &str) -> String {
        format!("({expr})::{type_sql}")
    }
}
