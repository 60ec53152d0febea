//! Indexes are built outside of transactions: what is left over of builds, who names them, what is told meanwhile.

use std::cell::RefCell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use diesel::{Connection, PgConnection};
use expand_contract::phase::Step;
use expand_contract::{Error, IndexProgress};
use tests::database::Db;
use tests::postgres::PgDatabase;
use tests::wait;

use crate::support::*;

const BUILDS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                      AND state = 'active' AND query LIKE 'CREATE%INDEX CONCURRENTLY%'";
const LEFT: &str = "SELECT string_agg(indexrelid::text || ' ' || indisvalid, ',') FROM pg_index \
                    JOIN pg_class ON oid = indexrelid WHERE relname LIKE 'expand_contract_build%'";

/// Up to where indexes are built, with a writer that they have to wait for.
fn with_a_writer() -> (PgDatabase, PgConnection, PgConnection) {
    let db = PgDatabase::new();
    let (mut conn, mut writer) = (db.connect(), db.connect());
    table(&mut conn, 100);
    advance(&mut conn, options(), Step::Expand).expect("nobody is in the way");
    run(
        &mut writer,
        "SET application_name = 'shop'; BEGIN; INSERT INTO items (id, note) VALUES (1000, 'mine')",
    );
    (db, conn, writer)
}

#[test]
fn the_lease_is_renewed_and_progress_is_told_while_an_index_is_built() {
    let (db, mut conn, mut writer) = with_a_writer();
    let blocker = pid(&mut writer);
    let seen: Rc<RefCell<Vec<IndexProgress>>> = Rc::default();
    let (log, mut witness) = (Rc::clone(&seen), db.connect());
    let renewals = Rc::new(RefCell::new(Vec::new()));
    let (counts, writer) = (Rc::clone(&renewals), RefCell::new(writer));
    let options = options().on_index_progress(move |now| {
        log.borrow_mut().push(now.clone());
        let sql = "SELECT renewals FROM expand_contract.runners";
        let count: Option<i64> =
            Postgres::text(&mut witness, sql).and_then(|count| count.parse().ok());
        counts.borrow_mut().extend(count);
        if counts.borrow().len() == 3 {
            run(&mut writer.borrow_mut(), "COMMIT");
        }
    });
    beside(&db, &mut conn, options, Step::Backfill).expect("the writer ends");
    let seen = seen.borrow();
    let first = seen.first().expect("something was told");
    assert!(first.action.starts_with("create index"), "{first:?}");
    assert_eq!(first.phase, "waiting for writers before build");
    assert_eq!((first.lockers_done, first.lockers_total), (0, 1));
    let waits_for = first.waits_for.as_ref().expect("it waits");
    assert_eq!(waits_for.pid, Some(blocker));
    assert_eq!(waits_for.application.as_deref(), Some("shop"));
    let renewals = renewals.borrow();
    assert!(
        renewals.windows(2).take(2).all(|two| two[0] < two[1]),
        "{renewals:?}"
    );
    assert_eq!(Postgres::text(&mut conn, LEFT), None);
}

#[test]
fn fm25_what_a_lost_runner_has_built_to_the_end_is_used() {
    let (db, mut conn, mut writer) = with_a_writer();
    let witness = &mut db.connect();
    let lost = pid(&mut conn);
    thread::scope(|scope| {
        let runner = scope.spawn(|| beside(&db, &mut conn, options(), Step::Backfill));
        wait::until("the index build waits for the writer", || {
            Postgres::text(witness, BUILDS).as_deref() == Some("1")
        });
        run(witness, &format!("SELECT pg_terminate_backend({lost})"));
        wait::until("it is gone", || {
            let there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {lost}");
            Postgres::text(witness, &there).as_deref() == Some("0")
        });
        run(&mut writer, "COMMIT");
        let outcome = runner.join().expect("it does not panic");
        outcome.expect_err("its connection is gone");
    });
    let left = Postgres::text(witness, LEFT).expect("there is one");
    let oid = left.strip_suffix(" true").expect("it was built to the end");
    beside(&db, witness, options(), Step::Backfill).expect("nobody is in the way");
    let used = format!("SELECT indisvalid FROM pg_index WHERE indexrelid = {oid}");
    assert_eq!(Postgres::text(witness, &used).as_deref(), Some("true"));
    assert_eq!(Postgres::text(witness, LEFT), None);
}

/// It stands still while its index is built, somebody else goes on, and it wakes up.
#[test]
fn fm25_a_runner_that_lost_the_table_names_no_index() {
    let (db, mut conn, mut writer) = with_a_writer();
    let witness = &mut db.connect();
    let (sleeps, asleep) = mpsc::channel();
    let (wakes, awake) = mpsc::channel();
    thread::scope(|scope| {
        let db = &db;
        let runner = scope.spawn(move || {
            let mut first = true;
            let options = options().on_index_progress(move |_| {
                if std::mem::take(&mut first) {
                    sleeps.send(()).expect("somebody waits");
                    awake.recv().expect("it is woken up");
                }
            });
            beside(db, &mut conn, options, Step::Backfill)
        });
        asleep.recv().expect("an index is built");
        // as long as it is built, nobody takes over
        let outcome = beside(db, witness, options(), Step::Backfill);
        assert!(
            matches!(outcome, Err(Error::RunnerActive { .. })),
            "{outcome:?}"
        );
        run(&mut writer, "COMMIT");
        wait::until("the index is built", || {
            Postgres::text(witness, BUILDS).as_deref() == Some("0")
        });
        beside(db, witness, options(), Step::Verify).expect("it takes over");
        let indexes = "SELECT string_agg(indexrelid || ' ' || indexrelid::regclass, ',' ORDER BY 1) FROM pg_index";
        let before = Postgres::text(witness, indexes);
        wakes.send(()).expect("it waits");
        let outcome = runner.join().expect("it does not panic");
        assert!(
            matches!(outcome, Err(Error::RunnerLost { .. })),
            "{outcome:?}"
        );
        assert_eq!(Postgres::text(witness, indexes), before);
    });
    advance(witness, options(), Step::Contract).expect("nobody is in the way");
    assert_eq!(Postgres::text(witness, LEFT), None);
}

/// Whatever a runner has left that nobody wants any more goes with the next step.
#[test]
fn fm25_stray_builds_go() {
    let db = PgDatabase::new();
    let conn = &mut db.connect();
    table(conn, 10);
    let stray = "CREATE INDEX expand_contract_build_7_00000000000000ff ON items (email)";
    run(conn, stray);
    advance(conn, options(), Step::Expand).expect("nobody is in the way");
    assert_eq!(Postgres::text(conn, LEFT), None);
    run(conn, stray);
    back(conn, options()).expect("nobody is in the way");
    assert_eq!(Postgres::text(conn, LEFT), None);
}

#[test]
fn a_panic_ends_the_build() {
    let (db, mut conn, mut writer) = with_a_writer();
    let witness = &mut db.connect();
    let options = options().on_index_progress(|_| panic!("no more"));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        beside(&db, &mut conn, options, Step::Backfill)
    }));
    assert!(outcome.is_err());
    // the writer is still there
    assert_eq!(Postgres::text(witness, BUILDS).as_deref(), Some("0"));
    run(&mut writer, "COMMIT");
    advance(&mut conn, crate::support::options(), Step::Contract).expect("nobody is in the way");
    assert_eq!(Postgres::text(witness, LEFT), None);
}

/// A unique index that is enforced and not used would refuse rows for nothing.
#[test]
fn a_build_that_fails_leaves_no_index() {
    for second in [false, true] {
        let db = PgDatabase::new();
        let conn = &mut db.connect();
        table(conn, 10);
        advance(conn, options(), Step::Switch).expect("nobody is in the way");
        Postgres::behind_the_triggers(conn, TWICE);
        let outcome = match second {
            true => beside(&db, conn, options(), Step::Retire),
            false => advance(conn, options(), Step::Retire),
        };
        assert!(
            matches!(outcome, Err(Error::Database { .. })),
            "{outcome:?}"
        );
        assert_eq!(Postgres::text(conn, LEFT), None);
        let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
        assert_eq!(Postgres::text(conn, invalid).as_deref(), Some("0"));
    }
}

/// Steps have transactions of their own, and some of their statements can be in none.
#[test]
fn fm26_nothing_is_done_inside_a_transaction() {
    let db = PgDatabase::new();
    let conn = &mut db.connect();
    table(conn, 10);
    advance(conn, options(), Step::Expand).expect("nobody is in the way");
    let before = Postgres::schema(conn);
    #[track_caller]
    fn refused(outcome: Result<(), Error>) {
        assert!(
            matches!(outcome, Err(Error::InsideTransaction { .. })),
            "{outcome:?}"
        );
    }
    let undone: Result<(), _> = conn.transaction(|conn| {
        run(conn, "UPDATE items SET note = 'mine' WHERE id = 1");
        refused(advance(conn, options(), Step::Backfill));
        Err(diesel::result::Error::RollbackTransaction)
    });
    undone.expect_err("it was undone");
    // one that Diesel knows nothing of
    run(conn, "BEGIN; UPDATE items SET note = 'mine' WHERE id = 1");
    refused(advance(conn, options(), Step::Backfill));
    refused(back(conn, options()));
    run(conn, "ROLLBACK");
    let mine = "SELECT count(*) FROM items WHERE note = 'mine'";
    assert_eq!(Postgres::text(conn, mine).as_deref(), Some("0"));
    assert_eq!(Postgres::schema(conn), before);
    advance(conn, options(), Step::Backfill).expect("nobody is in the way");
}

/// A lease is waited for only if nobody builds; the time does not matter.
#[test]
fn without_a_second_connection_nobody_takes_over_during_a_build() {
    let (db, mut conn, mut writer) = with_a_writer();
    let witness = &mut db.connect();
    thread::scope(|scope| {
        let runner = scope.spawn(|| advance(&mut conn, options(), Step::Backfill));
        wait::until("the index build waits for the writer", || {
            Postgres::text(witness, BUILDS).as_deref() == Some("1")
        });
        let outcome = advance(
            witness,
            options().lease(Duration::from_millis(20)),
            Step::Backfill,
        );
        assert!(
            matches!(outcome, Err(Error::RunnerActive { .. })),
            "{outcome:?}"
        );
        run(&mut writer, "COMMIT");
        let outcome = runner.join().expect("it does not panic");
        outcome.expect("nobody took over");
    });
}
