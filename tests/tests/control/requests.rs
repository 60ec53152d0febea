//! Pause, proceed and cancel, by way of the ledger.

use std::time::Duration;

use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, Interruption, MigrateOn, RequestKind, RunState};
use tests::process::{self, TestProcess};
use tests::wait;

use crate::common::*;

const ROWS: u32 = 40;

/// The part of a process that runs the backfill: it stops after the first batch, and says how it ended.
fn run<D: Db>(url: &str)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut D::open(url);
    let mut first = true;
    let options = options().on_progress(move |progress| {
        if progress.held.is_none() && std::mem::take(&mut first) {
            process::at_point("batch", &progress.rows.to_string());
        }
    });
    match migration(options).advance_to(conn, Step::Backfill) {
        Ok(_) => process::report("ended", "well"),
        Err(error) => process::report("ended", &error.to_string()),
    }
}

#[test]
#[ignore = "the child of the tests below"]
fn child() {
    let Some(role) = process::role() else { return };
    match role.split_once(' ') {
        Some(("postgres", url)) => run::<Postgres>(url),
        Some((_, url)) => run::<Lite>(url),
        None => panic!("{role} is no role"),
    }
}

fn spawn<D: Db>(db: &D) -> TestProcess {
    let kind = if D::POSTGRES { "postgres" } else { "sqlite" };
    TestProcess::spawn("requests::child", &format!("{kind} {}", db.url()))
}

fn paused_by<D: Db>(conn: &mut D::Conn, why: &str)
where
    users::table: MigrateOn<D::Conn>,
{
    wait::until("the run has come to a stop", || {
        let run = status::<D>(conn).progress;
        run.is_some_and(|run| {
            run.state == RunState::Paused
                && !run.gone
                && run.reason.is_some_and(|reason| reason.contains(why))
        })
    });
}

fn another_process_pauses_a_run<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, ROWS);
    let mut runner = spawn(db);
    assert_eq!(runner.wait_for_point("batch"), "1");
    let mut operator = migration(options().holder("Ada"));
    operator.pause(conn, "peak hour").expect("a request");
    runner.go_on();
    paused_by::<D>(conn, "Ada");
    assert_eq!(copied::<D>(conn), 1, "no batch begins after the request");
    let request = status::<D>(conn).request.expect("it stands");
    assert_eq!(request.kind, RequestKind::Pause);
    assert_eq!(
        (request.by.as_str(), request.reason.as_str()),
        ("Ada", "peak hour")
    );

    // it keeps the lease, for longer than it could without renewing it
    let active = migration(options()).advance_to(conn, Step::Backfill);
    assert!(
        matches!(active, Err(Error::RunnerActive { .. })),
        "{active:?}"
    );

    // neither its end nor a new one changes what was asked
    runner.kill();
    let mut next = spawn(db);
    let why = "peak hour";
    wait::until("the next run has taken over, and waits", || {
        D::text(
            conn,
            &format!("SELECT token FROM {}", ledger::<D>("runners")),
        )
        .as_deref()
            == Some("3")
    });
    paused_by::<D>(conn, why);
    assert_eq!(copied::<D>(conn), 1);

    assert!(operator.proceed(conn).expect("lifted"));
    assert!(!operator.proceed(conn).expect("there is none any more"));
    // it tells first that it goes on, from where the other one stopped
    assert_eq!(next.wait_for_point("batch"), "1");
    next.go_on();
    assert_eq!(next.wait_for_point("ended"), "well");
    assert!(next.wait().success());
    assert_eq!(copied::<D>(conn), ROWS);
    let left = status::<D>(conn);
    assert_eq!(left.request, None);
    assert!(left.backfilled);
    let record = format!(
        "SELECT kind || ' ' || requested_by || ' ' || lifted_by FROM {}",
        ledger::<D>("requests")
    );
    assert_eq!(D::text(conn, &record).as_deref(), Some("pause Ada Ada"));
}

fn another_process_cancels_a_run<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, ROWS);
    let mut runner = spawn(db);
    runner.wait_for_point("batch");
    let mut operator = migration(options().holder("Grace"));
    operator.cancel(conn, "wrong table").expect("a request");
    runner.go_on();
    let ended = runner.wait_for_point("ended");
    assert!(
        ended.contains("cancelled by Grace") && ended.contains("wrong table"),
        "{ended}"
    );
    assert!(ended.contains("Migration::proceed"), "{ended}");
    assert!(runner.wait().success());
    assert_eq!(copied::<D>(conn), 1);
    let run = status::<D>(conn).progress.expect("on record");
    assert_eq!(run.state, RunState::Stopped);

    // whoever starts it again, in whichever direction, is told the same before anything is done
    let token = format!("SELECT token FROM {}", ledger::<D>("runners"));
    let before = D::text(conn, &token);
    let again = [
        migration(options()).advance_to(conn, Step::Backfill),
        migration(options()).rollback(conn),
    ];
    for again in again {
        assert!(
            matches!(&again, Err(Error::Interrupted(Interruption::Cancelled { by, .. })) if by == "Grace"),
            "{again:?}"
        );
    }
    assert_eq!(D::text(conn, &token), before);

    assert!(operator.proceed(conn).expect("lifted"));
    let status = migration(options()).run(conn).expect("it goes on");
    assert_eq!(status.stage.phase, Phase::Contracted);
    assert_eq!(copied::<D>(conn), ROWS);
}

fn a_pause_before_the_first_step<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL)",
    );
    D::run(conn, "INSERT INTO users VALUES (1, 'u')");
    let mut operator = migration(options().holder("Ada"));
    operator.pause(conn, "not yet").expect("a request");
    assert!(status::<D>(conn).request.is_some());
    let before = D::schema(conn);
    let refused = migration(options().pause_wait(Duration::ZERO)).advance_to(conn, Step::Expand);
    match refused {
        Err(Error::Interrupted(Interruption::Paused { by, reason, .. })) => {
            assert_eq!((by.as_str(), reason.as_str()), ("Ada", "not yet"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(D::schema(conn), before);
    // a later request takes the place of the one that stands
    operator.cancel(conn, "never").expect("a request");
    let request = status::<D>(conn).request.expect("it stands");
    assert_eq!(request.kind, RequestKind::Cancel);
    assert!(operator.proceed(conn).expect("lifted"));
    assert_eq!(status::<D>(conn).request, None);
    migration(options())
        .advance_to(conn, Step::Expand)
        .expect("nothing stands in the way");
}

fn a_request_needs_a_transaction_of_its_own<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    use diesel::Connection;
    let conn = &mut db.connect();
    expanded::<D>(conn, 1);
    let refused = conn.transaction(|conn| {
        let refused = migration(options()).pause(conn, "why");
        assert!(
            matches!(refused, Err(Error::InsideTransaction { .. })),
            "{refused:?}"
        );
        diesel::QueryResult::Ok(())
    });
    refused.expect("nothing was written");
}

on_every_database!(
    another_process_pauses_a_run,
    another_process_cancels_a_run,
    a_pause_before_the_first_step,
    a_request_needs_a_transaction_of_its_own,
);

#[test]
fn a_wait_for_transactions_is_cancelled() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL)",
    );
    let mut open = db.connect();
    // from before the phase, and in the way of no lock
    Postgres::run(
        &mut open,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM pg_class",
    );
    let url = db.url();
    let runner = std::thread::spawn(move || {
        let conn = &mut Postgres::open(&url);
        migration(options()).advance_to(conn, Step::Expand)
    });
    wait::until("the phase is published", || {
        status::<Postgres>(conn).stage.phase == Phase::Expanded
    });
    migration(options().holder("Ada"))
        .cancel(conn, "it hangs")
        .expect("a request");
    let ended = runner.join().expect("it does not panic");
    assert!(
        matches!(
            ended,
            Err(Error::Interrupted(Interruption::Cancelled { .. }))
        ),
        "{ended:?}"
    );
    // the phase stays published; the next run waits again
    assert!(!status::<Postgres>(conn).settled);
    migration(options()).proceed(conn).expect("lifted");
    Postgres::run(&mut open, "COMMIT");
    let status = migration(options())
        .advance_to(conn, Step::Expand)
        .expect("expand");
    assert!(status.settled);
}

#[test]
fn a_role_that_runs_no_steps_may_be_allowed_to_ask() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    expanded::<Postgres>(conn, 1);
    let role = format!("oncall_{}", std::process::id());
    Postgres::run(conn, &format!("CREATE ROLE {role}"));
    let mut operator = db.connect();
    Postgres::run(&mut operator, &format!("SET ROLE {role}"));
    let refused = migration(options()).pause(&mut operator, "why");
    assert!(
        matches!(refused, Err(Error::Database { .. })),
        "{refused:?}"
    );
    Postgres::run(
        conn,
        &format!("GRANT INSERT, UPDATE ON expand_contract.requests TO {role}"),
    );
    migration(options())
        .pause(&mut operator, "why")
        .expect("a request");
    assert!(status::<Postgres>(&mut operator).request.is_some());
    assert!(migration(options()).proceed(&mut operator).expect("lifted"));
    Postgres::run(conn, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_wait_for_a_lock_is_cancelled() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL)",
    );
    let mut reader = db.connect();
    Postgres::run(&mut reader, "BEGIN; SELECT id FROM users");
    let url = db.url();
    let (waits, waiting) = std::sync::mpsc::channel();
    let runner = std::thread::spawn(move || {
        let options = options().on_lock_wait(move |_| waits.send(()).unwrap_or_default());
        migration(options).advance_to(&mut Postgres::open(&url), Step::Expand)
    });
    waiting.recv().expect("it finds the lock taken");
    migration(options())
        .cancel(conn, "too busy")
        .expect("a request");
    let ended = runner.join().expect("it does not panic");
    assert!(
        matches!(
            ended,
            Err(Error::Interrupted(Interruption::Cancelled { .. }))
        ),
        "{ended:?}"
    );
    assert_eq!(status::<Postgres>(conn).stage.phase, Phase::Original);
}
