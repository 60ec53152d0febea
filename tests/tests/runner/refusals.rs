//! What the runner refuses, and what it leaves alone.

use std::ops::ControlFlow;

use crate::common::*;
use diesel::Connection;
use expand_contract::phase::{Phase, Step};
use expand_contract::{pinned, Error, Migrate, MigrateOn, Moment};

fn wrong_order<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    // the states were taken before someone rolled back: the ledger is looked at all the same
    let backfilled = Users::migration()
        .options(fast())
        .expand(conn)
        .unwrap()
        .backfill(conn)
        .unwrap();
    Users::migration().rollback(conn).unwrap();
    match backfilled.verify(conn) {
        Err(Error::WrongOrder { first, step, .. }) => {
            assert_eq!((first, step), (Step::Expand, Step::Verify))
        }
        other => panic!("{other:?}"),
    }
    let backfilled = Users::migration()
        .options(fast())
        .expand(conn)
        .unwrap()
        .backfill(conn)
        .unwrap();
    let verified = backfilled.verify(conn).unwrap();
    Users::migration().rollback(conn).unwrap();
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Expand)
        .unwrap();
    match verified.switch(conn) {
        Err(Error::WrongOrder { first, .. }) => assert_eq!(first, Step::Backfill),
        other => panic!("{other:?}"),
    }
    // inside a transaction there is no place for a step
    let inside =
        conn.transaction::<_, Error, _>(|conn| Users::migration().advance_to(conn, Step::Backfill));
    assert!(
        matches!(inside, Err(Error::InsideTransaction { .. })),
        "{inside:?}"
    );
}

fn a_stale_row_stops_the_switch<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Verify)
        .unwrap();
    let mut other = db.connect();
    let options = fast().on_action(move |event| {
        if event.step == Step::Switch && event.action == "compare" && event.moment == Moment::Before
        {
            D::behind_the_triggers(&mut other, "UPDATE users SET email = 'late' WHERE id = 2");
        }
        ControlFlow::Continue(())
    });
    let mut migration = Users::migration().options(options);
    match migration.advance_to(conn, Step::Switch) {
        Err(Error::Mismatches { count, samples, .. }) => {
            assert_eq!((count, samples), (1, vec!["2".to_owned()]))
        }
        other => panic!("{other:?}"),
    }
    let status = Users::migration().status(conn).unwrap();
    assert_eq!(
        (status.stage.phase, status.mismatches),
        (Phase::Expanded, Some(1))
    );
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Switch)
        .unwrap();
    assert_eq!(
        D::text(conn, "SELECT mail FROM users WHERE id = 2").as_deref(),
        Some("late")
    );
}

fn newer_ledger<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Expand)
        .unwrap();
    let dot = if D::POSTGRES { "." } else { "_" };
    D::run(
        conn,
        &format!("UPDATE expand_contract{dot}migrations SET phase = 'frobnicated'"),
    );
    assert!(matches!(
        Users::migration().load(conn),
        Err(Error::LedgerName(_))
    ));
    D::run(conn, &format!("UPDATE expand_contract{dot}migrations SET phase = 'retired', reads = 'other', writes = 'other'"));
    assert!(matches!(
        Users::migration().load(conn),
        Err(Error::Incompatible { .. })
    ));
    D::run(
        conn,
        &format!("UPDATE expand_contract{dot}migrations SET generation = 2"),
    );
    assert!(matches!(
        Users::migration().load(conn),
        Err(Error::NewerGeneration { found: 2, .. })
    ));
    D::run(
        conn,
        &format!("UPDATE expand_contract{dot}meta SET version = 7, readable_by = 7"),
    );
    match Users::migration().load(conn) {
        Err(error @ Error::LedgerVersion { .. }) => {
            assert!(error.to_string().contains('7'), "{error}")
        }
        other => panic!("{other:?}"),
    }
}

fn plan_writes_nothing<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(conn, "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL DEFAULT 'x', note text); \
                  CREATE UNIQUE INDEX users_email ON users (email); INSERT INTO users VALUES (1, 'a', 'b')");
    let tables = if D::POSTGRES {
        "SELECT count(*) FROM pg_class"
    } else {
        "SELECT count(*) FROM sqlite_master"
    };
    let before = D::text(conn, tables);
    if !D::POSTGRES {
        D::run(conn, "PRAGMA query_only = ON");
    }
    let planned = Users::migration().plan(conn).unwrap();
    assert_eq!(D::text(conn, tables), before);
    let steps: Vec<Step> = planned.iter().map(|action| action.step).collect();
    for step in Step::ALL {
        assert_eq!(steps.contains(&step), step != Step::Rollback, "{step}");
    }
    let all: Vec<String> = planned
        .iter()
        .flat_map(|action| action.sql.clone())
        .collect();
    let all = all.join("\n");
    for part in [
        "ADD COLUMN \"mail\"",
        "UPDATE ",
        "INDEX",
        "DROP COLUMN \"email\"",
    ] {
        assert!(all.contains(part), "{part} in {all}");
    }
    if !D::POSTGRES {
        D::run(conn, "PRAGMA query_only = OFF");
    }
    Users::migration().options(fast()).run(conn).unwrap();
    assert!(Users::migration().plan(conn).unwrap().is_empty());
}

on_every_database!(
    wrong_order,
    a_stale_row_stops_the_switch,
    newer_ledger,
    plan_writes_nothing
);

#[test]
fn roles_without_rights_hear_which_grant_is_missing() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    plain::<Postgres>(conn);
    let role = format!("reader_{}", std::process::id());
    Postgres::run(
        conn,
        &format!("CREATE ROLE {role}; GRANT SELECT ON users TO {role}; SET ROLE {role}"),
    );
    match Users::migration().expand(conn) {
        Err(Error::Privilege { grant, .. }) => assert!(grant.starts_with("GRANT "), "{grant}"),
        other => panic!("{other:?}"),
    }
    assert!(!Users::migration().plan(conn).unwrap().is_empty());
    Postgres::run(conn, "RESET ROLE");
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Expand)
        .unwrap();
    Postgres::run(conn, &format!("SET ROLE {role}"));
    let status = Users::migration().load(conn).unwrap();
    assert_eq!(status.stage.phase, Phase::Expanded);
    pinned::transaction::<Users, _, _, Error>(conn, |_| Ok(())).unwrap();
    Postgres::run(
        conn,
        &format!("RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}"),
    );
}
