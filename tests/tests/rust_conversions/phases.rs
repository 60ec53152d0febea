//! What opens the switch, and what is refused in which phase; the way back.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, Gate, MigrateOn, Moment};
use tests::database::{Db, Postgres};

use crate::*;

const OLD_ONLY: [&str; 4] = [
    "INSERT INTO prices (id, price) VALUES (20, '0.20')",
    "UPDATE prices SET price = '0.21' WHERE id = 1",
    "INSERT INTO prices (id, price) VALUES (1, '0.22') ON CONFLICT (id) DO UPDATE SET price = excluded.price",
    "INSERT INTO prices (id, price) VALUES (23, '0.23'), (24, '0.24')",
];

const NEW_ONLY: [&str; 2] = [
    "INSERT INTO prices (id, cents) VALUES (30, 30)",
    "UPDATE prices SET cents = 31 WHERE id = 1",
];

fn refused<D: Db>(conn: &mut D::Conn, sql: &str, column: &str) {
    use diesel::connection::SimpleConnection;
    let said = conn.batch_execute(sql).map_err(|error| error.to_string());
    let Err(said) = said else {
        panic!("{sql} was let through");
    };
    let wanted = format!("column {column} of ");
    assert!(
        said.contains(&wanted) && said.contains("was written without"),
        "{sql}: {said}"
    );
}

fn fm07_one_sided_writes_are_refused_after_the_switch<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut start(db, Step::Switch);
    for sql in OLD_ONLY {
        refused::<D>(conn, sql, "price");
    }
    // (on the way into a NOT NULL column the constraint comes first)
    assert!(D::fails(conn, NEW_ONLY[0]));
    refused::<D>(conn, NEW_ONLY[1], "cents");
    assert_eq!(row::<D>(conn, 1), "1.00 100");
    D::run(conn, "UPDATE prices SET note = 'n', price = price");
    // a rollback opens the queue again
    Price::migration()
        .options(options())
        .rollback(conn)
        .expect("rollback");
    D::run(conn, OLD_ONLY[2]);
    assert_eq!(
        (row::<D>(conn, 1), queued::<D>(conn)),
        ("0.22 -".to_owned(), 1)
    );
    advance::<D>(conn, Step::Switch).expect("the queue is drained");
    refused::<D>(conn, OLD_ONLY[1], "price");
    assert_eq!(row::<D>(conn, 1), "0.22 22");
}

fn fm05_new_only_writes_are_the_rule_once_retired<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut start(db, Step::Retire);
    refused::<D>(conn, OLD_ONLY[1], "price");
    // (the new column is NOT NULL by now, which comes first)
    for sql in OLD_ONLY {
        assert!(D::fails(conn, sql), "{sql}");
    }
    for sql in NEW_ONLY {
        D::run(conn, sql);
    }
    assert_eq!(D::insert(conn, &[price(40, 40)]), Ok(1));
    assert_eq!(D::save(conn, &price(2, 222)), Ok(1));
    // an instance that has not heard of the phase yet writes both
    D::run(
        conn,
        "UPDATE prices SET price = '3.33', cents = 333 WHERE id = 3",
    );
    assert_eq!(queued::<D>(conn), 0);

    // on the way back: the new column alone is written by those that have not heard of it, the old one by nobody
    let connections = RefCell::new((db.connect(), 0));
    let back = options().on_action(move |event| {
        if event.moment == Moment::Before && event.action == "complete the old columns" {
            let (conn, times) = &mut *connections.borrow_mut();
            refused::<D>(conn, OLD_ONLY[1], "price");
            D::run(conn, "UPDATE prices SET cents = 32 WHERE id = 1");
            *times += 1;
            assert_eq!(*times, 1);
        }
        ControlFlow::Continue(())
    });
    Price::migration()
        .options(back)
        .rollback(conn)
        .expect("rollback");
    for (id, wanted) in [
        (1, "0.32 32"),
        (2, "2.22 222"),
        (3, "3.33 333"),
        (30, "0.30 30"),
        (40, "0.40 40"),
    ] {
        assert_eq!(row::<D>(conn, id), wanted);
    }
    refused::<D>(conn, NEW_ONLY[1], "cents");
    advance::<D>(conn, Step::Contract).expect("nothing is in the way");
    D::run(
        conn,
        "UPDATE prices SET cents = 1; INSERT INTO prices (id, cents) VALUES (50, 50)",
    );
    let schema = D::schema(conn);
    assert!(
        !schema.contains("expand_contract") && !schema.contains("queue_"),
        "{schema}"
    );
}

fn fm12_rollback_from_every_phase<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 3);
    let before = D::schema(conn);
    for step in [Step::Expand, Step::Backfill, Step::Switch, Step::Retire] {
        advance::<D>(conn, step).expect("nothing is in the way");
        if step < Step::Switch {
            // what waits in the queue is forgotten with the column
            D::run(conn, "UPDATE prices SET price = price || '7' WHERE id = 3");
            assert_eq!(queued::<D>(conn), 1);
        }
        assert_eq!(D::save(conn, &price(1, 11)), Ok(1));
        let status = |conn: &mut D::Conn| Price::migration().status(conn).expect("a ledger");
        while status(conn).stage.phase != Phase::Original {
            Price::migration()
                .options(options())
                .rollback(conn)
                .expect("rollback");
        }
        assert_eq!(D::schema(conn), before, "after {step}");
        let both = "SELECT count(*) FROM prices WHERE price = '0.11' AND id = 1";
        assert_eq!(D::text(conn, both).as_deref(), Some("1"), "after {step}");
        assert_eq!(status(conn).queued, 0);
        D::run(conn, "UPDATE prices SET price = '1.00' WHERE id = 1");
    }
    advance::<D>(conn, Step::Contract).expect("nothing is in the way");
}

fn fm07_writers_must_have_been_quiet<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut start(db, Step::Verify);
    let hour = || options().quiet_period(Duration::from_secs(3_600));
    // nobody has written
    Price::migration()
        .options(hour())
        .advance_to(conn, Step::Switch)
        .expect("it is quiet");
    Price::migration()
        .options(options())
        .rollback(conn)
        .expect("rollback");
    advance::<D>(conn, Step::Verify).expect("verify");
    if D::POSTGRES {
        D::run(conn, "SET application_name = 'nightly job'");
    }
    D::run(conn, "UPDATE prices SET price = '1.01' WHERE id = 1");
    // that it was drained does not make it unwritten
    assert_eq!(drain::<D>(conn).converted, 1);
    let closed = |outcome: Result<Status, Error>| match outcome {
        Err(Error::GateClosed {
            gate, found, step, ..
        }) => (step, gate, found),
        other => panic!("{other:?}"),
    };
    for _ in 0..2 {
        let outcome = Price::migration()
            .options(hour())
            .advance_to(conn, Step::Switch);
        let (step, gate, found) = closed(outcome);
        assert_eq!((step, gate), (Step::Switch, Gate::Strangers));
        let who = if D::POSTGRES { "nightly job" } else { "price" };
        assert!(
            found.contains("old column only") && found.contains(who),
            "{found}"
        );
    }
    // by the database's clock
    let (seen, ago) = if D::POSTGRES {
        ("expand_contract.queue_seen", "at - interval '2 hours'")
    } else {
        (
            "expand_contract_queue_seen",
            "strftime('%Y-%m-%d %H:%M:%f', at, '-2 hours')",
        )
    };
    D::run(conn, &format!("UPDATE {seen} SET at = {ago}"));
    Price::migration()
        .options(hour())
        .advance_to(conn, Step::Switch)
        .expect("an hour is over");

    Price::migration()
        .options(options())
        .rollback(conn)
        .expect("rollback");
    advance::<D>(conn, Step::Verify).expect("verify");
    D::run(conn, "UPDATE prices SET price = '1.02' WHERE id = 1");
    let passed = hour().override_gate(Gate::Strangers, "it was me");
    Price::migration()
        .options(passed)
        .advance_to(conn, Step::Switch)
        .expect("the gate was named");
    let dot = if D::POSTGRES { "." } else { "_" };
    let on_record =
        format!("SELECT gate || ': ' || reason FROM expand_contract{dot}overrides LIMIT 1");
    assert_eq!(
        D::text(conn, &on_record).as_deref(),
        Some("strangers: it was me")
    );
    assert_eq!(row::<D>(conn, 1), "1.02 102");
    refused::<D>(conn, OLD_ONLY[1], "price");
}

fn fm02_written_between_the_gate_and_the_switch<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    for (quiet, rows) in [(0, 3), (0, 400), (3_600, 1)] {
        let conn = &mut db.connect();
        D::run(conn, "DROP TABLE IF EXISTS prices");
        table::<D>(conn, 0);
        let numbers = format!(
            "WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {rows}) "
        );
        D::run(
            conn,
            &format!("INSERT INTO prices (id, price) {numbers} SELECT i, i || '.00' FROM s"),
        );
        let mut writer = db.connect();
        let mut written = false;
        let options = || {
            options()
                .batch_size(1_000)
                .quiet_period(Duration::from_secs(quiet))
        };
        let late = options().on_action(move |event| {
            let publish = event.action == "publish switched" && event.moment == Moment::Before;
            if publish && !written {
                written = true;
                D::run(&mut writer, "UPDATE prices SET price = '0.01'");
            }
            ControlFlow::Continue(())
        });
        let outcome = Price::migration()
            .options(late)
            .advance_to(conn, Step::Switch);
        if quiet == 0 {
            outcome.expect("what was written last is converted");
            let right = "SELECT count(*) FROM prices WHERE price = '0.01' AND cents = 1";
            assert_eq!(D::text(conn, right), Some(rows.to_string()));
            refused::<D>(conn, OLD_ONLY[1], "price");
            for _ in 0..2 {
                Price::migration()
                    .options(options())
                    .rollback(conn)
                    .expect("rollback");
            }
        } else {
            match outcome {
                Err(Error::GateClosed { gate, .. }) => assert_eq!(gate, Gate::Strangers),
                other => panic!("{other:?}"),
            }
            let status = Price::migration().status(conn).expect("a ledger");
            assert_eq!(status.stage.phase, Phase::Expanded);
        }
    }
}

fn fm45_the_plan_shows_the_triggers<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 3);
    let plan = Price::migration().plan(conn).expect("a plan can be made");
    let sql = |step: Step| -> String {
        let actions = plan.iter().filter(|action| action.step == step);
        let sql: Vec<&str> = actions
            .flat_map(|action| &action.sql)
            .map(String::as_str)
            .collect();
        sql.join("\n")
    };
    let (expand, switch) = (sql(Step::Expand), sql(Step::Switch));
    assert!(
        expand.contains("TRIGGER") && expand.contains("_queue_insert"),
        "{expand}"
    );
    assert!(
        switch.contains("was written without") && switch.contains("queue"),
        "{switch}"
    );
    assert!(sql(Step::Retire).contains("_queue_update") || !D::POSTGRES);
    assert!(sql(Step::Contract).contains("DROP TRIGGER"));
    assert_eq!(queued::<D>(conn), 0);
    assert!(matches!(
        Price::migration().drain(conn),
        Err(Error::OtherPhase { .. })
    ));
}

on_every_database!(
    fm07_one_sided_writes_are_refused_after_the_switch,
    fm05_new_only_writes_are_the_rule_once_retired,
    fm12_rollback_from_every_phase,
    fm07_writers_must_have_been_quiet,
    fm02_written_between_the_gate_and_the_switch,
    fm45_the_plan_shows_the_triggers,
);

// Diesel hands on no SQLSTATE; PL/pgSQL knows it by its name.
#[test]
fn fm07_what_is_refused_has_a_sqlstate() {
    let db = Postgres::fresh();
    let conn = &mut start(&db, Step::Switch);
    for sql in [OLD_ONLY[0], OLD_ONLY[1], NEW_ONLY[1]] {
        let block = format!(
            "DO $$ DECLARE h text; BEGIN {sql}; RAISE 'let through'; \
             EXCEPTION WHEN integrity_constraint_violation THEN GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT; \
             IF h !~ 'expand-contract' THEN RAISE 'no hint'; END IF; END $$"
        );
        Postgres::run(conn, &block);
    }
}

// A transaction that has written one column only is open: the switch waits for it, and gives up by name.
#[test]
fn fm02_a_writer_under_way_keeps_the_switch_waiting() {
    let db = Postgres::fresh();
    let conn = &mut start(&db, Step::Verify);
    let writer = Rc::new(RefCell::new(db.connect()));
    let begins = Rc::clone(&writer);
    // after everything else was waited for
    let patient = options().retries(1).on_action(move |event| {
        if event.action == "publish switched" && event.moment == Moment::Before {
            let sql = "BEGIN; INSERT INTO prices (id, price) VALUES (9, '9.09')";
            Postgres::run(&mut begins.borrow_mut(), sql);
        }
        ControlFlow::Continue(())
    });
    let outcome = Price::migration()
        .options(patient)
        .advance_to(conn, Step::Switch);
    assert!(
        matches!(
            outcome,
            Err(Error::Locked { .. }
                | Error::GateClosed {
                    gate: Gate::Transactions,
                    ..
                })
        ),
        "{outcome:?}"
    );
    Postgres::run(&mut writer.borrow_mut(), "COMMIT");
    advance::<Postgres>(conn, Step::Switch).expect("the row is converted");
    assert_eq!(row::<Postgres>(conn, 9), "9.09 909");
}
