//! Several workers among application transactions in the opposite key order: the application sees no deadlock.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use diesel::connection::SimpleConnection;
use tests::postgres::{PgDatabase, PgServer};

use super::*;

const ROWS: u32 = 400;

/// Locks a row with a high key, thinks, then wants one with a low key.
fn client(db: &PgDatabase, number: u32, stop: &AtomicBool, done: &AtomicU32) {
    let conn = &mut db.connect();
    let mut random = 54_321 + number;
    let mut below = |limit: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % limit
    };
    while !stop.load(Ordering::SeqCst) {
        // of the same sender, so that one batch wants both
        let low = 1 + below(200);
        let high = low + 7 * (1 + below(28));
        let think = f64::from(below(150)) / 1_000.0;
        let write = |id: u32| {
            format!(
                "UPDATE letters SET content = content WHERE (sender, number) = (chr(97 + {id} % 7), {id})"
            )
        };
        let sql = format!(
            "BEGIN; {}; SELECT pg_sleep({think}); {}; COMMIT",
            write(high),
            write(low)
        );
        if let Err(error) = conn.batch_execute(&sql) {
            panic!("client {number}: {error}");
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
}

/// Whether there is anything to roll back.
fn copied_at_all(conn: &mut PgConnection) -> bool {
    let column = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'letters'::regclass AND attname = 'body'";
    number(conn, column) > 0
}

#[test]
fn fm23_two_workers_and_writers_in_the_opposite_key_order() {
    let server = PgServer::start(&[("deadlock_timeout", "200ms")]);
    let db = PgDatabase::on(&server);
    let conn = &mut db.connect();
    letters(conn, ROWS, SLOW);
    let options = || {
        options()
            .lock_timeout(Duration::from_secs(5))
            .retries(200)
            .lease(Duration::from_secs(60))
    };
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let clients = [1, 2, 3, 4].map(|number| {
            let (db, stop, done) = (&db, &stop, &done);
            scope.spawn(move || client(db, number, stop, done))
        });
        let outcome = (0..3).try_for_each(|_| {
            if copied_at_all(conn) {
                Letter::migration().options(options()).rollback(conn)?;
            }
            advance(conn, &db.url(), options(), 2, Step::Verify).map(drop)
        });
        stop.store(true, Ordering::SeqCst);
        for client in clients {
            if let Err(panic) = client.join() {
                std::panic::resume_unwind(panic);
            }
        }
        outcome.expect("the runner gets through");
    });
    assert!(done.load(Ordering::SeqCst) > 10);
    assert_eq!(copied(conn), u64::from(ROWS));
}
