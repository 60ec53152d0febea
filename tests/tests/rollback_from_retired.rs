//! The way back from `Retired`, through `Switched` with an old column that is not complete.
#![allow(missing_docs)]

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use expand_contract::phase::{Phase, Step};
use expand_contract::prelude::*;
use expand_contract::{Error, Gate, MigrateOn, Moment, Options};
use tests::database::{Db, Lite, Postgres};

diesel::table! {
    contacts (id) {
        id -> Integer,
        mail -> Text,
    }
}

#[derive(Debug, Queryable, Selectable, Insertable, Migrate)]
#[diesel(table_name = contacts)]
struct Contact {
    id: i32,
    #[migrate(rename_from = "email")]
    mail: String,
}

fn options() -> Options {
    Options::new()
        .grace(Duration::ZERO)
        .lock_timeout(Duration::from_millis(100))
        .snapshot_wait(Duration::from_millis(50))
}

fn retired<D: Db>(db: &D) -> D::Conn
where
    contacts::table: MigrateOn<D::Conn>,
{
    let mut conn = db.connect();
    D::run(
        &mut conn,
        "CREATE TABLE contacts (id integer PRIMARY KEY, email text NOT NULL); \
         INSERT INTO contacts VALUES (1, 'a'), (2, 'b')",
    );
    let mut migration = Contact::migration().options(options());
    migration
        .advance_to(&mut conn, Step::Retire)
        .expect("it retires");
    conn
}

/// The first action whose name is `action` stops the rollback.
fn stopped<D: Db>(conn: &mut D::Conn, action: &'static str)
where
    contacts::table: MigrateOn<D::Conn>,
{
    let stopping = options().on_action(move |event| {
        if event.action == action && event.moment == Moment::Before {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let outcome = Contact::migration().options(stopping).rollback(conn);
    assert!(matches!(outcome, Err(Error::Stopped { .. })), "{outcome:?}");
}

fn there_is_no_way_on_before_the_old_column_is_complete<D: Db>(db: &D)
where
    contacts::table: MigrateOn<D::Conn>,
{
    let conn = &mut retired(db);
    stopped::<D>(conn, "copy back");
    let mut migration = Contact::migration().options(options());
    let status = migration.status(conn).expect("a status");
    assert!(status.old_incomplete && status.stage.phase == Phase::Switched);
    for step in [Step::Retire, Step::Contract] {
        let outcome = migration.advance_to(conn, step);
        assert!(
            matches!(
                outcome,
                Err(Error::WrongOrder {
                    first: Step::Rollback,
                    ..
                })
            ),
            "{step}: {outcome:?}"
        );
    }
    let status = migration.rollback(conn).expect("it is completed");
    assert!(!status.old_incomplete && status.stage.phase == Phase::Switched);
    migration
        .advance_to(conn, Step::Contract)
        .expect("it goes on from there");
}

#[test]
fn there_is_no_way_on_before_the_old_column_is_complete_sqlite() {
    there_is_no_way_on_before_the_old_column_is_complete(&Lite::fresh());
}

#[test]
fn there_is_no_way_on_before_the_old_column_is_complete_postgres() {
    there_is_no_way_on_before_the_old_column_is_complete(&Postgres::fresh());
}

/// Whoever sees the rows as they were before the copying back must not come to read the old column, which the next rollback
/// would make it do.
#[test]
fn a_snapshot_from_before_the_copying_back_is_waited_for() {
    let db = Postgres::fresh();
    let conn = &mut retired(&db);
    let reader = Rc::new(RefCell::new(db.connect()));
    let theirs = reader.clone();
    let beginning = options().on_action(move |event| {
        // behind the barrier, so that the reader builds its statements for the phase in force
        if event.action == "copy back" && event.moment == Moment::Before {
            Postgres::run(
                &mut theirs.borrow_mut(),
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM pg_class LIMIT 1",
            );
        }
        ControlFlow::Continue(())
    });
    let outcome = Contact::migration().options(beginning).rollback(conn);
    assert!(
        matches!(
            outcome,
            Err(Error::GateClosed {
                gate: Gate::Transactions,
                ..
            })
        ),
        "{outcome:?}"
    );
    let mut migration = Contact::migration().options(options());
    assert!(migration.status(conn).expect("a status").old_incomplete);
    Postgres::run(&mut reader.borrow_mut(), "COMMIT");
    let status = migration.rollback(conn).expect("nobody is left");
    assert!(!status.old_incomplete && status.stage.phase == Phase::Switched);
}
