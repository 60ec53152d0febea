//! What PostgreSQL does with a connection.

use std::time::Duration;

use diesel::sql_types::{Array, Nullable};

use super::{build, catalogue, lock, notices, one, ranges, replication, transactions, triggers};
use crate::backend::builder::Builder;
use crate::backend::driver::{Driver, Locator, Mark, Position, Range, Segment, Standby};
use crate::backend::session::{Session, BIND};
use crate::catalogue::Table;
use crate::definition::{Dialect, TableName};
use crate::error::{said, Error, Obstacle, While};
use crate::ledger::Ledger;
use crate::notice::Notice;
use crate::plan::cost::Size;
use crate::plan::{Context, Definition, Other};
use crate::waiting::{Blocker, Transaction};

runner_backend!(diesel::pg::Pg, Dialect::Postgres, |values: ST| Some(
    crate::backend::connection::bound::<Array<Nullable<ST>>, _, _>(values)
));

pub(crate) struct Server;

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
        let mut table = catalogue::table(s, name)?;
        if let Some(table) = &mut table {
            // what a runner has not given a name yet is no index of the table's
            table.indexes.retain(|index| !build::is_build(&index.name));
        }
        Ok(table)
    }

    fn columns(&self, s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error> {
        catalogue::columns_only(s, name)
    }

    fn obstacles(&self, s: &mut dyn Session, cx: &Context<'_>) -> Result<Vec<Obstacle>, Error> {
        let mut out = catalogue::obstacles(s, cx)?;
        out.extend(catalogue::partitions::obstacles(s, cx)?);
        Ok(out)
    }

    fn key_obstacles(&self, s: &mut dyn Session, cx: &Context<'_>) -> Result<Vec<Obstacle>, Error> {
        catalogue::key_obstacles(s, cx)
    }

    fn unfollowed(
        &self,
        s: &mut dyn Session,
        table: &Table,
        columns: &[(&str, &str)],
        _renames: &[String],
    ) -> Result<Vec<Obstacle>, Error> {
        catalogue::in_place::obstacles(s, table, columns)
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
        // what a runner reads must not make a serializable transaction of the application fail. A transaction's own timeout is
        // of version 17.
        s.batch(
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'; SET LOCAL intervalstyle = 'postgres'; \
             SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL jit = off; \
             SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; \
             SET LOCAL enable_sort = off; SET LOCAL statement_timeout = 0; SET LOCAL expand_contract.copying = 'on'; \
             SELECT set_config('lock_timeout', greatest(1, least(500, \
               extract(epoch FROM current_setting('deadlock_timeout')::interval) * 500))::int::text, true), \
             CASE WHEN current_setting('transaction_timeout', true) IS NOT NULL \
               THEN set_config('transaction_timeout', '0', true) END;",
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
    ) -> Result<(), Error> {
        lock::take(s, table, gate, mode, timeout)
    }

    fn clear(&self, s: &mut dyn Session, others: &[Other]) -> Result<(), Error> {
        lock::clear(s, others)
    }

    fn ddl(&self, s: &mut dyn Session, sql: &str) -> Result<(), Error> {
        lock::ddl(s, sql)
    }

    fn is_locked(&self, error: &Error) -> bool {
        lock::is_missed(error)
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
        // held, or waited for, for as long as a concurrent index build takes; vacuum and analyze are told apart as in `open`
        let sql = format!(
            "SELECT 'x' FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'relation' AND l.mode = 'ShareUpdateExclusiveLock' \
             AND l.pid <> pg_backend_pid() AND l.relation IN (SELECT id FROM {} q) \
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND a.usesysid IS NOT NULL \
             AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid) \
             AND NOT EXISTS (SELECT FROM pg_stat_progress_analyze v WHERE v.pid = a.pid)",
            lock::family(table)
        );
        let rows = s.rows(&sql, &[]).during("looking for an index build")?;
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
            "SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}; SET LOCAL synchronous_commit = off; \
             SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off",
            limit.as_millis().max(1),
            (limit / 15).as_millis().max(1)
        ))
        .during("setting up a batch")
    }

    fn silence(&self, s: &mut dyn Session) -> Result<(), Error> {
        triggers::silence(s)
    }

    fn by_triggers(
        &self,
        s: &mut dyn Session,
        table: &Table,
        columns: &[&str],
    ) -> Result<Vec<String>, Error> {
        triggers::needed(s, table, columns)
    }

    fn size(&self, s: &mut dyn Session, table: &Table) -> Result<Size, Error> {
        // with what is stored out of line; a partitioned table has nothing of its own
        let sql = format!(
            "SELECT (pg_table_size(c.oid) + coalesce((SELECT sum(pg_table_size(p.relid)) FROM pg_partition_tree(c.oid) p \
             WHERE p.relid <> c.oid), 0))::bigint::text FROM pg_class c WHERE c.oid = ({BIND}::text)::oid"
        );
        let rows = s.rows(&sql, &[Some(table.id.clone())]);
        let bytes = one(rows.during("asking for the table's size")?);
        Ok(Size {
            rows: table.estimate,
            bytes: bytes.and_then(|bytes| bytes.parse().ok()),
        })
    }

    fn clock(&self, s: &mut dyn Session) -> Result<i64, Error> {
        let sql = "SELECT extract(epoch FROM clock_timestamp())::bigint::text";
        let now = one(s.rows(sql, &[]).during("reading the clock")?);
        now.and_then(|now| now.parse().ok())
            .ok_or_else(|| Error::Unexpected {
                what: "the time".to_owned(),
            })
    }

    fn replicates(&self) -> bool {
        true
    }

    fn written(&self, s: &mut dyn Session) -> Result<Position, Error> {
        replication::written(s)
    }

    fn replayed(&self, s: &mut dyn Session) -> Result<Position, Error> {
        replication::replayed(s)
    }

    fn standbys(&self, s: &mut dyn Session) -> Result<(Position, Vec<Standby>), Error> {
        replication::standbys(s)
    }

    fn for_update(&self) -> &'static str {
        " FOR NO KEY UPDATE"
    }

    fn blockers(
        &self,
        s: &mut dyn Session,
        (table, others): (&Table, &[Other]),
        gate: bool,
        mode: &str,
    ) -> Result<Vec<Blocker>, Error> {
        lock::blockers(s, (table, others), gate, mode)
    }

    fn is_busy(&self, error: &Error) -> bool {
        said(error).is_some_and(|said| said.is_serialization_failure)
    }

    fn builder(&self) -> Option<&'static dyn Builder> {
        Some(&Server)
    }

    fn in_block(&self, s: &mut dyn Session) -> Result<bool, Error> {
        // the moment at which the transaction began: statements on their own have one each
        let mut began = || {
            let rows = s.rows("SELECT transaction_timestamp()::text", &[]);
            rows.during("looking for a transaction")
        };
        Ok(began()? == began()?)
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
        transactions::older(s, table, mark)
    }

    fn missing_triggers(
        &self,
        s: &mut dyn Session,
        table: &Table,
        triggers: &[String],
    ) -> Result<Vec<String>, Error> {
        triggers::missing(s, table, triggers)
    }

    fn same_partitions(
        &self,
        s: &mut dyn Session,
        table: &Table,
        ids: &[String],
        all: bool,
    ) -> Result<(), Error> {
        catalogue::partitions::check(s, table, ids, all)
    }

    fn last_key(&self, table: &Table) -> String {
        ranges::last_key(table)
    }

    fn split(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        table: &Table,
        walk: &str,
        segments: Vec<Segment>,
        parts: usize,
    ) -> Result<Vec<Segment>, Error> {
        ranges::split(s, ledger, table, (walk, parts), segments)
    }

    fn advance(
        &self,
        s: &mut dyn Session,
        _ledger: &Ledger,
        _id: &str,
        table: &Table,
        segment: &Segment,
        size: u32,
    ) -> Result<Range, Error> {
        ranges::advance(s, table, segment, size)
    }

    fn passed(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        segment: &Segment,
        range: &Range,
    ) -> Result<(), Error> {
        match &range.upper {
            Some(upper) => ledger.set_cursor(s, &segment.slot, upper),
            None => ledger.clear_segment(s, &segment.slot),
        }
    }

    fn blocks(&self, s: &mut dyn Session, table: &Table) -> Result<Option<u64>, Error> {
        ranges::blocks(s, table)
    }

    fn in_blocks(&self, from: u64, to: u64) -> String {
        format!("ctid >= '({from},0)'::tid AND ctid < '({to},0)'::tid")
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
                ranges::keys(table),
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
            condition: ranges::compare(table, "="),
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
