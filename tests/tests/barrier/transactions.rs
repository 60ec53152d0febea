//! Open transactions: those that may matter are waited for and named, the others are not.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use expand_contract::phase::Step;
use expand_contract::{Gate, Moment, Options, Waiting, Whom};
use tests::postgres::{PgDatabase, PgServer};
use tests::wait;

use crate::support::*;

/// The options with `work` done right before the barrier of `step`, when no DDL is in the way any more.
fn before_the_barrier(options: Options, step: Step, work: impl FnMut() + 'static) -> Options {
    let work = RefCell::new(work);
    options.on_action(move |event| {
        let barrier = event.action == "wait for instances" && event.moment == Moment::Before;
        if barrier && event.step == step {
            work.borrow_mut()();
        }
        ControlFlow::Continue(())
    })
}

/// A connection that does as it is told at a moment, and then stays as it is.
fn at_the_barrier(conn: PgConnection, step: Step, sql: &'static str) -> Options {
    let conn = RefCell::new(conn);
    before_the_barrier(impatient(), step, move || {
        let mut conn = conn.borrow_mut();
        // what comes before BEGIN in the same message would be in the transaction
        for sql in sql.split("GO") {
            conn.batch_execute(sql).expect("nobody is in the way");
        }
    })
}

#[track_caller]
fn is_waited_for(sql: &'static str, name: &str) {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table::<Postgres>(conn, 3);
    let options = at_the_barrier(db.connect(), Step::Expand, sql);
    let outcome = advance_with::<Postgres>(conn, options, Step::Expand);
    let found = closed(outcome, Gate::Transactions, Step::Expand);
    assert!(found.contains("pid ") && found.contains(name), "{found}");
    // the connection went with its options
    Postgres::run(conn, "DROP TABLE IF EXISTS child");
    advance::<Postgres>(conn, Step::Expand).expect("nobody is left");
}

#[track_caller]
fn is_not_waited_for(sql: &'static str) {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table::<Postgres>(conn, 3);
    Postgres::run(conn, "CREATE TABLE other (id integer)");
    let options = at_the_barrier(db.connect(), Step::Expand, sql);
    advance_with::<Postgres>(conn, options, Step::Expand).expect("it does not matter");
}

#[test]
fn a_transaction_that_wrote_the_table_is_waited_for() {
    is_waited_for(
        "SET application_name = 'nightly' GO BEGIN; UPDATE items SET email = 'x' WHERE id = 1",
        "nightly, postgres, idle in transaction",
    );
}

#[test]
fn a_transaction_that_read_the_table_is_waited_for() {
    is_waited_for("BEGIN; SELECT * FROM items", "SELECT * FROM items");
}

#[test]
fn a_snapshot_is_waited_for_whatever_it_read() {
    is_waited_for(
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1",
        "SELECT 1",
    );
}

#[test]
fn a_lock_on_a_child_table_counts_as_one_on_the_table() {
    is_waited_for(
        "CREATE TABLE child () INHERITS (items) GO BEGIN; LOCK TABLE ONLY child IN ACCESS SHARE MODE",
        "LOCK TABLE ONLY child",
    );
}

#[test]
fn who_is_idle_or_elsewhere_is_not_waited_for() {
    is_not_waited_for("SELECT 1");
    is_not_waited_for("BEGIN");
    is_not_waited_for("BEGIN; INSERT INTO other VALUES (1)");
}

#[test]
fn transactions_of_other_databases_are_not_waited_for() {
    let (db, other) = (Postgres::fresh(), Postgres::fresh());
    let mut reader = other.connect();
    Postgres::run(
        &mut reader,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1",
    );
    let conn = &mut db.connect();
    table::<Postgres>(conn, 3);
    advance_with::<Postgres>(conn, impatient(), Step::Contract).expect("it cannot see the table");
}

#[test]
fn whoever_comes_later_is_not_waited_for() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table::<Postgres>(conn, 3);
    let (mut earlier, mut later) = (db.connect(), db.connect());
    let (sender, events) = mpsc::channel::<Waiting>();
    let (orders, order) = mpsc::channel::<()>();
    let url = db.url();
    thread::scope(|scope| {
        let runner = scope.spawn(move || {
            let options = options().on_wait(move |now| {
                let _ = sender.send(now.clone());
            });
            // until the first transaction is there
            let options = before_the_barrier(options, Step::Expand, move || {
                orders.send(()).expect("the test goes on");
                thread::park_timeout(wait::DEADLINE);
            });
            advance_with::<Postgres>(&mut Postgres::open(&url), options, Step::Expand)
        });
        order
            .recv_timeout(wait::DEADLINE)
            .expect("the step gets to its barrier");
        earlier
            .batch_execute("BEGIN; SELECT * FROM items")
            .expect("the table can be read");
        runner.thread().unpark();
        let event = events.recv_timeout(wait::DEADLINE).expect("it waits");
        let [Whom::Transaction(whom)] = &event.whom[..] else {
            panic!("{event:?}");
        };
        assert_eq!(whom.query.as_deref(), Some("BEGIN; SELECT * FROM items"));
        assert!(whom.pid.is_some() && whom.age.is_some(), "{whom:?}");
        later
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM items")
            .expect("the table can be read");
        earlier.batch_execute("COMMIT").expect("nothing is wrong");
        let now = runner.join().expect("it does not panic");
        assert!(now.expect("the first has ended").settled);
    });
}

#[test]
fn a_prepared_transaction_is_waited_for_by_its_name() {
    let server = PgServer::start(&[("max_prepared_transactions", "5")]);
    let (db, other) = (PgDatabase::on(&server), PgDatabase::on(&server));
    let (conn, elsewhere) = (&mut db.connect(), &mut other.connect());
    table::<Postgres>(conn, 3);
    Postgres::run(
        elsewhere,
        "CREATE TABLE items (id integer); BEGIN; INSERT INTO items VALUES (1); PREPARE TRANSACTION 'elsewhere'",
    );
    Postgres::run(
        conn,
        "CREATE TABLE other (id integer); BEGIN; INSERT INTO other VALUES (1); PREPARE TRANSACTION 'of no account'",
    );
    advance::<Postgres>(conn, Step::Verify).expect("neither has to do with the table");
    for step in [Step::Switch, Step::Rollback] {
        Postgres::run(
            conn,
            "BEGIN; UPDATE items SET email = email; PREPARE TRANSACTION 'two phases'",
        );
        let outcome = advance_with::<Postgres>(conn, impatient(), step);
        let found = closed(outcome, Gate::Transactions, step);
        assert!(
            found.starts_with("still open: prepared transaction `two phases` (postgres), open for"),
            "{found}"
        );
        Postgres::run(conn, "COMMIT PREPARED 'two phases'");
        if step == Step::Switch {
            advance::<Postgres>(conn, step).expect("it has ended");
        }
    }
    for left in [elsewhere, conn] {
        let gid = Postgres::text(
            left,
            "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()",
        );
        let gid = gid.expect("one is left");
        Postgres::run(left, &format!("ROLLBACK PREPARED '{gid}'"));
    }
}

#[test]
fn a_role_without_privileges_sees_the_same_transactions() {
    // who may see nothing of other roles' sessions but that they are there
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table::<Postgres>(conn, 3);
    let role = format!("runner_of_{}", std::process::id());
    Postgres::run(
        conn,
        &format!(
            "CREATE ROLE {role}; ALTER TABLE items OWNER TO {role}; GRANT CREATE ON SCHEMA public TO {role}; \
             DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {role}', current_database()); END $$; \
             SET ROLE {role}"
        ),
    );
    let sql = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    let options = at_the_barrier(db.connect(), Step::Expand, sql);
    let outcome = advance_with::<Postgres>(conn, options, Step::Expand);
    let found = closed(outcome, Gate::Transactions, Step::Expand);
    assert!(found.contains("pid "), "{found}");
    advance::<Postgres>(conn, Step::Contract).expect("nobody is left");
    Postgres::run(
        conn,
        &format!("RESET ROLE; DROP OWNED BY {role} CASCADE; DROP ROLE {role}"),
    );
}
