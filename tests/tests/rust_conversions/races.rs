//! Writers at the same time as the copy and the drain.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;

use diesel::connection::SimpleConnection;
use expand_contract::phase::Step;
use expand_contract::MigrateOn;
use tests::database::{Db, Postgres};
use tests::wait;

use crate::*;

/// Lets a runner wait for a row that a writer holds, commits, and waits for the runner. SQLite has one writer at a time.
fn meanwhile(
    conn: &mut PgConnection,
    db: &Postgres,
    write: &str,
    run: impl FnOnce(&mut PgConnection),
) {
    let (mut writer, mut watcher) = (db.connect(), db.connect());
    Postgres::run(&mut writer, &format!("BEGIN; {write}"));
    thread::scope(|scope| {
        scope.spawn(|| {
            // waiting for a row is waiting for its transaction
            let waiting = "SELECT (count(*) > 0)::text FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'";
            wait::until("the runner waits for the row", || {
                Postgres::text(&mut watcher, waiting).as_deref() == Some("true")
            });
            Postgres::run(&mut writer, "COMMIT");
        });
        run(conn);
    });
}

#[test]
fn fm03_a_copy_does_not_overwrite_what_was_written_meanwhile() {
    for (write, wanted) in [
        ("UPDATE prices SET price = '9.09' WHERE id = 1", "9.09 909"),
        ("UPDATE prices SET cents = 808 WHERE id = 1", "8.08 808"),
        (
            "UPDATE prices SET price = '7.07', cents = 707 WHERE id = 1",
            "7.07 707",
        ),
        ("DELETE FROM prices WHERE id = 1", "gone"),
    ] {
        let db = Postgres::fresh();
        let conn = &mut start(&db, Step::Expand);
        meanwhile(conn, &db, write, |conn| {
            advance::<Postgres>(conn, Step::Backfill).expect("all values convert");
        });
        assert_eq!(
            (row::<Postgres>(conn, 1).as_str(), queued::<Postgres>(conn)),
            (wanted, 0)
        );
        advance::<Postgres>(conn, Step::Switch).expect("every row is right");
        assert_eq!(row::<Postgres>(conn, 1), wanted);
    }
}

#[test]
fn fm03_a_drain_does_not_overwrite_what_was_written_meanwhile() {
    for (write, wanted) in [
        ("UPDATE prices SET price = '9.09' WHERE id = 1", "9.09 909"),
        ("UPDATE prices SET cents = 808 WHERE id = 1", "8.08 808"),
        (
            "UPDATE prices SET price = '7.07', cents = 707 WHERE id = 1",
            "7.07 707",
        ),
        ("UPDATE prices SET id = 100 WHERE id = 1", "5.00 500"),
    ] {
        let db = Postgres::fresh();
        let conn = &mut start(&db, Step::Verify);
        Postgres::run(conn, "UPDATE prices SET price = '5.00' WHERE id IN (1, 2)");
        // a row that is being written is not waited for, and nobody waits for it
        let mut writer = db.connect();
        Postgres::run(&mut writer, &format!("BEGIN; {write}"));
        let drained = drain::<Postgres>(conn);
        assert_eq!(
            (drained.converted, drained.left, &drained.refused),
            (1, 1, &None),
            "{drained:?}"
        );
        Postgres::run(&mut writer, "COMMIT");
        drain::<Postgres>(conn);
        let id = if write.contains("id = 100") { 100 } else { 1 };
        assert_eq!(
            (row::<Postgres>(conn, id).as_str(), queued::<Postgres>(conn)),
            (wanted, 0)
        );
    }
}

// A value that the column does not take is no reason to leave the others.
fn fm38_a_value_that_the_database_refuses<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut start(db, Step::Verify);
    let refuse = if D::POSTGRES {
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.cents = 22 THEN RAISE ''no 22''; \
         END IF; RETURN NEW; END'; \
         CREATE TRIGGER refuse BEFORE UPDATE ON prices FOR EACH ROW EXECUTE FUNCTION refuse()"
    } else {
        "CREATE TRIGGER refuse BEFORE UPDATE ON prices WHEN NEW.cents = 22 BEGIN SELECT RAISE(ABORT, 'no 22'); END"
    };
    D::run(conn, refuse);
    D::run(
        conn,
        "UPDATE prices SET price = '0.' || id || id; INSERT INTO prices (id, price) VALUES (4, '4.04')",
    );
    let drained = drain::<D>(conn);
    assert_eq!((drained.converted, drained.left), (3, 1));
    assert!(drained.refused.is_some_and(|said| said.contains("no 22")));
    assert_eq!(
        (row::<D>(conn, 1), row::<D>(conn, 4)),
        ("0.11 11".into(), "4.04 404".into())
    );
}

fn fm02_writers_of_all_kinds_from_expand_to_switch<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    const ROWS: i32 = 60;
    let conn = &mut db.connect();
    table::<D>(conn, ROWS);
    let patient = |conn: &mut D::Conn| {
        if !D::POSTGRES {
            D::run(conn, "PRAGMA busy_timeout = 30000");
        }
    };
    patient(conn);
    let migrate = |conn: &mut D::Conn, step| {
        let options = options()
            .batch_size(7)
            .lease(std::time::Duration::from_secs(30));
        Price::migration().options(options).advance_to(conn, step)
    };
    migrate(conn, Step::Expand).expect("nothing is in the way");
    let (stop, written) = (AtomicBool::new(false), AtomicI32::new(0));
    // each has rows of its own, whose last value it knows
    let wanted: Vec<(i32, i32)> = thread::scope(|scope| {
        let writer = |own: i32| {
            let (stop, written) = (&stop, &written);
            scope.spawn(move || {
                let conn = &mut db.connect();
                patient(conn);
                let mut last: Vec<(i32, i32)> = Vec::new();
                let mut round = 0;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    let id = own * 20 + 1 + round % 20;
                    let cents = 1_000 * own + 1 + round % 900;
                    let price = format!("{}.{:02}", cents / 100, cents % 100);
                    match own {
                        // the release before
                        0 if round % 7 == 0 => {
                            let sql = format!("DELETE FROM prices WHERE id = {id}; INSERT INTO prices (id, price) VALUES ({id}, '{price}')");
                            conn.batch_execute(&format!("BEGIN; {sql}; COMMIT")).expect("an old-only writer");
                        }
                        0 => conn
                            .batch_execute(&format!("UPDATE prices SET price = '{price}' WHERE id = {id}"))
                            .expect("an old-only writer"),
                        // this release
                        1 => drop(D::set(conn, id, cents).expect("a dual-writer")),
                        _ => conn
                            .batch_execute(&format!("UPDATE prices SET cents = {cents} WHERE id = {id}"))
                            .expect("a new-only writer"),
                    }
                    last.retain(|(known, _)| *known != id);
                    last.push((id, cents));
                    written.fetch_add(1, Ordering::Relaxed);
                }
                last
            })
        };
        let writers = [writer(0), writer(1), writer(2)];
        let more = |count: i32| {
            let before = written.load(Ordering::Relaxed);
            wait::until("they have written", || {
                written.load(Ordering::Relaxed) > before + count
            });
        };
        more(20);
        let result = migrate(conn, Step::Backfill).and_then(|_| migrate(conn, Step::Verify));
        more(20);
        let drained = Price::migration().options(options()).drain(conn);
        stop.store(true, Ordering::Relaxed);
        let wanted = writers.map(|writer| writer.join().expect("no statement failed"));
        result.expect("what waits does not keep the copy from being right");
        drained.expect("the queue can be drained");
        wanted.concat()
    });
    migrate(conn, Step::Switch).expect("the queue is drained");
    assert_eq!(queued::<D>(conn), 0);
    let all = D::all(conn).expect("all rows can be read");
    assert_eq!(all.len(), ROWS as usize);
    for (id, cents) in wanted {
        let price = format!("{}.{:02} {cents}", cents / 100, cents % 100);
        assert_eq!(row::<D>(conn, id), price, "row {id}");
    }
    assert!(D::fails(
        conn,
        "UPDATE prices SET price = '0.01' WHERE id = 1"
    ));
    migrate(conn, Step::Contract).expect("nothing is in the way");
}

on_every_database!(
    fm02_writers_of_all_kinds_from_expand_to_switch,
    fm38_a_value_that_the_database_refuses,
);
