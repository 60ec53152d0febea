//! A long SELECT and an idle writer have the table when an action begins; four clients read and write all the while.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use expand_contract::phase::Step;
use expand_contract::{Moment, Options};
use tests::database::Db;
use tests::postgres::PgDatabase;
use tests::wait;

use crate::support::*;

const LOCK_TIMEOUT: Duration = Duration::from_millis(150);
const TOLERANCE: Duration = Duration::from_millis(50);
/// After so many attempts in vain those in the way end.
const ATTEMPTS: u32 = 3;
/// In the way of an action that need not wait for them they stay until it is over; an index build waits for them by design.
const LONGEST: Duration = Duration::from_millis(1_200);

/// A SELECT that takes 10 s and a writer that has gone for coffee, until they are told to end.
struct InTheWay {
    over: Arc<AtomicBool>,
    failed: Arc<AtomicU32>,
    thread: JoinHandle<()>,
}

impl InTheWay {
    fn begin(db: &PgDatabase) -> Self {
        let (mut reader, mut writer, mut witness) = (db.connect(), db.connect(), db.connect());
        let reads = pid(&mut reader);
        run(
            &mut writer,
            "BEGIN; UPDATE items SET note = note WHERE id = 1",
        );
        let select = thread::spawn(move || {
            let slow = "SELECT pg_sleep(10) FROM items WHERE id = 1";
            assert!(
                reader.batch_execute(slow).is_err(),
                "it was to be cancelled"
            );
        });
        let sleeps = format!("SELECT wait_event FROM pg_stat_activity WHERE pid = {reads}");
        wait::until("the SELECT is under way", || {
            Postgres::text(&mut witness, &sleeps).as_deref() == Some("PgSleep")
        });
        let (over, failed) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU32::new(0)),
        );
        let (told, attempts) = (Arc::clone(&over), Arc::clone(&failed));
        let thread = thread::spawn(move || {
            let since = Instant::now();
            while !told.load(Ordering::SeqCst)
                && attempts.load(Ordering::SeqCst) < ATTEMPTS
                && (attempts.load(Ordering::SeqCst) > 0 || since.elapsed() < LONGEST)
            {
                thread::sleep(Duration::from_millis(2));
            }
            run(&mut writer, "COMMIT");
            run(&mut witness, &format!("SELECT pg_cancel_backend({reads})"));
            select.join().expect("it was cancelled");
        });
        InTheWay {
            over,
            failed,
            thread,
        }
    }

    // whether anything had to wait
    fn end(self) -> bool {
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().expect("they end");
        self.failed.load(Ordering::SeqCst) > 0
    }
}

/// Short statements on one table, one after the other; the longest is noted, in microseconds.
fn client(db: &PgDatabase, table: &str, key: i32, stop: &AtomicBool, longest: &AtomicU64) {
    let mut conn = db.connect();
    let statements = [
        format!("UPDATE {table} SET note = 'by client {key}' WHERE id = {key}"),
        format!("SELECT note FROM {table} WHERE id = {key}"),
    ];
    while !stop.load(Ordering::SeqCst) {
        for sql in &statements {
            let since = Instant::now();
            run(&mut conn, sql);
            let took = since.elapsed().as_micros().try_into().expect("not so long");
            longest.fetch_max(took, Ordering::SeqCst);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Actions that change no schema have nobody in their way here.
fn is_ddl(action: &str) -> bool {
    let others = ["copy", "compare", "wait for"];
    !others.iter().any(|word| action.starts_with(word))
}

/// The actions that had to step back, and how many there were.
type Seen = Rc<RefCell<(BTreeSet<String>, u32)>>;

fn watched(db: &Arc<PgDatabase>) -> (Options, Seen) {
    let current: Rc<RefCell<Option<InTheWay>>> = Rc::default();
    let seen = Seen::default();
    let (db, now) = (Arc::clone(db), Rc::clone(&current));
    let log = Rc::clone(&seen);
    let options = options()
        .lock_timeout(LOCK_TIMEOUT)
        .on_action(move |event| {
            if is_ddl(&event.action) {
                match event.moment {
                    Moment::Before => *now.borrow_mut() = Some(InTheWay::begin(&db)),
                    Moment::After => {
                        log.borrow_mut().1 += 1;
                        if now.borrow_mut().take().is_some_and(InTheWay::end) {
                            log.borrow_mut().0.insert(event.action.clone());
                        }
                    }
                }
            }
            ControlFlow::Continue(())
        })
        .on_lock_wait(move |wait| {
            assert!(
                !wait.blockers.is_empty() || wait.attempt > ATTEMPTS,
                "{wait:?}"
            );
            if let Some(current) = &*current.borrow() {
                current.failed.fetch_add(1, Ordering::SeqCst);
            }
        });
    (options, seen)
}

/// Runs `work` among the clients, and says which actions had to step back.
fn nobody_stalls(
    prepare: Option<Step>,
    work: impl FnOnce(&mut diesel::PgConnection, Options),
) -> (BTreeSet<String>, u32) {
    let db = Arc::new(PgDatabase::new());
    let conn = &mut db.connect();
    table(conn, 300);
    if let Some(step) = prepare {
        advance(conn, options(), step).expect("nobody is in the way");
    }
    let (stop, longest, noise) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let (options, seen) = watched(&db);
    thread::scope(|scope| {
        let stopped = Stop(&stop);
        for key in 11..=14 {
            let (db, stop, longest) = (&db, &stop, &longest);
            scope.spawn(move || client(db, "items", key, stop, longest));
        }
        // the same on a table that nobody changes: what the machine alone makes of it
        scope.spawn(|| client(&db, "others", 11, &stop, &noise));
        work(conn, options);
        drop(stopped);
    });
    let time = |of: &AtomicU64| Duration::from_micros(of.load(Ordering::SeqCst));
    let (longest, noise) = (time(&longest), time(&noise));
    assert!(
        longest <= LOCK_TIMEOUT + TOLERANCE + noise,
        "a client was held up for {longest:?}; elsewhere the longest was {noise:?}"
    );
    seen.take()
}

struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn names(actions: &BTreeSet<String>) -> Vec<&str> {
    actions.iter().map(String::as_str).collect()
}

#[test]
fn fm17_nobody_stalls_from_expand_to_contract() {
    let (contested, count) = nobody_stalls(None, |conn, options| {
        advance(conn, options, Step::Contract).expect("it gets through");
    });
    assert_eq!(
        names(&contested),
        [
            "add the new columns and publish",
            "check new rows from now on",
            "drop the old columns and publish",
            "drop unique index items_email",
            "publish retired",
        ]
    );
    assert!(count >= 10, "{count}");
}

#[test]
fn fm17_nobody_stalls_on_the_way_back_from_expanded() {
    let (contested, _) = nobody_stalls(Some(Step::Backfill), |conn, options| {
        back(conn, options).expect("it gets through");
    });
    assert_eq!(names(&contested), ["drop the new columns"]);
}

#[test]
fn fm17_nobody_stalls_on_the_way_back_from_retired() {
    let (contested, count) = nobody_stalls(Some(Step::Retire), |conn, options| {
        back(conn, options).expect("it gets through");
    });
    assert_eq!(
        names(&contested),
        [
            "check new rows from now on",
            "complete the old columns",
            "drop the new columns",
            "publish switched",
        ]
    );
    assert!(count >= 7, "{count}");
}
