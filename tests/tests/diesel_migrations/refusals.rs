//! What is wrong with a timeline is said before anything is run.

use diesel::connection::Connection;
use diesel::migration::MigrationSource;
use diesel::SqliteConnection;
use diesel_migrations::MigrationHarness;
use expand_contract::migrations::{Harness, Timeline, TimelineError};
use expand_contract::phase::Step;
use expand_contract::Error;

use crate::common::*;

fn refused(timeline: Timeline<SqliteConnection>) -> TimelineError {
    let db = Lite::fresh();
    let mut conn = db.connect();
    let error = Harness::new(&mut conn)
        .run_pending_migrations(timeline)
        .map(drop);
    assert!(applied::<Lite>(&mut conn).is_empty(), "nothing was run");
    *error.unwrap_err().downcast().expect("a refusal of its own")
}

#[test]
fn two_migrations_of_one_version_are_refused_since_diesel_would_run_one_of_them() {
    let files = Files::project();
    files.add("2026-06-01-120000s03verify_by_hand", "SELECT 1", "SELECT 1");
    let timeline = Timeline::new()
        .files(files.source())
        .through::<Versions>("2026-06-01-120000", Step::Switch);
    let error = refused(timeline);
    assert!(
        matches!(&error, TimelineError::DuplicateVersion { version, .. } if version == "20260601120000s03verify"),
        "{error}"
    );
    // two migrations at one time
    let timeline = Timeline::new()
        .through::<Versions>("2026-06-01", Step::Expand)
        .through::<Accounts>("20260601", Step::Expand);
    let error = refused(timeline);
    assert!(
        matches!(error, TimelineError::DuplicateVersion { .. }),
        "{error}"
    );
}

#[test]
fn steps_that_would_run_before_earlier_ones_are_refused() {
    for later in ["2026-05-31", "2026-06-01", "20260601"] {
        let timeline = Timeline::new()
            .through::<Versions>("2026-06-01", Step::Expand)
            .through::<Versions>(later, Step::Switch);
        let error = refused(timeline);
        assert!(matches!(error, TimelineError::Order { .. }), "{error}");
    }
}

#[test]
fn a_step_that_is_listed_already_or_is_none_is_refused() {
    let listed = || Timeline::new().through::<Versions>("2026-06-01", Step::Switch);
    for step in [Step::Expand, Step::Switch, Step::Rollback] {
        let error = refused(listed().through::<Versions>("2026-06-02", step));
        assert!(
            matches!(error, TimelineError::NothingLeft { .. }),
            "{error}"
        );
    }
    // one pass, and it is over
    let timeline = Timeline::new()
        .through::<Versions>("2026-06-01", Step::Contract)
        .through::<Versions>("2026-06-02", Step::Expand);
    assert!(matches!(
        refused(timeline),
        TimelineError::NothingLeft { .. }
    ));
}

#[test]
fn a_time_stamp_that_is_none_is_refused() {
    let timeline = Timeline::new().through::<Versions>("june_first", Step::Expand);
    assert!(matches!(refused(timeline), TimelineError::TimeStamp { .. }));
}

#[test]
fn a_transaction_is_refused_and_nothing_noted() {
    let db = Lite::fresh();
    let mut conn = db.connect();
    let files = Files::project();
    conn.run_pending_migrations(files.source()).unwrap();
    let timeline =
        Timeline::<SqliteConnection>::new().through::<Versions>("2026-06-01", Step::Expand);
    let error = conn.transaction(|conn| conn.run_pending_migrations(&timeline).map(drop));
    let error = error.unwrap_err();
    let error = error.downcast_ref::<Error>();
    assert!(
        matches!(error, Some(Error::InsideTransaction { .. })),
        "{error:?}"
    );
    assert_eq!(applied::<Lite>(&mut conn).len(), 2);
}

#[test]
fn a_connection_of_another_type_is_refused_by_name() {
    use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};
    type Pooled = PooledConnection<ConnectionManager<SqliteConnection>>;
    let db = Lite::fresh();
    let files = Files::project();
    let pool = Pool::builder()
        .max_size(1)
        .build(ConnectionManager::<SqliteConnection>::new(db.url()))
        .unwrap();
    let mut conn = pool.get().unwrap();
    conn.run_pending_migrations(files.source()).unwrap();
    let wrong = Timeline::<SqliteConnection>::new().through::<Versions>("2026-06-01", Step::Expand);
    let error = conn.run_pending_migrations(wrong).map(drop).unwrap_err();
    let error = error.downcast_ref::<TimelineError>();
    assert!(
        matches!(error, Some(TimelineError::OtherConnection { expected }) if expected.contains("SqliteConnection"))
    );
    // and its own works
    let right = Timeline::<Pooled>::new()
        .options(fast)
        .through::<Versions>("2026-06-01", Step::Expand);
    Harness::new(&mut conn)
        .run_pending_migrations(right)
        .unwrap();
    assert_eq!(phase::<Lite>(&mut conn), "expanded");
}

#[test]
fn a_step_runs_outside_of_diesel_s_transaction() {
    let timeline =
        Timeline::<SqliteConnection>::new().through::<Versions>("2026-06-01", Step::Contract);
    let steps = timeline.migrations().unwrap();
    assert_eq!(steps.len(), 6);
    assert!(steps
        .iter()
        .all(|step| !step.metadata().run_in_transaction()));
}

#[test]
fn a_lock_that_another_session_holds_in_the_end_is_reported() {
    let db = Postgres::fresh();
    let mut conn = db.connect();
    // as behind a pooler that gives the next statement to another session: there is nothing to unlock
    let files = Files::new(&[(
        "2026-01-01-000000_pooled",
        "SELECT pg_advisory_unlock_all()",
        "",
    )]);
    files.without_transaction("2026-01-01-000000_pooled");
    let error = Harness::new(&mut conn)
        .run_pending_migrations(files.source())
        .map(drop);
    let error = error.unwrap_err();
    let error = error.downcast_ref::<TimelineError>();
    assert!(
        matches!(error, Some(TimelineError::LostSession { version }) if version == "20260101000000"),
        "{error:?}"
    );
    // what it ran, it ran
    assert_eq!(applied::<Postgres>(&mut conn), ["20260101000000"]);
}

#[test]
fn a_migration_that_fails_is_not_noted_and_leaves_no_lock() {
    let db = Postgres::fresh();
    let mut conn = db.connect();
    for in_transaction in [true, false] {
        let files = Files::new(&[("2026-01-01-000000_wrong", "SELECT 1 / 0", "")]);
        if !in_transaction {
            files.without_transaction("2026-01-01-000000_wrong");
        }
        let error = Harness::new(&mut conn)
            .run_pending_migrations(files.source())
            .map(drop);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("division by zero"), "{error}");
        assert!(applied::<Postgres>(&mut conn).is_empty());
        let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
        assert_eq!(Postgres::text(&mut conn, locks).as_deref(), Some("0"));
    }
}
