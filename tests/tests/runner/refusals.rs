//! What the runner refuses, before anything is changed, and what it leaves alone.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::common::*;
use diesel::connection::SimpleConnection;
use diesel::Connection;
use expand_contract::phase::{Phase, Stage, Step};
use expand_contract::{pinned, Error, Migrate, MigrateOn, Moment, Options};

fn fast() -> Options {
    Options::new()
        .batch_size(3)
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(200))
        .retries(2)
        .lock_timeout(Duration::from_millis(100))
}

fn plain<D: Db>(conn: &mut D::Conn) {
    D::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL, note text); \
         INSERT INTO users VALUES (1, 'a', 'b'), (2, 'c', NULL)",
    );
}

fn obstacle<D: Db>(sql: &str, kind: &str)
where
    Users: MigrateOn<D::Conn>,
{
    let db = D::fresh();
    let conn = &mut db.connect();
    D::run(conn, sql);
    let before = D::schema(conn);
    match Users::migration().options(fast()).expand(conn) {
        Err(Error::Obstacles { obstacles, .. }) => {
            assert!(
                obstacles.iter().any(|found| found.kind == kind),
                "{sql}: {obstacles:?}"
            );
        }
        other => panic!("{sql}: {other:?}"),
    }
    assert_eq!(D::schema(conn), before);
}

const TABLE: &str = "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL, note text)";

#[test]
fn sqlite_names_what_it_cannot_carry() {
    for (sql, kind) in [
        (
            "CREATE TABLE users (id integer PRIMARY KEY, email text UNIQUE)",
            "UNIQUE constraint in the table's definition",
        ),
        (
            "CREATE TABLE users (id integer PRIMARY KEY, email text CHECK (email <> ''))",
            "CHECK constraint",
        ),
        (
            "CREATE TABLE users (id integer PRIMARY KEY, email text REFERENCES users (id))",
            "foreign key",
        ),
        (
            "CREATE TABLE users (id integer PRIMARY KEY, email text, x AS (email || ''))",
            "generated column or CHECK",
        ),
        (
            "CREATE TABLE users (id integer PRIMARY KEY, email text, UNIQUE (id, email))",
            "table constraint",
        ),
        (
            "CREATE TABLE users (id integer, email text PRIMARY KEY)",
            "PRIMARY KEY",
        ),
        (
            &format!("{TABLE}; CREATE VIEW v AS SELECT email FROM users"),
            "view",
        ),
        (
            &format!(
                "{TABLE}; CREATE TRIGGER g AFTER UPDATE OF email ON users BEGIN SELECT 1; END"
            ),
            "trigger",
        ),
        (
            &format!("{TABLE}; CREATE INDEX i ON users (lower(email))"),
            "expression index",
        ),
        (
            &format!("{TABLE}; CREATE INDEX i ON users (id) WHERE email <> ''"),
            "partial index",
        ),
        (
            &format!("{TABLE}; CREATE TABLE w (e text REFERENCES users (email))"),
            "foreign key to the column",
        ),
    ] {
        obstacle::<Lite>(sql, kind);
    }
}

#[test]
fn postgres_names_what_it_cannot_carry() {
    for (sql, kind) in [
        ("CREATE TABLE users (id integer PRIMARY KEY, email text CHECK (email <> ''))".to_owned(), "CHECK constraint"),
        ("CREATE TABLE e (x text PRIMARY KEY); CREATE TABLE users (id integer PRIMARY KEY, email text REFERENCES e)".to_owned(), "foreign key"),
        ("CREATE TABLE users (id integer PRIMARY KEY, email text UNIQUE); CREATE TABLE f (e text REFERENCES users (email))".to_owned(), "foreign key to the column"),
        ("CREATE TABLE users (id integer PRIMARY KEY, email text, x text GENERATED ALWAYS AS (email || '') STORED)".to_owned(), "generated column"),
        ("CREATE TABLE users (id integer, email text PRIMARY KEY)".to_owned(), "primary key"),
        ("CREATE TABLE users (id integer PRIMARY KEY, email integer GENERATED ALWAYS AS IDENTITY)".to_owned(), "identity column"),
        ("CREATE TABLE users (id integer PRIMARY KEY, email serial)".to_owned(), "sequence owned by the column"),
        (format!("{TABLE}; CREATE VIEW v AS SELECT email FROM users"), "view or rule"),
        (format!("{TABLE}; CREATE MATERIALIZED VIEW v AS SELECT email FROM users"), "view or rule"),
        (format!("{TABLE}; CREATE POLICY p ON users USING (email = current_user)"), "policy"),
        (format!("{TABLE}; CREATE INDEX i ON users (lower(email))"), "dependent"),
        (format!("{TABLE}; CREATE INDEX i ON users (email) WHERE note IS NULL"), "partial index"),
        (format!("{TABLE}; CREATE INDEX i ON users USING hash (email)"), "index of another kind than btree"),
        (format!("{TABLE}; CREATE STATISTICS s ON email, note FROM users"), "extended statistics"),
        (format!("{TABLE}; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.email := 1; RETURN NEW; END'; \
                  CREATE TRIGGER g BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f()"), "trigger"),
        (format!("{TABLE}; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
                  CREATE TRIGGER g BEFORE UPDATE OF email ON users FOR EACH ROW EXECUTE FUNCTION f()"), "trigger"),
        (format!("{TABLE}; CREATE PUBLICATION p FOR TABLE users (id, email)"), "publication's column list"),
    ] {
        let kind = if kind == "dependent" { "expression index" } else { kind };
        obstacle::<Postgres>(&sql, kind);
    }
    // partitions
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text) PARTITION BY RANGE (id)",
    );
    assert!(matches!(
        Users::migration().expand(conn),
        Err(Error::Unsupported { .. })
    ));
}

fn preflight<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
    UsersNext: MigrateOn<D::Conn>,
    Versions: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    assert!(matches!(
        Users::migration().load(conn),
        Err(Error::TableNotFound { .. })
    ));
    D::run(conn, "CREATE TABLE users (id integer, email text)");
    assert!(matches!(
        Users::migration().options(fast()).expand(conn),
        Err(Error::NoPrimaryKey { .. })
    ));
    D::run(
        conn,
        "DROP TABLE users; CREATE TABLE users (id integer PRIMARY KEY, email text, mail text)",
    );
    assert!(matches!(
        Users::migration().load(conn),
        Err(Error::BothColumns { .. })
    ));
    assert!(matches!(
        Users::migration().run(conn),
        Err(Error::BothColumns { .. })
    ));
    D::run(
        conn,
        "DROP TABLE users; CREATE TABLE users (id integer PRIMARY KEY)",
    );
    assert!(matches!(
        Users::migration().load(conn),
        Err(Error::ColumnMissing { .. })
    ));
    D::run(conn, "DROP TABLE users");
    plain::<D>(conn);
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Expand)
        .unwrap();
    // one migration at a time
    match UsersNext::migration().options(fast()).expand(conn) {
        Err(Error::OtherMigration { other, .. }) => assert_eq!(other, "users-mail"),
        other => panic!("{other:?}"),
    }
    Users::migration().options(fast()).run(conn).unwrap();
    UsersNext::migration().options(fast()).run(conn).unwrap();
    // a conversion that never works must fail the expand
    D::run(
        conn,
        "CREATE TABLE versions (id integer PRIMARY KEY, checksum text); \
                  INSERT INTO versions VALUES (1, 'zz'), (2, 'no'), (3, NULL)",
    );
    let before = D::schema(conn);
    assert!(matches!(
        Versions::migration().options(fast()).expand(conn),
        Err(Error::Conversion { .. })
    ));
    assert_eq!(D::schema(conn), before);
}

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

fn second_runner<D: Db + Sync>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    D::run(
        conn,
        "INSERT INTO users VALUES (3, 'd', ''), (4, 'e', ''), (5, 'f', ''), (6, 'g', '')",
    );
    let mut other = db.connect();
    // while the first runner moves, the second one hears who it is
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let log = seen.clone();
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Expand)
        .unwrap();
    let options = fast()
        .holder("the first")
        .batch_size(1)
        .on_progress(move |progress| {
            if progress.sweep == 1 && progress.batches == 2 {
                // it stands still for less than the lease, then moves on: see below
                let outcome = Users::migration()
                    .options(fast().lease(Duration::from_millis(50)).holder("the second"))
                    .advance_to(&mut other, Step::Backfill);
                log.borrow_mut()
                    .push(outcome.map(|_| ()).map_err(|error| error.to_string()));
            }
        });
    let first = Users::migration()
        .options(options)
        .advance_to(conn, Step::Backfill);
    // the first stood still for the whole lease of the second, which took over: one of them, not both
    assert!(matches!(first, Err(Error::RunnerLost { .. })), "{first:?}");
    assert_eq!(seen.borrow().len(), 1);
    assert!(seen.borrow()[0].is_ok(), "{seen:?}");

    // a runner that keeps moving
    let dot = if D::POSTGRES { "." } else { "_" };
    let runners = format!("expand_contract{dot}runners");
    D::run(
        conn,
        &format!("UPDATE {runners} SET held = 1, holder = 'someone'"),
    );
    let renew = format!("UPDATE {runners} SET renewals = renewals + 1");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut busy = db.connect();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                busy.batch_execute(&renew).ok();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let options = fast().lease(Duration::from_millis(500));
        let outcome = Users::migration()
            .options(options)
            .advance_to(conn, Step::Switch);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        match outcome {
            Err(Error::RunnerActive { holder, .. }) => assert_eq!(holder, "someone"),
            other => panic!("{other:?}"),
        }
    });
}

fn killed<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    plain::<D>(&mut db.connect());
    // a panic leaves what a killed process leaves: a lease that nobody gives back
    for (step, nth) in [
        (Step::Expand, 0),
        (Step::Backfill, 1),
        (Step::Switch, 2),
        (Step::Retire, 1),
        (Step::Contract, 0),
    ] {
        let mut conn = db.connect();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut seen = 0;
            let options = fast().on_action(move |event| {
                if event.step == step {
                    seen += 1;
                    if seen > nth {
                        std::panic::panic_any("killed");
                    }
                }
                ControlFlow::Continue(())
            });
            Users::migration().options(options).run(&mut conn).map(drop)
        }));
        assert!(result.is_err(), "{step}");
    }
    let conn = &mut db.connect();
    let status = Users::migration().options(fast()).run(conn).unwrap();
    assert_eq!(status.stage, Stage::first(Phase::Contracted));
    assert_eq!(
        D::text(conn, "SELECT count(mail) FROM users").as_deref(),
        Some("2")
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
        &format!("UPDATE expand_contract{dot}meta SET version = 7"),
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

fn pinned_transactions<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
    Versions: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    D::run(
        conn,
        "CREATE TABLE versions (id integer PRIMARY KEY, checksum text)",
    );
    let phase = |conn: &mut D::Conn| {
        pinned::transaction::<(Users, Versions), _, _, Error>(conn, |_| {
            let of =
                |cell: &'static expand_contract::PhaseCell| cell.get().map(|now| now.stage.phase);
            Ok((of(Users::cell()), of(Versions::cell())))
        })
        .unwrap()
    };
    assert_eq!(phase(conn), (Some(Phase::Original), Some(Phase::Original)));
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Switch)
        .unwrap();
    assert_eq!(phase(conn), (Some(Phase::Switched), Some(Phase::Original)));
    // while one is open, nothing is published; afterwards it is
    let mut other = db.connect();
    let inside = pinned::transaction::<Users, _, _, Error>(conn, |_| {
        Ok(Users::migration()
            .options(fast())
            .rollback(&mut other)
            .map(drop))
    });
    match inside.unwrap() {
        Err(Error::Locked { .. } | Error::Database { .. }) => {}
        other => panic!("{other:?}"),
    }
    let nested = conn.transaction::<_, Error, _>(|conn| {
        pinned::transaction::<Users, _, _, Error>(conn, |_| Ok(()))
    });
    assert!(matches!(nested, Err(Error::InsideTransaction { .. })));
    std::thread::sleep(Duration::from_millis(300));
    Users::migration().options(fast()).rollback(conn).unwrap();
    assert_eq!(phase(conn).0, Some(Phase::Expanded));
}

macro_rules! on_every_database {
    ($($scenario:ident),*) => {
                mod sqlite {
            use super::*;
            $(#[test] fn $scenario() { super::$scenario(&Lite::fresh()); })*
        }
                mod postgres {
            use super::*;
            $(#[test] fn $scenario() { super::$scenario(&Postgres::fresh()); })*
        }
    };
}

on_every_database!(
    preflight,
    wrong_order,
    a_stale_row_stops_the_switch,
    second_runner,
    killed,
    newer_ledger,
    plan_writes_nothing,
    pinned_transactions
);

mod only_postgres {
    use super::*;

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
                _ if line.contains("other.things")
                    || line.contains("NULLS NOT DISTINCT (name)") =>
                {
                    line.replace("(name", "(title")
                }
                _ => line.to_owned(),
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

    #[test]
    fn a_long_reader_delays_ddl_but_not_other_readers() {
        let db = Postgres::fresh();
        let (mut reader, conn) = (db.connect(), &mut db.connect());
        plain::<Postgres>(conn);
        reader.batch_execute("BEGIN; SELECT * FROM users").unwrap();
        match Users::migration().options(fast()).expand(conn) {
            Err(Error::Locked {
                attempts, blockers, ..
            }) => {
                assert_eq!(attempts, 3);
                assert!(blockers.contains("pid"), "{blockers}");
            }
            other => panic!("{other:?}"),
        }
        reader.batch_execute("COMMIT").unwrap();
        Users::migration()
            .options(fast())
            .advance_to(conn, Step::Verify)
            .unwrap();
        // a snapshot from before the copy
        reader
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM users")
            .unwrap();
        let options = fast().snapshot_wait(Duration::from_millis(100));
        let outcome = Users::migration()
            .options(options)
            .advance_to(conn, Step::Switch);
        assert!(
            matches!(outcome, Err(Error::OldSnapshots { .. })),
            "{outcome:?}"
        );
        reader.batch_execute("COMMIT").unwrap();
        Users::migration()
            .options(fast())
            .advance_to(conn, Step::Switch)
            .unwrap();
    }
}
