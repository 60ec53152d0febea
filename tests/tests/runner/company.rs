//! A runner is not alone: writers, pinned transactions, other runners, old snapshots.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::common::*;
use diesel::connection::SimpleConnection;
use diesel::Connection;
use expand_contract::phase::{Phase, Step};
use expand_contract::{pinned, Error, Migrate, MigrateOn, Options};

// Dual-writing instances at work from the expand to the switch: none of their statements fails, no row differs.
fn writers_at_work<D: Db + Sync>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    let conn = &mut db.connect();
    users::<D>(conn, 200);
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Expand)
        .unwrap();
    let (done, written) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for writer in 0..3_u32 {
            let (done, written) = (&done, &written);
            scope.spawn(move || {
                let mut conn = db.connect();
                if !D::POSTGRES {
                    conn.batch_execute("PRAGMA busy_timeout = 20000").unwrap();
                }
                let mut n = writer;
                while !done.load(Ordering::Relaxed) {
                    n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let (id, other) = (n % 200 + 1, n / 7 % 200 + 1);
                    // in any key order, two rows at a time; a deadlock would end one of these. As many keys as a walk in
                    // batches of seven gets through while others insert.
                    let sql = format!(
                        "UPDATE users SET email = 'w{writer}-{n}', mail = 'w{writer}-{n}' WHERE id = {id}; \
                         DELETE FROM users WHERE id = 200 + {other} % 20; \
                         INSERT INTO users (id, email, mail) VALUES ({n} % 500 + 1000 + {writer} * 1000, 'i{writer}-{n}', 'i{writer}-{n}') \
                         ON CONFLICT DO NOTHING"
                    );
                    conn.batch_execute(&sql).unwrap();
                    written.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }
        let options = fast().batch_size(7).retries(50);
        let result = Users::migration()
            .options(options)
            .advance_to(conn, Step::Switch);
        done.store(true, Ordering::Relaxed);
        result.unwrap();
    });
    assert!(written.load(Ordering::Relaxed) > 0);
    let n = "SELECT count(*) FROM users WHERE mail = email";
    assert_eq!(
        D::text(conn, n),
        D::text(conn, "SELECT count(*) FROM users")
    );
}

// Keys whose order as text is another than their own.
fn batches_are_of_their_size<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    users::<D>(conn, 120);
    let batches = Rc::new(RefCell::new(Vec::new()));
    let log = batches.clone();
    let before = RefCell::new(0);
    let options = fast().batch_size(10).on_progress(move |progress| {
        if progress.step == Step::Backfill && progress.sweep == 1 {
            let changed = progress.changed - before.replace(progress.changed);
            log.borrow_mut().push(changed);
        }
    });
    Users::migration()
        .options(options)
        .advance_to(conn, Step::Backfill)
        .unwrap();
    // 12 full ones, then the one that finds the end
    let batches = batches.borrow();
    assert_eq!(batches[..12], [10; 12], "{batches:?}");
    assert_eq!(batches.iter().sum::<u64>(), 120);
}

fn second_runner<D: Db + Sync>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    D::run(
        conn,
        "INSERT INTO users VALUES (3, 'd', ''), (4, 'e', ''), (5, 'f', ''), (6, 'g', '')",
    );
    let mut other = db.connect();
    // while the first runner moves, the second one hears who it is
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let log = seen.clone();
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Expand)
        .unwrap();
    let options = fast()
        .holder("the first")
        .batch_size(1)
        .on_progress(move |progress| {
            if progress.sweep == 1 && progress.batches == 2 {
                // it stands still for less than the lease, then moves on: see below
                let outcome = Users::migration()
                    .options(fast().lease(Duration::from_millis(50)).holder("the second"))
                    .advance_to(&mut other, Step::Backfill);
                log.borrow_mut()
                    .push(outcome.map(|_| ()).map_err(|error| error.to_string()));
            }
        });
    let first = Users::migration()
        .options(options)
        .advance_to(conn, Step::Backfill);
    // the first stood still for the whole lease of the second, which took over: one of them, not both
    assert!(matches!(first, Err(Error::RunnerLost { .. })), "{first:?}");
    assert_eq!(seen.borrow().len(), 1);
    assert!(seen.borrow()[0].is_ok(), "{seen:?}");

    // a runner that keeps moving
    let dot = if D::POSTGRES { "." } else { "_" };
    let runners = format!("expand_contract{dot}runners");
    D::run(
        conn,
        &format!("UPDATE {runners} SET held = 1, holder = 'someone'"),
    );
    let renew = format!("UPDATE {runners} SET renewals = renewals + 1");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut busy = db.connect();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                busy.batch_execute(&renew).ok();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let options = fast().lease(Duration::from_millis(500));
        let outcome = Users::migration()
            .options(options)
            .advance_to(conn, Step::Switch);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        match outcome {
            Err(Error::RunnerActive { holder, .. }) => assert_eq!(holder, "someone"),
            other => panic!("{other:?}"),
        }
    });
}

fn pinned_transactions<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
    Versions: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    D::run(
        conn,
        "CREATE TABLE versions (id integer PRIMARY KEY, checksum text)",
    );
    let phase = |conn: &mut D::Conn| {
        pinned::transaction::<(Users, Versions), _, _, Error>(conn, |_| {
            let of =
                |cell: &'static expand_contract::PhaseCell| cell.get().map(|now| now.stage.phase);
            Ok((of(Users::cell()), of(Versions::cell())))
        })
        .unwrap()
    };
    assert_eq!(phase(conn), (Some(Phase::Original), Some(Phase::Original)));
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Switch)
        .unwrap();
    assert_eq!(phase(conn), (Some(Phase::Switched), Some(Phase::Original)));
    // while one is open, nothing is published; afterwards it is
    let mut other = db.connect();
    let inside = pinned::transaction::<Users, _, _, Error>(conn, |_| {
        Ok(Users::migration()
            .options(fast())
            .rollback(&mut other)
            .map(drop))
    });
    match inside.unwrap() {
        Err(Error::Locked { .. } | Error::Database { .. }) => {}
        other => panic!("{other:?}"),
    }
    let nested = conn.transaction::<_, Error, _>(|conn| {
        pinned::transaction::<Users, _, _, Error>(conn, |_| Ok(()))
    });
    assert!(matches!(nested, Err(Error::InsideTransaction { .. })));
    std::thread::sleep(Duration::from_millis(300));
    Users::migration().options(fast()).rollback(conn).unwrap();
    assert_eq!(phase(conn).0, Some(Phase::Expanded));
}

on_every_database!(
    writers_at_work,
    batches_are_of_their_size,
    second_runner,
    pinned_transactions
);

#[test]
fn a_long_reader_delays_ddl_but_not_other_readers() {
    let db = Postgres::fresh();
    let (mut reader, conn) = (db.connect(), &mut db.connect());
    plain::<Postgres>(conn);
    reader.batch_execute("BEGIN; SELECT * FROM users").unwrap();
    match Users::migration().options(fast()).expand(conn) {
        Err(Error::Locked {
            attempts, blockers, ..
        }) => {
            assert_eq!(attempts, 3);
            let [blocker] = blockers.as_slice() else {
                panic!("{blockers:?}");
            };
            assert!(blocker.transaction.pid.is_some(), "{blocker}");
        }
        other => panic!("{other:?}"),
    }
    reader.batch_execute("COMMIT").unwrap();
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Verify)
        .unwrap();
    // a snapshot from before the copy
    reader
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM users")
        .unwrap();
    let options = fast().snapshot_wait(Duration::from_millis(100));
    let outcome = Users::migration()
        .options(options)
        .advance_to(conn, Step::Switch);
    match outcome {
        Err(Error::GateClosed { gate, found, .. }) => {
            assert_eq!(gate, expand_contract::Gate::Transactions);
            assert!(found.contains("pid"), "{found}");
        }
        other => panic!("{other:?}"),
    }
    reader.batch_execute("COMMIT").unwrap();
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Switch)
        .unwrap();
}
#[test]
#[ignore = "figures: rows per second on a table that was never analysed"]
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn figures() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL, note text); \
                         ALTER TABLE users SET (autovacuum_enabled = off)",
    );
    let mut from = 1;
    for rows in [10_000, 100_000, 300_000, 1_000_000] {
        Postgres::run(conn, &format!("INSERT INTO users SELECT i, 'user' || i || '@example.com', repeat('x', 60) FROM generate_series({from}, {rows}) i"));
        from = rows + 1;
        Users::migration().advance_to(conn, Step::Expand).unwrap();
        let started = std::time::Instant::now();
        let first = Rc::new(RefCell::new(None));
        let log = first.clone();
        let options = Options::new().on_progress(move |progress| {
            if progress.sweep == 2 {
                log.borrow_mut().get_or_insert(started.elapsed());
            }
        });
        Users::migration()
            .options(options)
            .advance_to(conn, Step::Backfill)
            .unwrap();
        let first = first.borrow().unwrap_or_else(|| started.elapsed());
        println!(
            "{rows} rows: {:.0} rows/s, with the second sweep {:.0}",
            f64::from(rows) / first.as_secs_f64(),
            f64::from(rows) / started.elapsed().as_secs_f64()
        );
        Users::migration().rollback(conn).unwrap();
    }
}
