//! Locks for DDL: short waits, in which nobody else waits for long, and who is in the way.
//!
//! Whoever waits for a strong lock holds up all who come later and would pass the holder (manual, *Explicit Locking*). So a
//! wait is short, and the runner steps back and comes again. PostgreSQL says by its SQLSTATE that a wait was too long, which
//! Diesel does not hand on, and by a message that is translated. A block of PL/pgSQL can tell, and raises an error that can
//! be told here.

use std::time::Duration;

use super::rules::Postgres;
use crate::backend::rules::Rules;
use crate::backend::session::Session;
use crate::catalogue::Table;
use crate::error::{said, Error, While};
use crate::plan::Other;
use crate::waiting::{Blocker, Transaction};

/// The message of the error that [`guarded`] raises, by which it is known.
const MESSAGE: &str = "no lock within the limit";

/// How many are named.
const BLOCKERS: usize = 20;

/// The modes, weakest first: the word in SQL, the word in `pg_locks`, and with which of them it conflicts (manual,
/// *Conflicting Lock Modes*).
const MODES: [(&str, &str, [u8; 8]); 8] = [
    ("ACCESS SHARE", "AccessShareLock", [0, 0, 0, 0, 0, 0, 0, 1]),
    ("ROW SHARE", "RowShareLock", [0, 0, 0, 0, 0, 0, 1, 1]),
    (
        "ROW EXCLUSIVE",
        "RowExclusiveLock",
        [0, 0, 0, 0, 1, 1, 1, 1],
    ),
    (
        "SHARE UPDATE EXCLUSIVE",
        "ShareUpdateExclusiveLock",
        [0, 0, 0, 1, 1, 1, 1, 1],
    ),
    ("SHARE", "ShareLock", [0, 0, 1, 1, 0, 1, 1, 1]),
    (
        "SHARE ROW EXCLUSIVE",
        "ShareRowExclusiveLock",
        [0, 0, 1, 1, 1, 1, 1, 1],
    ),
    ("EXCLUSIVE", "ExclusiveLock", [0, 1, 1, 1, 1, 1, 1, 1]),
    (
        "ACCESS EXCLUSIVE",
        "AccessExclusiveLock",
        [1, 1, 1, 1, 1, 1, 1, 1],
    ),
];

/// The words of `pg_locks` for what keeps `mode` waiting.
fn conflicting(mode: &str) -> Vec<&'static str> {
    let Some((_, _, conflicts)) = MODES.iter().find(|(name, ..)| *name == mode) else {
        return Vec::new();
    };
    let hits = MODES.iter().zip(conflicts);
    hits.filter(|(_, hit)| **hit == 1)
        .map(|((_, name, _), _)| *name)
        .collect()
}

/// The table with its partitions and children, in the order in which the server locks them.
pub(super) fn family(table: &Table) -> String {
    format!(
        "(WITH RECURSIVE family (id, root) AS (SELECT '{0}'::oid, true UNION \
           SELECT i.inhrelid, false FROM pg_catalog.pg_inherits i JOIN family f ON i.inhparent = f.id) \
         SELECT id FROM family ORDER BY NOT root, id)",
        table.id
    )
}

/// A block that runs `body` and raises an error of its own where a lock could not be had.
fn guarded(declare: &str, body: &str) -> String {
    let block = format!(
        "{declare} BEGIN {body} EXCEPTION WHEN lock_not_available OR deadlock_detected THEN \
         RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = '{MESSAGE}'; END"
    );
    format!("DO {}", Postgres.literal(&block))
}

/// See [`crate::backend::driver::Driver::lock`].
///
/// All waits in which somebody else waits as well are within `timeout` together, and so are those of the DDL that follows,
/// but for a tenth.
pub(super) fn take(
    s: &mut dyn Session,
    table: &Table,
    gate: bool,
    mode: &str,
    timeout: Duration,
) -> Result<(), Error> {
    if mode == "none" && !gate {
        return Ok(());
    }
    let family = family(table);
    let setting =
        "(SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout')";
    let each = |mode: &str, before: &str| {
        format!(
            "FOR ec_one IN SELECT id FROM {family} q LOOP {before} \
             EXECUTE 'LOCK TABLE ONLY ' || ec_one::regclass || ' IN {mode} MODE'; END LOOP; "
        )
    };
    let wait = |ms: &str| format!("PERFORM set_config('lock_timeout', ({ms})::text, true); ");
    let left =
        "greatest(1, ec_limit - extract(epoch FROM clock_timestamp() - ec_since) * 1000)::int";
    let mut body = String::new();
    if !matches!(mode, "none" | "ROW SHARE") {
        // Autovacuum gives way to a waiter only after `deadlock_timeout`. This mode is in its way and in that of no reader
        // or writer, so it can wait for that long; then the stronger one needs no patience.
        body.push_str(&wait(&format!("{setting} * 2 + 500")));
        body.push_str(&each("SHARE UPDATE EXCLUSIVE", ""));
    }
    // shorter than half of it: else the detector may end an application's transaction instead of this one
    body.push_str(&format!(
        "ec_limit := greatest(1, least({}, {setting} / 2)); ec_since := clock_timestamp(); ",
        timeout.as_millis().max(1)
    ));
    // the gate always comes before a lock that a pinned transaction could wait for
    if gate {
        body.push_str(&wait("ec_limit"));
        body.push_str("LOCK TABLE expand_contract.gate IN ACCESS EXCLUSIVE MODE; ");
    }
    if !matches!(mode, "none" | "SHARE UPDATE EXCLUSIVE") {
        body.push_str(&each(mode, &wait(left)));
    }
    // the DDL may need further locks, on indexes or on tables that refer to this one
    body.push_str(&wait(&format!("greatest({left}, ec_limit / 10, 1)")));
    let declare = "DECLARE ec_limit int; ec_since timestamptz; ec_one oid;";
    s.batch(&guarded(declare, &body)).during("taking a lock")
}

/// See [`crate::backend::driver::Driver::clear`].
///
/// What the role may alter or refer to, but not lock, is left to the statement itself; so are sequences, which `LOCK` does not
/// take.
pub(super) fn clear(s: &mut dyn Session, others: &[Other]) -> Result<(), Error> {
    let mut tables: Vec<&Other> = others.iter().filter(|other| other.is_table).collect();
    if tables.is_empty() {
        return Ok(());
    }
    // everybody in the same order
    tables.sort_by(|a, b| a.sql.cmp(&b.sql));
    tables.dedup_by(|a, b| a.id == b.id);
    let mut body =
        "PERFORM set_config('lock_timeout', ((SELECT setting::int FROM pg_catalog.pg_settings \
                    WHERE name = 'deadlock_timeout') * 2 + 500)::text, true); "
            .to_owned();
    for table in tables {
        body.push_str(&format!(
            "BEGIN LOCK TABLE ONLY {} IN SHARE UPDATE EXCLUSIVE MODE; EXCEPTION WHEN insufficient_privilege THEN NULL; END; ",
            table.sql
        ));
    }
    s.batch(&guarded("", &body)).during("taking a lock")
}

/// Runs a statement of DDL within the limit that [`take`] has left.
pub(super) fn ddl(s: &mut dyn Session, sql: &str) -> Result<(), Error> {
    let body = format!("EXECUTE {};", Postgres.literal(sql));
    s.batch(&guarded("", &body)).during(sql)
}

/// Whether the error is the one of [`guarded`].
pub(super) fn is_missed(error: &Error) -> bool {
    said(error).is_some_and(|said| said.is_serialization_failure && said.message == MESSAGE)
}

/// Who holds, or waits ahead for, locks that keep `mode` on the table and its partitions, and the gate, out of reach; those
/// that are longest at it first.
pub(super) fn blockers(
    s: &mut dyn Session,
    (table, others): (&Table, &[Other]),
    gate: bool,
    mode: &str,
) -> Result<Vec<Blocker>, Error> {
    let array = |items: Vec<&str>, of: &str| {
        let items: Vec<String> = items
            .into_iter()
            .map(|item| Postgres.literal(item))
            .collect();
        format!("ARRAY[{}]::{of}[]", items.join(", "))
    };
    let modes = array(conflicting(mode), "text");
    // of those the mode is the table's, or the one in which they are cleared
    let mut further = conflicting("SHARE UPDATE EXCLUSIVE");
    further.extend(conflicting(mode));
    let further = array(further, "text");
    let ids = array(
        others.iter().map(|other| other.id.as_str()).collect(),
        "oid",
    );
    // an autovacuum worker has no role; its type is hidden from ordinary ones
    let sql = format!(
        "SELECT l.pid::text, coalesce(p.gid, l.virtualtransaction), \
           CASE WHEN l.pid IS NOT NULL AND a.usesysid IS NULL THEN 'autovacuum' ELSE nullif(a.application_name, '') END, \
           coalesce(p.owner, a.usename)::text, a.state, \
           trunc(extract(epoch FROM clock_timestamp() - coalesce(p.prepared, a.xact_start)) * 1000)::bigint::text, \
           left(nullif(nullif(a.query, ''), '<insufficient privilege>'), 200), \
           trunc(extract(epoch FROM clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start END) * 1000)::bigint::text, \
           l.mode, l.relation::regclass::text, l.granted::text \
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         LEFT JOIN pg_catalog.pg_locks x ON l.pid IS NULL AND x.locktype = 'transactionid' AND x.pid IS NULL \
           AND x.virtualtransaction = l.virtualtransaction \
         LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid \
         WHERE l.locktype = 'relation' AND l.pid IS DISTINCT FROM pg_backend_pid() \
           AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
           AND (l.relation IN (SELECT id FROM {} q) AND l.mode = ANY ({modes}) \
             OR l.relation = ANY ({ids}) AND l.mode = ANY ({further}) \
             OR {gate} AND l.relation = to_regclass('expand_contract.gate')) \
         ORDER BY NOT l.granted, coalesce(p.prepared, a.xact_start) NULLS LAST, l.pid LIMIT {BLOCKERS}",
        family(table)
    );
    let rows = s.rows(&sql, &[]).during("looking for who is in the way")?;
    Ok(rows.into_iter().map(blocker).collect())
}

fn blocker(row: Vec<Option<String>>) -> Blocker {
    let mut row = row.into_iter();
    let mut next = || row.next().flatten();
    let ms = |text: Option<String>| {
        text.and_then(|ms| ms.parse().ok())
            .map(Duration::from_millis)
    };
    let pid: Option<i64> = next().and_then(|pid| pid.parse().ok());
    let name = next().unwrap_or_default();
    let transaction = Transaction {
        name: match pid {
            Some(_) => name,
            None => format!("prepared transaction `{name}`"),
        },
        pid,
        application: next(),
        role: next(),
        state: next(),
        age: ms(next()),
        query: next(),
    };
    Blocker {
        transaction,
        query_age: ms(next()),
        lock: next().unwrap_or_default(),
        on: next().unwrap_or_default(),
        granted: next().as_deref() == Some("true"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_mutual() {
        for (name, word, conflicts) in MODES {
            for ((other, ..), hit) in MODES.iter().zip(conflicts) {
                assert_eq!(
                    conflicting(other).contains(&word),
                    hit == 1,
                    "{name} and {other}"
                );
            }
        }
        assert_eq!(conflicting("none").len(), 0);
        assert_eq!(
            conflicting("SHARE ROW EXCLUSIVE").first(),
            Some(&"RowExclusiveLock")
        );
    }
}
