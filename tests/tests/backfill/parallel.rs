//! Several workers: the same result, one range each, and one error for all.

use std::collections::BTreeSet;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use expand_contract::phase::Phase;
use expand_contract::MigrateOn;
use tests::database::Lite;

use super::*;

#[test]
fn several_workers_copy_compare_and_copy_back() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    letters(conn, 3_000, FAST);
    let pids = Arc::new(Mutex::new(BTreeSet::new()));
    let run = |conn: &mut PgConnection, step| {
        let (url, pids) = (db.url(), Arc::clone(&pids));
        let (options, log) = logging(options().batch_size(50).workers(4), step);
        let status = Letter::migration()
            .connect_with(move || {
                let mut conn = PgConnection::establish(&url)?;
                let pid = Postgres::text(&mut conn, "SELECT pg_backend_pid()");
                pids.lock().expect("nobody panics").insert(pid);
                Ok(conn)
            })
            .options(options)
            .advance_to(conn, step)?;
        let told = log.borrow();
        Ok::<_, Error>((status, told.clone()))
    };
    let (_, told) = run(conn, Step::Backfill).expect("all values convert");
    assert_eq!(copied(conn), 3_000);
    // every row once: the ranges have none in common
    let changed = |sweep| {
        told.iter()
            .rfind(|now| now.sweep == sweep)
            .map(|now| now.changed)
    };
    assert_eq!((changed(1), changed(2)), (Some(3_000), Some(0)), "{told:?}");
    // the last batch of each of 32 ranges is counted as a full one
    let looked = told.iter().rfind(|now| now.sweep == 1).map(|now| now.rows);
    assert!(looked <= Some(3_000 + 32 * 50), "{told:?}");
    let opened = pids.lock().expect("nobody panics").len();
    assert!(opened >= 4, "{opened} connections");
    assert_eq!(
        number(conn, "SELECT count(*) FROM expand_contract.cursors"),
        0
    );

    let (status, told) = run(conn, Step::Verify).expect("no row differs");
    assert_eq!(status.mismatches, Some(0));
    let looked = told.last().map(|now| now.rows);
    assert!(looked >= Some(3_000), "{told:?}");

    let (_, _) = run(conn, Step::Retire).expect("nobody is in the way");
    Postgres::run(conn, "UPDATE letters SET body = 'new ' || number");
    let url = db.url();
    Letter::migration()
        .connect_with(move || PgConnection::establish(&url))
        .options(options().batch_size(50).workers(4))
        .rollback(conn)
        .expect("all values convert back");
    assert_eq!(copied(conn), 3_000);
    let new = "SELECT count(*) FROM letters WHERE content = 'new ' || number";
    assert_eq!(number(conn, new), 3_000);
}

#[test]
fn several_workers_convert_in_rust() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    prices(conn, 3_000);
    let options = || options().batch_size(70);
    advance_prices(conn, &db.url(), options(), 3, Step::Verify).expect("all values convert");
    let right = "SELECT count(*) FROM prices WHERE cents = id * 100 + id % 100";
    assert_eq!(number(conn, right), 3_000);
    // a comparison by Rust sees what no SQL would
    Postgres::behind_the_triggers(
        conn,
        "UPDATE prices SET cents = cents + 1 WHERE id IN (7, 2900)",
    );
    match advance_prices(conn, &db.url(), options(), 3, Step::Verify) {
        Err(Error::Mismatches { count, samples, .. }) => {
            let samples: BTreeSet<String> = samples.into_iter().collect();
            assert_eq!(
                (count, samples),
                (2, ["7", "2900"].map(str::to_owned).into())
            );
        }
        other => panic!("{other:?}"),
    }
}

/// Without a way to further connections nothing is begun.
#[test]
fn workers_without_connections_are_refused_before_anything_starts() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    letters(conn, 10, FAST);
    let before = Postgres::schema(conn);
    let outcome = Letter::migration()
        .options(options().workers(2))
        .advance_to(conn, Step::Expand);
    match outcome {
        Err(error @ Error::NoConnections { .. }) => {
            let text = error.to_string();
            assert!(text.contains("connect_with"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(Postgres::schema(conn), before);
    let ledger = "SELECT to_regclass('expand_contract.meta')";
    assert_eq!(Postgres::text(conn, ledger), None);
}

/// There is one writer at a time, so there is one worker, and nobody asks for connections.
#[test]
fn sqlite_stays_with_one_worker() {
    let db = Lite::fresh();
    let conn = &mut db.connect();
    fn goes<D: Db>(conn: &mut D::Conn)
    where
        prices::table: MigrateOn<D::Conn>,
    {
        D::run(
            conn,
            "CREATE TABLE prices (id integer PRIMARY KEY, price text NOT NULL)",
        );
        D::run(conn, "INSERT INTO prices VALUES (1, '1.00'), (2, '2.50')");
        Price::migration()
            .options(options().workers(4))
            .advance_to(conn, Step::Verify)
            .expect("all values convert");
        let cents = "SELECT sum(cents) FROM prices";
        assert_eq!(D::text(conn, cents).as_deref(), Some("350"));
    }
    goes::<Lite>(conn);
}

/// A worker that cannot get a connection stops the others, and the run says why.
#[test]
fn the_error_of_one_worker_stops_all() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    letters(conn, 2_000, SLOW);
    advance(conn, &db.url(), options(), 1, Step::Expand).expect("nobody is in the way");
    let (url, asked) = (db.url(), AtomicU32::new(0));
    let outcome = Letter::migration()
        .connect_with(move || match asked.fetch_add(1, Ordering::SeqCst) {
            2 => Err(diesel::ConnectionError::BadConnection("no more".to_owned())),
            _ => PgConnection::establish(&url),
        })
        .options(options().batch_size(20).workers(3))
        .advance_to(conn, Step::Backfill);
    match outcome {
        Err(error @ Error::Connection { .. }) => {
            assert!(error.to_string().contains("the runner"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    // the others did not go on to the end
    assert!(copied(conn) < 2_000);
    letters_fast(conn);
    advance(conn, &db.url(), options(), 2, Step::Verify).expect("nobody is in the way");
    assert_eq!(copied(conn), 2_000);
}

/// A conversion that panics takes the run with it, instead of leaving it waiting for the worker.
#[test]
fn a_panic_of_one_worker_is_the_runs() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    prices(conn, 500);
    Postgres::run(conn, "UPDATE prices SET price = 'panic' WHERE id = 250");
    let url = db.url();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        advance_prices(conn, &url, options().batch_size(10), 3, Step::Backfill)
    }));
    assert!(outcome.is_err(), "{outcome:?}");
    let conn = &mut db.connect();
    Postgres::run(conn, "UPDATE prices SET price = '250.50' WHERE id = 250");
    advance_prices(conn, &url, options(), 3, Step::Verify).expect("all values convert");
}

/// Somebody else has taken the table over: no worker writes a row from then on.
#[test]
fn workers_that_have_lost_the_lease_write_nothing() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    letters(conn, 3_000, SLOW);
    advance(conn, &db.url(), options(), 1, Step::Expand).expect("nobody is in the way");
    let at_takeover = Rc::new(RefCell::new(None));
    let (seen, mut other) = (Rc::clone(&at_takeover), db.connect());
    let options = options().batch_size(20).on_progress(move |now| {
        if now.batches == 10 {
            // A runner that stands still begins no transactions; these do, until they see that the table is not theirs.
            // Then whoever takes it over waits for those that are under way.
            for change in ["held = 0", "token = token + 1, renewals = 0, held = 1"] {
                Postgres::run(
                    &mut other,
                    &format!("UPDATE expand_contract.runners SET {change}"),
                );
            }
            *seen.borrow_mut() = Some(copied(&mut other));
            // long enough for many batches, were they to go on
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    match advance(conn, &db.url(), options, 3, Step::Backfill) {
        Err(Error::RunnerLost { .. }) => {}
        other => panic!("{other:?}"),
    }
    let at_takeover = at_takeover.borrow().expect("there were ten batches");
    assert!(at_takeover < 2_900, "{at_takeover} rows");
    assert_eq!(copied(conn), at_takeover);
    let status = Letter::migration().status(conn).expect("a ledger");
    assert_eq!(status.stage.phase, Phase::Expanded);
}

fn letters_fast(conn: &mut PgConnection) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION slow(x text) RETURNS text IMMUTABLE STRICT LANGUAGE plpgsql AS 'BEGIN {FAST} END'"
    );
    Postgres::run(conn, &sql);
}
