//! Throttles that need no second server.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use expand_contract::phase::Step;
use expand_contract::{
    Error, Held, Hours, Interruption, MigrateOn, Options, ReplicationLag, RunState, Verdict,
};

use crate::common::*;

const MOMENT: Duration = Duration::from_millis(50);

/// Why batches waited, each reason once; and how many rows were copied when that was told.
type Log = Rc<RefCell<Vec<(String, u32)>>>;

fn logged<D: Db>(db: &D, options: Options) -> (Options, Log) {
    let seen = Log::default();
    let (log, conn) = (seen.clone(), RefCell::new(db.connect()));
    let options = options.on_progress(move |progress| {
        if let Some(Held::Throttled(reason)) = &progress.held {
            let mut log = log.borrow_mut();
            if log.last().is_none_or(|(last, _)| last != reason) {
                log.push((reason.clone(), copied::<D>(&mut conn.borrow_mut())));
            }
        }
    });
    (options, seen)
}

fn a_callback_holds_batches_up<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, 6);
    // after three rows it says no for a while
    let (asked, other) = (Rc::new(Cell::new(0)), RefCell::new(db.connect()));
    let count = asked.clone();
    let (options, seen) = logged(
        db,
        options().throttle_every(Duration::ZERO).throttle(move || {
            if copied::<D>(&mut other.borrow_mut()) < 3 || count.get() > 20 {
                return Ok::<_, Infallible>(Verdict::Go);
            }
            count.set(count.get() + 1);
            Ok(Verdict::Wait("the queue is long".to_owned()))
        }),
    );
    migration(options)
        .advance_to(conn, Step::Backfill)
        .expect("it went on");
    assert_eq!(copied::<D>(conn), 6);
    assert_eq!(asked.get(), 21);
    assert_eq!(*seen.borrow(), [("the queue is long".to_owned(), 3)]);
}

fn fm39_what_cannot_be_measured_counts_as_over<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, 3);
    let limited = || options().throttle_wait(MOMENT);
    let fails = limited().throttle(|| Err::<Verdict, _>("no route to host"));
    let panics = limited().throttle(|| -> Result<Verdict, Infallible> {
        std::panic::panic_any("a bug in the probe");
    });
    for (options, why) in [(fails, "no route to host"), (panics, "panicked")] {
        let (options, seen) = logged(db, options);
        let ended = migration(options).advance_to(conn, Step::Backfill);
        match ended {
            Err(Error::Interrupted(Interruption::Throttled {
                step,
                reason,
                waited,
            })) => {
                assert_eq!(step, Step::Backfill);
                assert!(reason.contains(why), "{reason}");
                assert!(waited >= MOMENT);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(seen.borrow().len(), 1);
        assert_eq!(copied::<D>(conn), 0, "no batch began");
        let run = status::<D>(conn).progress.expect("on record");
        assert_eq!(run.state, RunState::Stopped);
        assert!(run.reason.is_some_and(|reason| reason.contains(why)));
    }
    migration(options())
        .advance_to(conn, Step::Backfill)
        .expect("the next run goes on");
    assert_eq!(copied::<D>(conn), 3);
}

fn the_lease_is_kept_while_it_waits<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, 3);
    let other = RefCell::new(db.connect());
    let mut tried = false;
    let options = options()
        .lease(Duration::from_millis(100))
        .throttle(move || {
            if std::mem::replace(&mut tried, true) {
                return Ok::<_, Infallible>(Verdict::Go);
            }
            Ok(Verdict::Wait("once".to_owned()))
        })
        .throttle_every(Duration::from_millis(600))
        .on_progress(move |progress| {
            if progress.held.is_none() {
                return;
            }
            // by now the runner waits; a second one, which takes over from whoever stands still
            let renewals = format!("SELECT renewals FROM {}", ledger::<D>("runners"));
            let before = D::text(&mut other.borrow_mut(), &renewals);
            assert!(before.is_some());
        });
    let url = db.url();
    let second = std::thread::spawn(move || {
        let conn = &mut D::open(&url);
        tests::wait::until("the first run is throttled", || {
            let run = status::<D>(conn).progress;
            run.is_some_and(|run| run.state == RunState::Throttled)
        });
        migration(super::common::options().lease(Duration::from_millis(300)))
            .advance_to(conn, Step::Backfill)
    });
    migration(options)
        .advance_to(conn, Step::Backfill)
        .expect("it was not taken over");
    let second = second.join().expect("it does not panic");
    assert!(
        matches!(&second, Err(Error::RunnerActive { holder, .. }) if holder == "the run"),
        "{second:?}"
    );
}

// a window that opens in so many minutes from now, an hour long
fn window<D: Db>(conn: &mut D::Conn, minutes: i64) -> Hours {
    let now = if D::POSTGRES {
        "SELECT (extract(hour FROM clock_timestamp() AT TIME ZONE 'UTC') * 60 \
         + extract(minute FROM clock_timestamp() AT TIME ZONE 'UTC'))::int"
    } else {
        "SELECT CAST(strftime('%H', 'now') AS integer) * 60 + CAST(strftime('%M', 'now') AS integer)"
    };
    let now: i64 = D::text(conn, now)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    // ahead of UTC by five and a half hours
    let time = |minutes: i64| {
        let minutes = (now + minutes + 330).rem_euclid(24 * 60);
        let part = |n: i64| u8::try_from(n).expect("less than a day");
        (part(minutes / 60), part(minutes % 60))
    };
    Hours::new(time(minutes), time(minutes + 60)).utc_offset(330)
}

fn batches_run_in_a_window_only<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, 3);
    let closed = window::<D>(conn, 120);
    // a wait that ends by itself has no limit; what ends it here is the operator
    let operator = RefCell::new(db.connect());
    let why: Rc<RefCell<String>> = Rc::default();
    let seen = why.clone();
    let options = options()
        .throttle_wait(Duration::ZERO)
        .between(closed)
        .on_progress(move |progress| {
            if let Some(Held::Throttled(reason)) = &progress.held {
                *seen.borrow_mut() = reason.clone();
                migration(super::common::options())
                    .cancel(&mut *operator.borrow_mut(), "no time")
                    .expect("a request");
            }
        });
    let ended = migration(options).advance_to(conn, Step::Backfill);
    assert!(
        matches!(
            ended,
            Err(Error::Interrupted(Interruption::Cancelled { .. }))
        ),
        "{ended:?}"
    );
    assert!(why.borrow().contains("outside of"), "{}", why.borrow());
    assert!(why.borrow().contains("UTC+05:30"), "{}", why.borrow());
    assert_eq!(copied::<D>(conn), 0);

    migration(super::common::options())
        .proceed(conn)
        .expect("lifted");
    let open = window::<D>(conn, -30);
    migration(super::common::options().between(open))
        .advance_to(conn, Step::Backfill)
        .expect("it is open");
    assert_eq!(copied::<D>(conn), 3);
}

fn what_cannot_be_meant_is_refused<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL)",
    );
    let options = options().between(Hours::new((22, 0), (22, 0)));
    let refused = migration(options).advance_to(conn, Step::Expand);
    assert!(
        matches!(refused, Err(Error::InvalidOption { .. })),
        "{refused:?}"
    );
    assert!(!status::<D>(conn).in_ledger);
}

on_every_database!(
    a_callback_holds_batches_up,
    fm39_what_cannot_be_measured_counts_as_over,
    the_lease_is_kept_while_it_waits,
    batches_run_in_a_window_only,
    what_cannot_be_meant_is_refused,
);

#[test]
fn sqlite_has_no_replicas() {
    let db = Lite::fresh();
    let conn = &mut db.connect();
    expanded::<Lite>(conn, 1);
    let options = options().replication_lag(ReplicationLag::bytes(1));
    let refused = migration(options).advance_to(conn, Step::Backfill);
    assert!(
        matches!(refused, Err(Error::Unsupported { .. })),
        "{refused:?}"
    );
}
