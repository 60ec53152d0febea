//! Rows are written and moved from partition to partition while they are copied.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;

use crate::common::*;
use crate::support::*;
use diesel::connection::SimpleConnection;
use expand_contract::phase::Step;
use expand_contract::Migrate;

#[test]
fn fm32_rows_that_move_keep_both_values() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table(conn, "integer");
    rows(conn, 600);
    let options = || fast().retries(100).batch_size(20);
    let mut migration = Amount::migration().options(options());
    migration.advance_to(conn, Step::Expand).expect("it begins");
    let over = Arc::new(AtomicBool::new(false));
    // one knows the old column only and has the odd rows, the other one the new one
    let writers: Vec<_> = [("total", 1, 1_000_000), ("amount", 0, 2_000_000)]
        .into_iter()
        .map(|(column, odd, above)| {
            let (over, mut conn) = (Arc::clone(&over), db.connect());
            thread::spawn(move || {
                let mut rounds = 0;
                while !over.load(Ordering::Relaxed) {
                    rounds += 1;
                    let id = 1 + (rounds * 14 + odd) % 598;
                    let (id, new) = (id - id % 2 + odd, above + rounds);
                    let sql = format!(
                        "UPDATE events SET day = (ARRAY['2026-01-06', '2026-02-06', '2026-03-06', '2031-01-01'])[1 + {rounds} % 4]::date, \
                           {column} = {new} WHERE id = {id}; \
                         UPDATE events SET day = day + 40 WHERE id = {id} + 2; \
                         INSERT INTO events (id, day, {column}) VALUES ({new}, date '2026-01-01' + {rounds} % 100, {new}); \
                         UPDATE events SET day = '2029-01-01' WHERE id = {new};"
                    );
                    conn.batch_execute(&sql)
                        .unwrap_or_else(|error| panic!("{sql}: {error}"));
                }
                rounds
            })
        })
        .collect();
    let mut migration = Amount::migration().options(options());
    let switched = migration.advance_to(conn, Step::Switch);
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.join().expect("no statement failed") > 20);
    }
    switched.expect("the rows are all right");
    let differ =
        "SELECT count(*) FROM events WHERE total IS DISTINCT FROM amount OR amount IS NULL \
        OR id > 1000000 AND amount <> id";
    assert_eq!(Postgres::text(conn, differ).as_deref(), Some("0"));
    to_the_end::<Amount>(conn);
}

#[test]
fn fm32_writers_of_a_unique_column_notice_nothing() {
    let db = deep(
        "ALTER TABLE events ADD CONSTRAINT once UNIQUE (total, day, id); \
         CREATE UNIQUE INDEX again ON events (day, id, total)",
    );
    // the last index of a partition that is partitioned would hardly ever get its locks behind the writers
    let options = || fast().retries(8).batch_size(500);
    let conn = &mut db.connect();
    let mut migration = Amount::migration().options(options());
    migration.advance_to(conn, Step::Expand).expect("it begins");
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..3)
        .map(|number| {
            let (over, mut conn) = (Arc::clone(&over), db.connect());
            thread::spawn(move || {
                let mut rounds = 0;
                while !over.load(Ordering::Relaxed) {
                    rounds += 1;
                    let id = 1_000_000 * (number + 1) + rounds;
                    let sql = format!(
                        "INSERT INTO events (id, day, amount) \
                           VALUES ({id}, (ARRAY['2026-01-06', '2026-02-06'])[1 + {rounds} % 2]::date, {id}) \
                           ON CONFLICT (day, id) DO NOTHING; \
                         UPDATE events SET amount = amount + 1 WHERE id = {id}; \
                         UPDATE events SET day = '2026-02-20', amount = amount - 1 WHERE id = {id}; \
                         DELETE FROM events WHERE id = {id} - 20"
                    );
                    conn.batch_execute(&sql)
                        .unwrap_or_else(|error| panic!("{sql}: {error}"));
                }
                rounds
            })
        })
        .collect();
    let mut migration = Amount::migration().options(options());
    let done = migration.run(conn);
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.join().expect("no statement failed") > 20);
    }
    done.expect("it ends");
    let wrong = "SELECT count(*) FROM events WHERE amount <> id";
    assert_eq!(Postgres::text(conn, wrong).as_deref(), Some("0"));
}
