//! Evidence of writers that know only one of the columns: what the triggers call.
//!
//! PostgreSQL: each session writes rows of its own, so that no writer waits for another, and a snapshot that is older than
//! somebody else's row does no harm. At most every [`THROTTLE`] seconds: in between a session counts in a setting of its
//! own, which is rolled back with its transaction as the row would be. Whatever goes wrong is swallowed or noted in a row
//! of another key: a writer must not fail for the sake of evidence.
//!
//! SQLite has one writer at a time and neither names nor roles: a counter for each side.

use super::table;
use crate::definition::Dialect;
use crate::phase::Side;

/// For how many seconds a session that was seen may write without being put on record again (PostgreSQL).
pub(super) const THROTTLE: u64 = 5;

/// The moment of a statement, in seconds: what tells statements of a session apart (PostgreSQL).
const STATEMENT: &str = "pg_catalog.date_part('epoch', pg_catalog.statement_timestamp())";

/// Whose writes a session counts, and since when evidence counts. Sequences are outside of transactions and snapshots: a
/// serializable writer leaves no trace by reading one (PostgreSQL).
const WHO: &str =
    "pg_catalog.concat(session_user, ' ', pg_catalog.current_setting('application_name'), ' ', \
     pg_catalog.pg_sequence_last_value('expand_contract.stranger_epoch'))";

/// How many rows the triggers may leave between two looks of a runner.
const MOST: u32 = 10_000;

/// What the triggers call (PostgreSQL). In the trigger's transaction, with the rights of the trigger's owner.
pub(super) fn functions() -> String {
    // The trigger itself counts the statements of a session that was put on record a moment ago (see `saw`), and calls this
    // only for the others: a call of a function with a few expressions in it costs a small statement a tenth of its time.
    // A slot is one of the server's places for sessions: bounded by max_connections where process ids are not, and nobody
    // else's at the time.
    format!(
        "CREATE SEQUENCE IF NOT EXISTS expand_contract.stranger_epoch;
         CREATE SEQUENCE IF NOT EXISTS expand_contract.net_rows;
         CREATE OR REPLACE FUNCTION expand_contract.saw(_id text, _generation integer, _side text, _setting text)
         RETURNS void LANGUAGE plpgsql AS $f$
         DECLARE
           counted bigint := coalesce(nullif(pg_catalog.current_setting(_setting || '_count', true), '')::bigint, 0);
           slot bigint := nullif(pg_catalog.current_setting('expand_contract.slot', true), '');
           who text := {WHO};
         BEGIN
           IF pg_catalog.current_setting('expand_contract.copying', true) = 'on' THEN RETURN; END IF;
           PERFORM pg_catalog.set_config(_setting, {STATEMENT}::text, false);
           IF pg_catalog.current_setting(_setting || '_who', true) IS DISTINCT FROM who THEN
             counted := 0;
             PERFORM pg_catalog.set_config(_setting || '_who', who, false);
           END IF;
           IF slot IS NULL THEN
             slot := coalesce((SELECT pg_catalog.split_part(virtualtransaction, '/', 1)::bigint + 1
               FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'virtualxid' LIMIT 1),
               pg_catalog.pg_backend_pid());
             PERFORM pg_catalog.set_config('expand_contract.slot', slot::text, false);
           END IF;
           PERFORM expand_contract.note_stranger(_id, _generation, _side, slot, counted + 1);
           PERFORM pg_catalog.set_config(_setting || '_count', '0', false);
           PERFORM pg_catalog.set_config(_setting || '_until', ({STATEMENT} + {THROTTLE})::text, false);
         END $f$;
         CREATE OR REPLACE FUNCTION expand_contract.note_stranger(
           _id text, _generation integer, _side text, _backend bigint, _writes bigint)
         RETURNS void LANGUAGE plpgsql SET lock_timeout = '1ms' SET search_path = pg_catalog, pg_temp AS $f$
         DECLARE
           name text := current_setting('application_name');
           is_new boolean;
         BEGIN
           -- an application whose name is another one in each session must not fill the ledger
           IF coalesce(pg_sequence_last_value('expand_contract.net_rows'), 0) >= {MOST} THEN name := '(others)'; END IF;
           INSERT INTO expand_contract.strangers AS s
             (id, generation, side, backend, application, role_name, writes, first_seen, last_seen)
           VALUES (_id, _generation, _side, _backend, name, session_user, _writes, clock_timestamp(), clock_timestamp())
           ON CONFLICT (id, generation, side, backend, application, role_name)
           DO UPDATE SET writes = s.writes + excluded.writes, last_seen = greatest(s.last_seen, excluded.last_seen)
           RETURNING s.xmax = 0 INTO is_new;
           IF is_new THEN PERFORM nextval('expand_contract.net_rows'); END IF;
         EXCEPTION WHEN OTHERS THEN
           -- the row is in the hands of a prepared transaction of the same slot, or newer than the snapshot: another key
           BEGIN
             IF coalesce(pg_sequence_last_value('expand_contract.net_rows'), 0) < 2 * {MOST} THEN
               INSERT INTO expand_contract.strangers
                 (id, generation, side, backend, application, role_name, writes, first_seen, last_seen)
               VALUES (_id, _generation, _side, -nextval('expand_contract.net_rows') - (random() * 1e15)::bigint, name,
                 session_user, _writes, clock_timestamp(), clock_timestamp());
             END IF;
           EXCEPTION WHEN OTHERS THEN NULL;
           END;
         END $f$;
         CREATE OR REPLACE FUNCTION expand_contract.poisoned(_id text, _generation integer, _key text, _reason text)
         RETURNS void LANGUAGE plpgsql SET lock_timeout = '1ms' SET search_path = pg_catalog, pg_temp AS $f$
         BEGIN
           IF nextval('expand_contract.net_rows') < {MOST} THEN
             INSERT INTO expand_contract.quarantine (id, generation, row_key, reason)
             VALUES (_id, _generation, coalesce(_key, ''), coalesce(_reason, ''));
           END IF;
         EXCEPTION WHEN OTHERS THEN NULL;
         END $f$;
         REVOKE ALL ON FUNCTION expand_contract.saw, expand_contract.note_stranger, expand_contract.poisoned FROM PUBLIC;"
    )
}

/// The name of a side in the ledger.
pub(super) const fn name(side: Side) -> &'static str {
    match side {
        Side::Old => "old",
        Side::Via => "via",
        Side::New => "new",
    }
}

/// The migration that a trigger belongs to: its id as a literal, and its generation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) id: &'a str,
    pub(crate) generation: u32,
}

/// The statement of a trigger that puts a one-sided write on record.
pub(crate) fn saw(dialect: Dialect, origin: Origin<'_>, side: Side) -> String {
    let (id, generation, side) = (origin.id, origin.generation, name(side));
    match dialect {
        // one setting for all changes of a migration
        Dialect::Postgres => {
            let tag = super::hash(&format!("{id}/{generation}")) & 0xffff_ffff;
            let setting = format!("'expand_contract.seen_{tag:08x}_{side}'");
            let of = |what: &str| {
                let name = format!("'expand_contract.seen_{tag:08x}_{side}_{what}'");
                (format!("pg_catalog.current_setting({name}, true)"), name)
            };
            let ((until, _), (who, _), (count, counts)) = (of("until"), of("who"), of("count"));
            // each statement once, and its other rows pay for a comparison
            format!(
                "IF pg_catalog.current_setting({setting}, true) IS DISTINCT FROM {STATEMENT}::text THEN \
                 IF nullif({until}, '')::float8 > {STATEMENT} AND {who} = {WHO} THEN \
                 PERFORM pg_catalog.set_config({setting}, {STATEMENT}::text, false), \
                 pg_catalog.set_config({counts}, ({count}::bigint + 1)::text, false); \
                 ELSE PERFORM expand_contract.saw({id}, {generation}, '{side}', {setting}); END IF; END IF;"
            )
        }
        Dialect::Sqlite => {
            let strangers = table(dialect, "strangers");
            let now = "strftime('%Y-%m-%d %H:%M:%f', 'now')";
            // unqualified names of the conflicting row: the trigger's own table has other columns
            format!(
                "INSERT INTO {strangers} \
                 (id, generation, side, backend, application, role_name, writes, first_seen, last_seen) \
                 VALUES ({id}, {generation}, '{side}', 0, '', '', 1, {now}, {now}) \
                 ON CONFLICT (id, generation, side, backend, application, role_name) \
                 DO UPDATE SET writes = writes + 1, last_seen = excluded.last_seen;"
            )
        }
    }
}

/// The statement of a trigger that puts a row on record whose value does not convert. `key`: its primary key as text.
/// `condition`: only then (SQLite, where a trigger knows no other way).
pub(crate) fn poisoned(
    dialect: Dialect,
    origin: Origin<'_>,
    key: &str,
    condition: Option<&str>,
) -> String {
    let (id, generation) = (origin.id, origin.generation);
    match dialect {
        Dialect::Postgres => {
            format!("PERFORM expand_contract.poisoned({id}, {generation}, {key}, SQLERRM);")
        }
        Dialect::Sqlite => {
            let quarantine = table(dialect, "quarantine");
            let condition = condition.unwrap_or("true");
            format!(
                "INSERT INTO {quarantine} (id, generation, row_key, reason) \
                 SELECT {id}, {generation}, {key}, 'it gives NULL' WHERE {condition} AND NOT EXISTS \
                 (SELECT 1 FROM {quarantine} WHERE id = {id} AND generation = {generation} AND row_key = {key});"
            )
        }
    }
}
