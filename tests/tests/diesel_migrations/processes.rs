//! Two processes that start at once.

use diesel::connection::{BoxableConnection, Connection, InstrumentationEvent};
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion, Result,
};
use diesel_migrations::MigrationHarness;
use expand_contract::migrations::{Harness, Timeline, TimelineError};
use expand_contract::phase::Step;
use expand_contract::{Options, RunnerConnection};
use std::ops::ControlFlow;
use std::time::Duration;
use tests::process::{self, TestProcess};

use crate::common::*;

/// A migration that stops in the middle, and must run once.
struct Slow {
    in_transaction: bool,
}

struct Name;

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("2026-02-01-000000_slow")
    }
}

impl MigrationName for Name {
    fn version(&self) -> MigrationVersion<'_> {
        "20260201000000".into()
    }
}

impl MigrationMetadata for Slow {
    fn run_in_transaction(&self) -> bool {
        self.in_transaction
    }
}

impl<DB: diesel::backend::Backend> Migration<DB> for Slow {
    fn run(&self, conn: &mut dyn BoxableConnection<DB>) -> Result<()> {
        conn.batch_execute(
            "INSERT INTO versions VALUES (100 + (SELECT count(*) FROM versions), 'slow')",
        )?;
        process::at_point("inside", "");
        Ok(())
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<DB>) -> Result<()> {
        process::at_point("inside", "");
        Ok(conn.batch_execute("DELETE FROM versions WHERE checksum = 'slow'")?)
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self
    }

    fn name(&self) -> &dyn MigrationName {
        &Name
    }
}

/// The source of [`Slow`].
#[derive(Clone, Copy)]
struct Source {
    in_transaction: bool,
}

impl<DB: diesel::backend::Backend> MigrationSource<DB> for Source {
    fn migrations(&self) -> Result<Vec<Box<dyn Migration<DB>>>> {
        Ok(vec![Box::new(Slow {
            in_transaction: self.in_transaction,
        })])
    }
}

#[test]
#[ignore = "the child of the other tests"]
fn child_starts() {
    let Some(role) = process::role() else { return };
    let words: Vec<&str> = role.splitn(3, ' ').collect();
    let [database, task, url] = words[..] else {
        return;
    };
    match database {
        "postgres" => start::<Postgres>(task, url),
        _ => start::<Lite>(task, url),
    }
}

fn start<D: Db>(task: &str, url: &str)
where
    D::Conn: RunnerConnection + MigrationHarness<<D::Conn as Connection>::Backend>,
    <D::Conn as Connection>::Backend: 'static,
    Versions: expand_contract::MigrateOn<D::Conn>,
{
    let mut conn = D::open(url);
    // tells the parent that it has looked whose turn it is
    conn.set_instrumentation(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::FinishQuery { query, .. } = event {
            let query = query.to_string();
            let asks = [
                "pg_try_advisory",
                "DELETE FROM __diesel_schema_migrations WHERE version IS NULL",
                "FROM expand_contract_runners",
                "FROM expand_contract.runners",
            ];
            if asks.iter().any(|sql| query.contains(sql)) {
                process::report("asked", "");
            }
        }
    });
    let mut harness = Harness::new(&mut conn);
    if task.contains("impatient") {
        harness = harness.wait(Duration::from_millis(20));
    }
    let source = Source {
        in_transaction: task.contains("in_transaction"),
    };
    process::at_point("starts", "");
    let result = if task.contains("steps") {
        let options = || {
            let mut stops = 0;
            Options::new()
                .grace(Duration::ZERO)
                .quiet_period(Duration::ZERO)
                // nobody takes over from one that is looked at
                .lease(Duration::from_secs(600))
                .on_action(move |event| {
                    if stops < 3 && event.step == Step::Expand {
                        process::at_point("inside", &event.action);
                        stops += 1;
                    }
                    ControlFlow::Continue(())
                })
        };
        let timeline = Timeline::<D::Conn>::new()
            .options(options)
            .through::<Versions>("2026-06-01", Step::Switch);
        harness.run_pending_migrations(timeline).map(drop)
    } else if task.contains("revert") {
        harness
            .revert_migration(&Slow {
                in_transaction: source.in_transaction,
            })
            .map(drop)
    } else {
        harness.run_pending_migrations(source).map(drop)
    };
    let said = match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => match error.downcast_ref::<TimelineError>() {
            Some(TimelineError::Busy { holder, .. }) => format!("busy {holder}"),
            _ => format!("error {error}").replace('\n', " "),
        },
    };
    process::at_point("done", &said);
}

fn spawn<D: Db>(db: &D, task: &str) -> TestProcess {
    let database = if D::POSTGRES { "postgres" } else { "sqlite" };
    let mut child = TestProcess::spawn(
        "processes::child_starts",
        &format!("{database} {task} {}", db.url()),
    );
    child.wait_for_point("starts");
    child
}

// One is in the middle of it, the other has looked; then both come to an end.
fn both<D: Db>(db: &D, task: &str) {
    let mut first = spawn(db, task);
    first.go_on();
    first.wait_for_point("inside");
    let mut second = spawn(db, task);
    second.go_on();
    second.wait_for_point("asked");
    first.go_on();
    assert_eq!(first.wait_for_point("done"), "ok");
    first.go_on();
    // inside, it would have stopped
    assert_eq!(second.wait_for_point("done"), "ok");
}

on_both! {
    fn a_file_in_a_transaction_is_run_and_undone_once() {
        let db = D::fresh();
        let mut conn = db.connect();
        conn.run_pending_migrations(Files::project().source()).unwrap();
        drop(conn);
        both(&db, "in_transaction");
        let count = "SELECT count(*) FROM versions WHERE checksum = 'slow'";
        assert_eq!(D::text(&mut db.connect(), count).as_deref(), Some("1"));
        both(&db, "revert_in_transaction");
        let mut conn = db.connect();
        assert_eq!(D::text(&mut conn, count).as_deref(), Some("0"));
        assert_eq!(applied::<D>(&mut conn).len(), 2);
    }

    fn a_file_without_a_transaction_is_run_and_undone_once() {
        let db = D::fresh();
        let mut conn = db.connect();
        conn.run_pending_migrations(Files::project().source()).unwrap();
        drop(conn);
        both(&db, "outside");
        let count = "SELECT count(*) FROM versions WHERE checksum = 'slow'";
        assert_eq!(D::text(&mut db.connect(), count).as_deref(), Some("1"));
        both(&db, "revert_outside");
        assert_eq!(D::text(&mut db.connect(), count).as_deref(), Some("0"));
    }

    fn steps_are_run_by_one_and_passed_over_by_the_other() {
        let db = D::fresh();
        let mut conn = db.connect();
        conn.run_pending_migrations(Files::project().source()).unwrap();
        let mut first = spawn(&db, "steps");
        first.go_on();
        first.wait_for_point("inside");
        let mut second = spawn(&db, "steps");
        second.go_on();
        second.wait_for_point("asked");
        // one that stands still may be dead; one that moves is not
        for _ in 0..2 {
            first.go_on();
            first.wait_for_point("inside");
            second.wait_for_point("asked");
            second.wait_for_point("asked");
        }
        first.go_on();
        assert_eq!(first.wait_for_point("done"), "ok");
        // it has nothing left to do, so it is never inside
        assert_eq!(second.wait_for_point("done"), "ok");
        assert_eq!(phase::<D>(&mut conn), "switched");
        assert_eq!(applied::<D>(&mut conn).len(), 6);
    }

    fn who_does_not_want_to_wait_is_told_for_whom() {
        let db = D::fresh();
        let mut conn = db.connect();
        conn.run_pending_migrations(Files::project().source()).unwrap();
        let mut first = spawn(&db, "in_transaction");
        first.go_on();
        first.wait_for_point("inside");
        let mut second = spawn(&db, "in_transaction_impatient");
        second.go_on();
        let said = second.wait_for_point("done");
        let expected = if D::POSTGRES { "busy process " } else { "busy another process that writes" };
        assert!(said.starts_with(expected), "{said}");
    }

    fn who_is_killed_stops_nobody() {
        let db = D::fresh();
        let mut conn = db.connect();
        conn.run_pending_migrations(Files::project().source()).unwrap();
        let mut first = spawn(&db, "in_transaction");
        first.go_on();
        first.wait_for_point("inside");
        let mut second = spawn(&db, "in_transaction");
        second.go_on();
        second.wait_for_point("asked");
        first.kill();
        second.wait_for_point("inside");
        second.go_on();
        assert_eq!(second.wait_for_point("done"), "ok");
        let count = "SELECT count(*) FROM versions WHERE checksum = 'slow'";
        assert_eq!(D::text(&mut conn, count).as_deref(), Some("1"));
    }
}

#[test]
fn postgres_s_table_of_versions_that_another_makes_at_this_moment_is_no_error() {
    let db = Postgres::fresh();
    let mut first = db.connect();
    let create = diesel::migration::CREATE_MIGRATIONS_TABLE;
    Postgres::run(&mut first, &format!("BEGIN; {create}"));
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let mut conn = db.connect();
            let applied = Harness::new(&mut conn).applied_migrations();
            applied
                .map(|versions| versions.len())
                .map_err(|error| error.to_string())
        });
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        tests::wait::until("the other one waits for the name", || {
            Postgres::text(&mut first, waits).as_deref() == Some("1")
        });
        Postgres::run(&mut first, "COMMIT");
        assert_eq!(second.join().unwrap(), Ok(0));
    });
}
