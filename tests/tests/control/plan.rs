//! What a plan says of each action, held against what the action does.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use diesel::{Connection, PgConnection};
use expand_contract::phase::{Phase, Step};
use expand_contract::{Action, Basis, Effect, MigrateOn, Moment};
use tests::postgres::{PgDatabase, PgServer};

use crate::common::*;

fn plan<D: Db>(conn: &mut D::Conn) -> Vec<Action>
where
    users::table: MigrateOn<D::Conn>,
{
    User::migration().plan(conn).expect("a plan")
}

fn named<'p>(plan: &'p [Action], step: Step, name: &str) -> &'p Action {
    let found = plan.iter().find(|a| a.step == step && a.name == name);
    found.unwrap_or_else(|| panic!("{step} {name} is not in the plan"))
}

fn text(plan: &[Action]) -> String {
    let lines: Vec<String> = plan.iter().map(Action::to_string).collect();
    lines.join("\n")
}

fn table<D: Db>(conn: &mut D::Conn, rows: u32) {
    D::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL DEFAULT 'x'); \
         CREATE UNIQUE INDEX users_email ON users (email); \
         CREATE INDEX users_id_email ON users (id, email)",
    );
    for id in 1..=rows {
        D::run(conn, &format!("INSERT INTO users VALUES ({id}, 'u{id}')"));
    }
    D::run(conn, "ANALYZE users");
}

fn a_plan_says_what_is_touched_and_for_how_long<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 50);
    let planned = plan::<D>(conn);
    let copy = named(&planned, Step::Backfill, "copy");
    assert_eq!((copy.effect, copy.rows), (Effect::WritesRows, Some(50)));
    assert!(copy.bytes.is_some_and(|bytes| bytes >= 4_096), "{copy}");
    let estimate = copy.estimate.expect("the number of rows is known");
    assert_eq!(estimate.basis, Basis::Assumed);
    let compare = named(&planned, Step::Verify, "compare");
    assert_eq!((compare.effect, compare.rows), (Effect::Scans, Some(50)));
    let expand = named(&planned, Step::Expand, "add the new columns and publish");
    assert_eq!((expand.effect, expand.rows), (Effect::Catalogue, None));
    let wait = named(&planned, Step::Expand, "wait for instances");
    assert_eq!((wait.effect, wait.estimate), (Effect::Waits, None));
    let indexes = planned
        .iter()
        .filter(|a| a.name.starts_with("create index"));
    assert!(indexes.clone().count() >= 2);
    assert!(indexes.into_iter().all(|a| a.effect == Effect::BuildsIndex));
    let shown = copy.to_string();
    for part in [
        "backfill: copy",
        "lock ",
        "writes rows in batches",
        "about 50 rows",
        "UPDATE",
    ] {
        assert!(shown.contains(part), "{shown}");
    }

    // what an earlier run took
    migration(options())
        .advance_to(conn, Step::Backfill)
        .expect("backfill");
    D::run(
        conn,
        &format!(
            "UPDATE {} SET rows_done = 1000, worked_ms = 100000 WHERE step = 'backfill'",
            ledger::<D>("runs")
        ),
    );
    migration(options()).rollback(conn).expect("rollback");
    let planned = plan::<D>(conn);
    let estimate = named(&planned, Step::Backfill, "copy")
        .estimate
        .expect("known");
    assert_eq!(
        (estimate.basis, estimate.duration.as_secs()),
        (Basis::Measured, 5)
    );
}

on_every_database!(a_plan_says_what_is_touched_and_for_how_long);

/// The table's file, and every row version in it.
fn versions(conn: &mut PgConnection) -> (String, String) {
    let one = |conn: &mut PgConnection, sql| Postgres::text(conn, sql).unwrap_or_default();
    (
        one(conn, "SELECT pg_relation_filenode('users')"),
        one(
            conn,
            "SELECT string_agg(ctid::text || xmin::text, ',' ORDER BY ctid) FROM users",
        ),
    )
}

#[test]
fn an_action_touches_no_more_than_its_plan_says() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table::<Postgres>(conn, 20);
    let other = Rc::new(RefCell::new(db.connect()));
    let mut seen = Vec::new();
    for step in Step::ALL.into_iter().filter(|step| *step != Step::Rollback) {
        let planned = plan::<Postgres>(conn);
        let (other, mut before) = (other.clone(), None);
        let log: Rc<RefCell<Vec<(String, Effect)>>> = Rc::default();
        let log_of = log.clone();
        let options = options().on_action(move |event| {
            let now = versions(&mut other.borrow_mut());
            if event.moment == Moment::Before {
                before = Some(now);
                return ControlFlow::Continue(());
            }
            let action = named(&planned, event.step, &event.action);
            let (file, rows) = before.take().expect("it has begun");
            assert_eq!(file == now.0, !action.effect.rewrites(), "{action}");
            if action.effect != Effect::WritesRows && !action.effect.rewrites() {
                assert_eq!(rows, now.1, "{action}");
            }
            log_of
                .borrow_mut()
                .push((event.action.clone(), action.effect));
            ControlFlow::Continue(())
        });
        migration(options).advance_to(conn, step).expect("the step");
        seen.append(&mut log.borrow_mut());
    }
    assert_eq!(status::<Postgres>(conn).stage.phase, Phase::Contracted);
    for effect in [
        Effect::Catalogue,
        Effect::WritesRows,
        Effect::Scans,
        Effect::BuildsIndex,
    ] {
        assert!(
            seen.iter().any(|(_, found)| *found == effect),
            "{effect}: {seen:?}"
        );
    }
}

#[test]
fn fm45_a_plan_on_a_standby_by_a_role_that_may_only_read() {
    let primary = PgServer::start(&[("wal_writer_delay", "10ms")]);
    let database = PgDatabase::on(&primary);
    let conn = &mut database.connect();
    table::<Postgres>(conn, 20);
    Postgres::run(conn, "CREATE ROLE reader; GRANT SELECT ON users TO reader");
    let replica = primary.replica();
    let only_read = |url: &str| {
        let mut reader = PgConnection::establish(url).expect("the server answers");
        Postgres::run(
            &mut reader,
            "SET ROLE reader; SET default_transaction_read_only = on",
        );
        reader
    };
    let looks = |conn: &mut PgConnection| {
        replica.wait_for(&primary);
        let here = &mut only_read(&database.url());
        let there = &mut only_read(&replica.url(database.name()));
        assert!(Postgres::fails(there, "UPDATE users SET id = id"));
        let wanted = text(&plan::<Postgres>(conn));
        for reader in [here, there] {
            assert_eq!(text(&plan::<Postgres>(reader)), wanted);
            User::migration().status(reader).expect("status");
        }
    };
    looks(conn);
    for step in [
        Step::Expand,
        Step::Backfill,
        Step::Verify,
        Step::Switch,
        Step::Retire,
        Step::Contract,
    ] {
        migration(options())
            .advance_to(conn, step)
            .expect("the next step");
        looks(conn);
    }
}
