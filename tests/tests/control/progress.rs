//! How far a run is, for its own process and for others.

use std::cell::{Cell, RefCell};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;

use expand_contract::phase::Step;
use expand_contract::{MigrateOn, Progress, RunState};
use tests::wait;

use crate::common::*;

fn progress_is_told_and_others_can_read_it<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, 30);
    assert_eq!(
        status::<D>(conn).progress.map(|run| run.progress.step),
        None
    );
    let seen: Rc<RefCell<Vec<Progress>>> = Rc::default();
    let (log, other) = (seen.clone(), RefCell::new(db.connect()));
    let told = options().batch_size(7).on_progress(move |progress| {
        let mut log = log.borrow_mut();
        if log.is_empty() {
            let run = status::<D>(&mut other.borrow_mut()).progress;
            let run = run.expect("what is under way is on record");
            assert_eq!((run.state, run.gone), (RunState::Running, false));
            assert_eq!(run.runner, "the run");
            assert_eq!(run.progress.step, Step::Backfill);
        }
        log.push(progress.clone());
    });
    migration(told)
        .advance_to(conn, Step::Backfill)
        .expect("backfill");

    let seen = seen.borrow();
    let first = seen.first().expect("it was told of batches");
    assert_eq!((first.sweep, first.batches, first.rows), (1, 1, 7));
    assert_eq!((first.batch_size, first.workers), (7, 1));
    assert!(first.rate.is_some_and(|rate| rate > 0), "{first}");
    assert_eq!(first.estimated_total, Some(30));
    assert!(first.eta.is_some(), "{first}");
    assert!(first
        .fraction()
        .is_some_and(|part| (0.2..0.3).contains(&part)));
    assert!(seen.iter().all(|progress| progress.held.is_none()));
    let rows: u64 = seen
        .iter()
        .filter(|p| p.sweep == 1)
        .map(|p| p.changed)
        .max()
        .unwrap_or(0);
    assert_eq!(rows, 30);

    let run = status::<D>(conn).progress.expect("it stays on record");
    assert_eq!((run.state, run.gone), (RunState::Done, false));
    let last = seen.last().expect("it was told of batches");
    assert_eq!(run.progress.rows, last.rows);
    assert_eq!(run.progress.sweep, last.sweep);
}

fn the_ledger_is_not_written_to_with_every_batch<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, 100);
    let start = std::time::Instant::now();
    let batches = Rc::new(Cell::new(0));
    let count = batches.clone();
    migration(options().on_progress(move |_| count.set(count.get() + 1)))
        .advance_to(conn, Step::Backfill)
        .expect("backfill");
    assert!(batches.get() >= 100);
    let written = D::text(
        conn,
        &format!(
            "SELECT seq FROM {} WHERE step = 'backfill'",
            ledger::<D>("runs")
        ),
    );
    let written: u64 = written.and_then(|n| n.parse().ok()).expect("a number");
    // the beginning of each of two walks, the end, and once a second
    assert!(written <= 4 + start.elapsed().as_secs(), "{written}");
}

fn what_a_killed_run_had_done_counts<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, 20);
    let killed = catch_unwind(AssertUnwindSafe(|| {
        // long enough that the ledger is written to in between
        let mut start = None;
        let options = options().on_progress(move |progress| {
            let start = start.get_or_insert_with(std::time::Instant::now);
            if progress.rows >= 5 {
                while start.elapsed().as_millis() < 1_100 {
                    std::thread::yield_now();
                }
            }
            if progress.rows == 7 {
                std::panic::panic_any("killed");
            }
        });
        migration(options).advance_to(&mut db.connect(), Step::Backfill)
    }));
    assert!(killed.is_err());
    let run = status::<D>(conn).progress.expect("on record");
    assert_eq!((run.state, run.progress.rows), (RunState::Running, 6));
    wait::until("the run is known to be gone", || {
        status::<D>(conn).progress.is_some_and(|run| run.gone)
    });

    let seen: Rc<RefCell<Vec<u64>>> = Rc::default();
    let log = seen.clone();
    let options = options().on_progress(move |progress| {
        if progress.sweep == 1 {
            log.borrow_mut().push(progress.rows);
        }
    });
    migration(options)
        .advance_to(conn, Step::Backfill)
        .expect("the next run takes over");
    let seen = seen.borrow();
    assert_eq!(seen.first(), Some(&7));
    assert!(seen.last().is_some_and(|rows| *rows >= 19), "{seen:?}");
}

fn a_failed_run_says_why<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, 3);
    let told = options().on_progress(|_| ());
    migration(told)
        .advance_to(conn, Step::Backfill)
        .expect("backfill");
    D::behind_the_triggers(conn, "UPDATE users SET mail = 'another' WHERE id = 2");
    let error = migration(options())
        .advance_to(conn, Step::Verify)
        .expect_err("a row differs");
    let run = status::<D>(conn).progress.expect("on record");
    assert_eq!((run.state, run.gone), (RunState::Stopped, false));
    assert_eq!(run.progress.step, Step::Verify);
    assert_eq!(run.progress.changed, 1);
    assert_eq!(run.reason, Some(error.to_string()));
    assert!(run.to_string().contains("stopped"), "{run}");
}

on_every_database!(
    progress_is_told_and_others_can_read_it,
    the_ledger_is_not_written_to_with_every_batch,
    what_a_killed_run_had_done_counts,
    a_failed_run_says_why,
    a_status_is_right_while_the_first_phase_is_published,
);

fn a_status_is_right_while_the_first_phase_is_published<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, 1);
    let over = std::sync::atomic::AtomicBool::new(false);
    let url = db.url();
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let conn = &mut D::open(&url);
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                // between its look at the ledger and that at the catalogue the phase may be published
                status::<D>(conn);
            }
        });
        for _ in 0..20 {
            migration(options()).rollback(conn).expect("rollback");
            // as if it had never been: the next phase is the first that the ledger hears of
            let forget = format!("DELETE FROM {}", ledger::<D>("migrations"));
            tests::wait::until("the ledger can be written to", || !D::fails(conn, &forget));
            migration(options())
                .advance_to(conn, Step::Expand)
                .expect("expand");
        }
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        watcher.join().expect("it never fails");
    });
}
