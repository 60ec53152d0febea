//! Application transactions in the opposite key order: the application sees no deadlock because of the runner.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::Options;
use tests::database::{Db, Postgres};
use tests::postgres::{PgDatabase, PgServer};
use tests::wait;

diesel::table! {
    letters (id) {
        id -> Integer,
        body -> Text,
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate, Debug)]
#[diesel(table_name = letters)]
struct Letter {
    id: i32,
    #[migrate(
        rename_from = "content",
        retype_from = Text,
        up = "slow(content)",
        down = "slow(body)",
        lossless
    )]
    body: String,
}

const ROWS: i32 = 400;
/// Short, so that the detector comes often; a batch of all rows takes several times as long.
const TIMEOUT: &str = "200ms";

/// Locks a row with a high key, thinks, then wants one with a low key.
fn client(db: &PgDatabase, number: u32, stop: &AtomicBool, done: &AtomicU32) {
    let conn = &mut db.connect();
    let mut random = 12_345 + number;
    let mut below = |limit: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % limit
    };
    while !stop.load(Ordering::SeqCst) {
        let (high, low) = (200 + below(200), 1 + below(199));
        let think = f64::from(below(150)) / 1_000.0;
        let pause = u64::from(below(100));
        let sql = format!(
            "BEGIN; UPDATE letters SET content = content WHERE id = {high}; SELECT pg_sleep({think}); \
             UPDATE letters SET content = content WHERE id = {low}; COMMIT"
        );
        if let Err(error) = conn.batch_execute(&sql) {
            panic!("client {number}: {error}");
        }
        done.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(pause));
    }
}

#[test]
fn fm23_transactions_in_the_opposite_key_order_see_no_deadlock() {
    let server = PgServer::start(&[("deadlock_timeout", TIMEOUT)]);
    let db = PgDatabase::on(&server);
    let conn = &mut db.connect();
    // a quarter of a millisecond for a row, in every comparison and conversion
    Postgres::run(
        conn,
        &format!(
            "CREATE FUNCTION slow(x text) RETURNS text IMMUTABLE STRICT LANGUAGE plpgsql \
               AS 'BEGIN PERFORM pg_sleep(0.00025); RETURN x; END'; \
             CREATE TABLE letters (id integer PRIMARY KEY, content text NOT NULL); \
             INSERT INTO letters SELECT i, 'letter ' || i FROM generate_series(1, {ROWS}) i; ANALYZE letters"
        ),
    );
    let options = || {
        Options::new()
            .grace(Duration::ZERO)
            .lock_timeout(Duration::from_secs(5))
            .retries(200)
    };
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let clients = [1, 2, 3, 4].map(|number| {
            let (db, stop, done) = (&db, &stop, &done);
            scope.spawn(move || client(db, number, stop, done))
        });
        let outcome = (0..1).try_for_each(|_| {
            Letter::migration()
                .options(options())
                .advance_to(conn, Step::Switch)?;
            Letter::migration().options(options()).rollback(conn)?;
            Letter::migration()
                .options(options())
                .rollback(conn)
                .map(drop)
        });
        stop.store(true, Ordering::SeqCst);
        for client in clients {
            if let Err(panic) = client.join() {
                std::panic::resume_unwind(panic);
            }
        }
        outcome.expect("the runner gets through");
    });
    assert!(done.load(Ordering::SeqCst) > 20);
}

/// The client waits for a row of the batch before the batch waits for one of the client, so it is the client whom the
/// detector would end.
#[test]
fn fm23_a_client_that_waited_first_is_not_the_one_to_go() {
    let db = PgDatabase::new();
    let conn = &mut db.connect();
    crate::support::table::<Postgres>(conn, 1_000);
    crate::support::advance::<Postgres>(conn, Step::Expand).expect("nobody is in the way");
    let hold = |id: i32| {
        let mut conn = db.connect();
        let sql = format!("BEGIN; UPDATE items SET email = email WHERE id = {id}");
        conn.batch_execute(&sql).expect("nobody is in the way");
        conn
    };
    // these keep the batch on its way to the client's row for nearly as long as the detector sleeps
    let (first, second, mut client) = (hold(300), hold(600), hold(900));
    thread::scope(|scope| {
        let (url, options) = (db.url(), || crate::support::options().batch_size(10_000));
        let runner = scope.spawn(move || {
            let conn = &mut Postgres::open(&url);
            crate::support::advance_with::<Postgres>(conn, options(), Step::Backfill)
        });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND wait_event_type = 'Lock' AND query LIKE 'UPDATE%mail%'";
        wait::until("the batch waits for the first", || {
            Postgres::text(conn, waits).as_deref() == Some("1")
        });
        let client = scope.spawn(move || {
            client.batch_execute("UPDATE items SET email = 'by the client' WHERE id = 1; COMMIT")
        });
        for mut holder in [first, second] {
            thread::sleep(Duration::from_millis(400));
            holder.batch_execute("COMMIT").expect("nothing is wrong");
        }
        let client = client.join().expect("it does not panic");
        assert_eq!(client, Ok(()));
        let runner = runner.join().expect("it does not panic");
        assert!(runner.is_ok(), "{runner:?}");
    });
    let rows = "SELECT count(*) FROM items WHERE mail = email";
    assert_eq!(Postgres::text(conn, rows).as_deref(), Some("1000"));
}
