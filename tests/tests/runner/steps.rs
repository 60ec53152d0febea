//! Every step on every database: the schema and the rows come out right.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use crate::common::*;
use expand_contract::phase::{Pass, Phase, Stage, Step};
use expand_contract::{AnyState, Error, Migrate, MigrateOn};

fn chain<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    users::<D>(conn, 10);
    let status = Users::migration().status(conn).unwrap();
    assert_eq!(
        (status.stage, status.in_ledger),
        (Stage::first(Phase::Original), false)
    );

    let expanded = Users::migration().options(fast()).expand(conn).unwrap();
    // a writer of the previous release
    D::run(conn, "INSERT INTO users (id, email) VALUES (11, 'late')");
    let verified = expanded.backfill(conn).unwrap().verify(conn).unwrap();
    let switched = verified.switch(conn).unwrap();
    let n = "SELECT count(*) FROM users WHERE mail = email";
    assert_eq!(D::text(conn, n).as_deref(), Some("11"));
    D::run(
        conn,
        "INSERT INTO users (id, email, mail) VALUES (12, 'both', 'both')",
    );
    let retired = switched.retire(conn).unwrap();
    // a writer of this release: the default and the unique index are the new column's now
    D::run(conn, "INSERT INTO users (id, mail) VALUES (13, 'new')");
    D::run(conn, "INSERT INTO users (id) VALUES (14)");
    assert!(D::fails(
        conn,
        "INSERT INTO users (id, mail) VALUES (15, 'new')"
    ));
    assert!(D::fails(
        conn,
        "INSERT INTO users (id, mail) VALUES (15, NULL)"
    ));
    let contracted = retired.contract(conn).unwrap();
    assert!(contracted.next_pass(conn).unwrap().is_none());
    assert!(D::fails(conn, "SELECT email FROM users"));
    assert_eq!(
        D::text(conn, "SELECT mail FROM users WHERE id = 14").as_deref(),
        Some("no'ne")
    );
    assert!(D::fails(
        conn,
        "INSERT INTO users (id, mail) VALUES (15, 'new')"
    ));
    assert!(D::fails(
        conn,
        "INSERT INTO users (id, mail) VALUES (15, NULL)"
    ));
    let schema = D::schema(conn);
    for name in ["users_email", "users_note_email"] {
        assert!(schema.contains(name), "{schema}");
    }
    assert!(!schema.contains("_ec"), "{schema}");
    assert!(
        schema.contains(if D::POSTGRES {
            "character varying(40)"
        } else {
            "NOCASE"
        }),
        "{schema}"
    );
    // everything again does nothing
    let status = Users::migration().run(conn).unwrap();
    assert_eq!(status.stage, Stage::first(Phase::Contracted));
}

fn rollbacks<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    users::<D>(conn, 10);
    let before = D::schema(conn);
    for step in [Step::Expand, Step::Backfill, Step::Switch, Step::Retire] {
        Users::migration()
            .options(fast())
            .advance_to(conn, step)
            .unwrap();
        if step == Step::Retire {
            D::run(conn, "UPDATE users SET mail = 'after' WHERE id = 1");
        }
        while Users::migration().status(conn).unwrap().stage.phase != Phase::Original {
            Users::migration().options(fast()).rollback(conn).unwrap();
        }
        assert_eq!(D::schema(conn), before, "after {step}");
    }
    assert_eq!(
        D::text(conn, "SELECT email FROM users WHERE id = 1").as_deref(),
        Some("after")
    );
    assert!(matches!(
        Users::migration().rollback(conn),
        Err(Error::NoRollback { .. })
    ));
    Users::migration().options(fast()).run(conn).unwrap();
    assert!(matches!(
        Users::migration().rollback(conn),
        Err(Error::NoRollback { .. })
    ));
}

fn retype<D: Db>(db: &D)
where
    Versions: MigrateOn<D::Conn>,
    VersionsChanged: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE versions (id integer PRIMARY KEY, checksum text NOT NULL DEFAULT '00ff')",
    );
    for id in 1..=10 {
        D::run(
            conn,
            &format!("INSERT INTO versions VALUES ({id}, '{id:04x}')"),
        );
    }
    Versions::migration()
        .options(fast())
        .advance_to(conn, Step::Verify)
        .unwrap();
    assert!(matches!(
        VersionsChanged::migration().advance_to(conn, Step::Switch),
        Err(Error::DefinitionChanged { .. })
    ));
    // a late writer of the previous release, repaired by going over the table again
    D::run(conn, "UPDATE versions SET checksum = 'beef' WHERE id = 7");
    Versions::migration()
        .options(fast())
        .advance_to(conn, Step::Backfill)
        .unwrap();
    Versions::migration()
        .options(fast())
        .advance_to(conn, Step::Switch)
        .unwrap();
    let hex = if D::POSTGRES {
        "encode(tar_sha256, 'hex')"
    } else {
        "lower(hex(tar_sha256))"
    };
    let n = format!("SELECT count(*) FROM versions WHERE {hex} = checksum");
    assert_eq!(D::text(conn, &n).as_deref(), Some("10"));
    Versions::migration().options(fast()).run(conn).unwrap();
    D::run(conn, "INSERT INTO versions (id) VALUES (20)");
    let n = format!("SELECT {hex} FROM versions WHERE id = 20");
    assert_eq!(D::text(conn, &n).as_deref(), Some("00ff"));
}

fn two_passes<D: Db>(db: &D)
where
    Accounts: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    accounts::<D>(conn);
    let status = Accounts::migration()
        .options(fast())
        .advance_to(conn, Step::Contract)
        .unwrap();
    assert_eq!(status.stage, stage(Pass::Second, Phase::Original));
    assert!(matches!(
        Accounts::migration().rollback(conn),
        Err(Error::NoRollback { .. })
    ));
    let AnyState::Original(second) = Accounts::migration().options(fast()).resume(conn).unwrap()
    else {
        panic!("the second pass begins")
    };
    let expanded = second.expand(conn).unwrap();
    drop(expanded);
    Accounts::migration().rollback(conn).unwrap();
    let status = Accounts::migration().options(fast()).run(conn).unwrap();
    assert_eq!(status.stage, stage(Pass::Second, Phase::Contracted));
    D::run(
        conn,
        "INSERT INTO accounts (id, balance) VALUES (6, 5000000000)",
    );
    D::run(conn, "INSERT INTO accounts (id) VALUES (7)");
    assert_eq!(
        D::text(conn, "SELECT sum(balance) FROM accounts").as_deref(),
        Some("5000000155")
    );
    let schema = D::schema(conn);
    assert!(
        !schema.contains("balance_wide") && schema.contains("accounts_balance"),
        "{schema}"
    );
    assert!(D::fails(conn, "INSERT INTO accounts VALUES (8, NULL)"));
}

fn empty_tables<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
    UsersNext: MigrateOn<D::Conn>,
    Accounts: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    users::<D>(conn, 0);
    let actions = Rc::new(RefCell::new(0));
    let count = actions.clone();
    let options = fast().on_action(move |_| {
        *count.borrow_mut() += 1;
        ControlFlow::Continue(())
    });
    let status = Users::migration().options(options).run(conn).unwrap();
    assert_eq!(
        (status.stage.phase, *actions.borrow()),
        // it and the barrier, before and after
        (Phase::Contracted, 4)
    );
    D::run(conn, "INSERT INTO users (id) VALUES (1)");
    assert!(
        D::fails(conn, "INSERT INTO users (id) VALUES (2)"),
        "the unique index is there"
    );
    assert!(D::fails(
        conn,
        "INSERT INTO users (id, mail) VALUES (2, NULL)"
    ));
    assert!(matches!(
        UsersNext::migration().run_on_empty(conn),
        Err(Error::NotEmpty { .. })
    ));
    D::run(
        conn,
        "CREATE TABLE accounts (id integer PRIMARY KEY, balance integer NOT NULL DEFAULT 5)",
    );
    let status = Accounts::migration().run_on_empty(conn).unwrap();
    assert_eq!(status.stage, stage(Pass::Second, Phase::Contracted));
    D::run(conn, "INSERT INTO accounts (id) VALUES (1)");
    // and a new installation, whose tables are made by later migrations
    D::run(conn, "DELETE FROM accounts");
    let fresh = D::fresh();
    let conn = &mut fresh.connect();
    D::run(
        conn,
        "CREATE TABLE accounts (id integer PRIMARY KEY, balance bigint)",
    );
    let status = Accounts::migration().load(conn).unwrap();
    assert_eq!(
        (status.stage.phase, status.in_ledger),
        (Phase::Contracted, false)
    );
}

on_every_database!(chain, rollbacks, retype, two_passes, empty_tables);

#[test]
fn pooled_connections_do() {
    use diesel::r2d2::{ConnectionManager, Pool};
    let manager = ConnectionManager::<diesel::SqliteConnection>::new(":memory:");
    let pool = Pool::builder().max_size(1).build(manager).unwrap();
    let mut conn = pool.get().unwrap();
    users::<Lite>(&mut conn, 4);
    Users::migration().options(fast()).run(&mut conn).unwrap();
}

#[test]
fn a_schema_of_its_own_and_what_belongs_to_the_column() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE SCHEMA other; CREATE TABLE other.things (id integer PRIMARY KEY, name varchar(7) COLLATE \"C\" NOT NULL);
         CREATE TABLE things (id integer PRIMARY KEY, name text);
         COMMENT ON COLUMN other.things.name IS 'it''s \\ a name'; ALTER TABLE other.things ALTER name SET STATISTICS 77;
         ALTER TABLE other.things ALTER name SET STORAGE EXTERNAL;
         GRANT SELECT (name), UPDATE (name) ON other.things TO PUBLIC;
         ALTER TABLE other.things ADD CONSTRAINT things_name UNIQUE NULLS NOT DISTINCT (name) INCLUDE (id) DEFERRABLE INITIALLY DEFERRED;
         CREATE INDEX things_pattern ON other.things (name varchar_pattern_ops DESC NULLS LAST, id) WITH (fillfactor = 70);
         INSERT INTO other.things VALUES (1, 'a'), (2, 'b')",
    );
    let before = Postgres::schema(conn);
    Postgres::run(
        conn,
        "SET lock_timeout = '7s'; SET statement_timeout = '1h'; SET datestyle = 'SQL, DMY'",
    );
    Things::migration()
        .options(fast())
        .advance_to(conn, Step::Retire)
        .unwrap();
    while Things::migration().status(conn).unwrap().stage.phase != Phase::Original {
        Things::migration().options(fast()).rollback(conn).unwrap();
    }
    assert_eq!(Postgres::schema(conn), before);
    Things::migration().options(fast()).run(conn).unwrap();
    // the same schema, but for the name (and where the column stands)
    let after = Postgres::schema(conn);
    let mut renamed: Vec<String> = before
        .lines()
        .map(|line| match line.strip_prefix("things.name ") {
            Some(rest) if !rest.starts_with("text") => format!("things.title {rest}"),
            _ if line.contains("other.things") || line.contains("NULLS NOT DISTINCT (name)") => {
                line.replace("(name", "(title")
            }
            // its name stays, from 18 on
            _ => line.replace("NOT NULL name", "NOT NULL title"),
        })
        .collect();
    renamed.sort();
    let mut after: Vec<String> = after.lines().map(str::to_owned).collect();
    after.sort();
    assert_eq!(after, renamed);
    for (setting, value) in [
        ("lock_timeout", "7s"),
        ("statement_timeout", "1h"),
        ("datestyle", "SQL, DMY"),
        ("enable_seqscan", "on"),
    ] {
        let found = Postgres::text(conn, &format!("current_setting('{setting}')"));
        assert_eq!(found.as_deref(), Some(value));
    }
}
