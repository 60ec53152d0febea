//! What the runner sets on a connection is as before, however a step ends.

use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::{Connection, PgConnection};
use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{Error, Moment, Options};
use tests::database::Db;
use tests::postgres::PgDatabase;

use crate::support::*;

/// A pooled connection of somebody who has settings of their own.
fn pooled(db: &PgDatabase) -> PgConnection {
    let mut conn = db.connect();
    run(
        &mut conn,
        "SET statement_timeout = '77s'; SET lock_timeout = '66s'; SET search_path = public, pg_temp; SET jit = on; \
         SET datestyle = 'German'; SET timezone = 'Asia/Tokyo'; SET bytea_output = 'escape'; SET enable_seqscan = on; \
         SET default_transaction_isolation = 'repeatable read'",
    );
    conn
}

pub(crate) fn settings(conn: &mut PgConnection) -> String {
    // those of PL/pgSQL are there once it was used
    let sql = "SELECT string_agg(name || '=' || setting, E'\\n' ORDER BY name) FROM pg_settings \
               WHERE name NOT LIKE 'plpgsql.%'";
    Postgres::text(conn, sql).expect("there are settings")
}

/// Nothing is open on it, and nothing is set that was not.
#[track_caller]
fn is_as_before(db: &PgDatabase, conn: &mut PgConnection, before: &str) {
    let pid = pid(conn);
    let state = format!(
        "SELECT state || coalesce(xact_start::text, '') FROM pg_stat_activity WHERE pid = {pid}"
    );
    assert_eq!(
        Postgres::text(&mut db.connect(), &state).as_deref(),
        Some("idle")
    );
    let after = settings(conn);
    let (before, after) = (before.lines().collect::<Vec<_>>(), after.lines());
    let leaked: Vec<&str> = after.filter(|line| !before.contains(line)).collect();
    assert_eq!(leaked, [""; 0]);
    let locks =
        format!("SELECT count(*) FROM pg_locks WHERE pid = {pid} AND locktype = 'advisory'");
    assert_eq!(
        Postgres::text(&mut db.connect(), &locks).as_deref(),
        Some("0")
    );
    // and it can be used
    conn.transaction(|conn| diesel::sql_query("SELECT 1").execute(conn))
        .expect("it works");
}

/// A step with `options` for the connection of a pool: what it was worth is for `check`.
fn leaves_no_trace(prepare: Option<Step>, step: Step, options: Options, check: impl FnOnce(&str)) {
    let db = PgDatabase::new();
    table(&mut db.connect(), 120);
    let conn = &mut pooled(&db);
    if let Some(step) = prepare {
        advance(conn, crate::support::options(), step).expect("nobody is in the way");
    }
    let before = settings(conn);
    let outcome = catch_unwind(AssertUnwindSafe(|| advance(conn, options, step)));
    check(&match outcome {
        Ok(Ok(())) => "done".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => format!("panic: {}", panic.downcast_ref::<&str>().unwrap_or(&"")),
    });
    is_as_before(&db, conn, &before);
    // another runner takes over where it stood
    advance(conn, crate::support::options(), Step::Contract).expect("nobody is in the way");
    is_as_before(&db, conn, &before);
}

#[test]
fn fm18_after_a_whole_migration() {
    leaves_no_trace(None, Step::Contract, options(), |outcome| {
        assert_eq!(outcome, "done")
    });
}

#[test]
fn fm18_after_a_step_was_stopped_at_any_action() {
    for nth in (0..200).step_by(5) {
        let mut left = nth;
        let stop = options().on_action(move |_| {
            left -= 1;
            match left < 0 {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        let mut done = false;
        leaves_no_trace(None, Step::Contract, stop, |outcome| {
            done = outcome == "done"
        });
        if done {
            assert!(nth > 20, "{nth}");
            return;
        }
    }
    panic!("there are not so many actions");
}

#[test]
fn fm18_after_a_panic_of_on_action() {
    for moment in [Moment::Before, Moment::After] {
        let options = options().on_action(move |event| {
            assert!(
                !(event.moment == moment && event.action.starts_with("create index")),
                "no more"
            );
            ControlFlow::Continue(())
        });
        leaves_no_trace(None, Step::Contract, options, |outcome| {
            assert_eq!(outcome, "panic: no more")
        });
    }
}

#[test]
fn fm18_after_a_panic_of_on_progress() {
    for step in [Step::Backfill, Step::Verify] {
        let options = options().on_progress(move |now| assert!(now.step != step, "no more"));
        leaves_no_trace(None, Step::Contract, options, |outcome| {
            assert_eq!(outcome, "panic: no more")
        });
    }
}

#[test]
fn fm18_after_locks_in_vain() {
    let db = PgDatabase::new();
    let (conn, reader) = (&mut pooled(&db), &mut db.connect());
    table(conn, 10);
    let before = settings(conn);
    run(reader, "BEGIN; SELECT count(*) FROM items");
    let impatient = || options().lock_patience(Duration::ZERO);
    let outcome = advance(conn, impatient(), Step::Expand);
    assert!(matches!(outcome, Err(Error::Locked { .. })), "{outcome:?}");
    is_as_before(&db, conn, &before);
    let panics = impatient().on_lock_wait(|_| panic!("no more"));
    let outcome = catch_unwind(AssertUnwindSafe(|| advance(conn, panics, Step::Expand)));
    assert!(outcome.is_err());
    is_as_before(&db, conn, &before);
}

/// The build of a unique index meets the same value twice.
#[test]
fn fm18_after_an_index_build_that_fails() {
    let db = PgDatabase::new();
    let conn = &mut pooled(&db);
    table(conn, 10);
    advance(conn, options(), Step::Switch).expect("nobody is in the way");
    Postgres::behind_the_triggers(conn, TWICE);
    let before = settings(conn);
    let outcome = advance(conn, options(), Step::Contract);
    assert!(
        matches!(outcome, Err(Error::Database { .. })),
        "{outcome:?}"
    );
    is_as_before(&db, conn, &before);
}

mod conversion {
    use super::*;

    diesel::table! {
        prices (id) {
            id -> Integer,
            cents -> BigInt,
        }
    }

    static PANICS: AtomicBool = AtomicBool::new(false);

    fn up(price: String) -> Result<i64, std::num::ParseIntError> {
        assert!(!PANICS.load(Ordering::SeqCst), "no more");
        price.parse()
    }

    fn down(cents: i64) -> Result<String, std::convert::Infallible> {
        Ok(cents.to_string())
    }

    #[derive(Migrate, Debug)]
    #[diesel(table_name = prices)]
    struct Price {
        #[allow(dead_code)]
        id: i32,
        #[allow(dead_code)]
        #[migrate(rename_from = "price", retype_from = Text, old_type = String, up_with = up, down_with = down)]
        cents: i64,
    }

    #[test]
    fn fm18_after_a_panic_of_a_conversion() {
        let db = PgDatabase::new();
        let conn = &mut pooled(&db);
        run(
            conn,
            "CREATE TABLE prices (id integer PRIMARY KEY, price text NOT NULL); \
             INSERT INTO prices SELECT i, i::text FROM generate_series(1, 100) i",
        );
        let migrate = |conn: &mut PgConnection, step| {
            let mut migration = Price::migration().options(options());
            migration.advance_to(conn, step).map(drop)
        };
        migrate(conn, Step::Expand).expect("nobody is in the way");
        let before = settings(conn);
        PANICS.store(true, Ordering::SeqCst);
        let outcome = catch_unwind(AssertUnwindSafe(|| migrate(conn, Step::Backfill)));
        assert!(outcome.is_err());
        is_as_before(&db, conn, &before);
        PANICS.store(false, Ordering::SeqCst);
        migrate(conn, Step::Contract).expect("nobody is in the way");
    }
}
