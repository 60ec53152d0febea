//! Every step on every database: the schema and the rows come out right, and a stopped run converges.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use crate::common::*;
use expand_contract::phase::{Pass, Phase, Stage, Step};
use expand_contract::{ActionEvent, AnyState, Error, Migrate, MigrateOn, Moment, Options};

fn fast() -> Options {
    Options::new()
        .batch_size(3)
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(100))
        .retries(2)
        .lock_timeout(Duration::from_millis(100))
}

fn users<D: Db>(conn: &mut D::Conn, rows: u32) {
    let text = if D::POSTGRES {
        "varchar(40)"
    } else {
        "VARCHAR(40) COLLATE NOCASE"
    };
    D::run(
        conn,
        &format!(
            "CREATE TABLE users (id integer NOT NULL PRIMARY KEY, email {text} NOT NULL DEFAULT 'no''ne', note text);
             CREATE UNIQUE INDEX users_email ON users (email);
             CREATE INDEX users_note_email ON users (note, email DESC);"
        ),
    );
    for id in 1..=rows {
        D::run(
            conn,
            &format!(
                "INSERT INTO users VALUES ({id}, 'u{id}@x', CASE WHEN {id} % 2 = 0 THEN 'n' END)"
            ),
        );
    }
}

fn stage(pass: Pass, phase: Phase) -> Stage {
    Stage { pass, phase }
}

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

// Stops before and after every action, each time in a fresh process' stead, and compares with an undisturbed run.
fn stopped_everywhere<D: Db, M>(
    setup: impl Fn(&mut D::Conn),
    between: impl Fn(&mut D::Conn),
    run: impl Fn(&mut D::Conn, Options) -> Result<(), Error>,
) where
    M: MigrateOn<D::Conn>,
{
    let db = D::fresh();
    let conn = &mut db.connect();
    setup(conn);
    run(conn, fast()).unwrap();
    between(conn);
    let wanted = D::schema(conn);

    let db = D::fresh();
    setup(&mut db.connect());
    let seen: Rc<RefCell<Vec<ActionEvent>>> = Rc::default();
    for _ in 0..200 {
        let log = seen.clone();
        let options = fast().on_action(move |event| {
            let mut log = log.borrow_mut();
            if log.contains(event) {
                return ControlFlow::Continue(());
            }
            log.push(event.clone());
            ControlFlow::Break(())
        });
        let conn = &mut db.connect();
        match run(conn, options) {
            Err(Error::Stopped { .. }) => continue,
            result => {
                result.unwrap();
                between(conn);
                assert_eq!(D::schema(conn), wanted);
                let seen = seen.borrow();
                assert!(seen.iter().any(|event| event.moment == Moment::After));
                return;
            }
        }
    }
    panic!("it never ends: {:?}", seen.borrow());
}

fn stopped_forwards<D: Db>()
where
    Users: MigrateOn<D::Conn>,
    Accounts: MigrateOn<D::Conn>,
{
    let check = |conn: &mut D::Conn| {
        assert_eq!(
            D::text(
                conn,
                "SELECT count(*) FROM users WHERE mail = 'u' || id || '@x'"
            )
            .as_deref(),
            Some("8")
        );
    };
    stopped_everywhere::<D, Users>(
        |conn| users::<D>(conn, 8),
        check,
        |conn, options| Users::migration().options(options).run(conn).map(drop),
    );
    stopped_everywhere::<D, Accounts>(
        accounts::<D>,
        |_| {},
        |conn, options| Accounts::migration().options(options).run(conn).map(drop),
    );
}

fn stopped_backwards<D: Db>()
where
    Users: MigrateOn<D::Conn>,
{
    stopped_everywhere::<D, Users>(
        |conn| {
            users::<D>(conn, 8);
            Users::migration()
                .options(fast())
                .advance_to(conn, Step::Retire)
                .unwrap();
            D::run(conn, "INSERT INTO users (id, mail) VALUES (20, 'new'); UPDATE users SET mail = 'changed' WHERE id = 3");
        },
        |conn| {
            assert_eq!(
                D::text(conn, "SELECT email FROM users WHERE id = 20").as_deref(),
                Some("new")
            );
            assert_eq!(
                D::text(conn, "SELECT email FROM users WHERE id = 3").as_deref(),
                Some("changed")
            );
        },
        |conn, options| {
            let mut migration = Users::migration().options(options);
            loop {
                let status = migration.status(conn)?;
                if status.stage.phase == Phase::Original && !status.leftover {
                    return Ok(());
                }
                migration.rollback(conn)?;
            }
        },
    );
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

fn accounts<D: Db>(conn: &mut D::Conn) {
    D::run(
        conn,
        "CREATE TABLE accounts (id integer PRIMARY KEY, balance integer NOT NULL DEFAULT 5); \
                  CREATE INDEX accounts_balance ON accounts (balance)",
    );
    D::run(
        conn,
        "INSERT INTO accounts VALUES (1, 10), (2, 20), (3, 30), (4, 40), (5, 50)",
    );
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

fn odd_names<D: Db>(db: &D)
where
    Odd: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    let long = "name_of_sixty_three_bytes_which_is_as_long_as_postgresql_allows";
    assert_eq!(long.len(), 63);
    let without = if D::POSTGRES { "" } else { "WITHOUT ROWID" };
    D::run(
        conn,
        &format!(
            "CREATE TABLE \"Ta\"\"ble\" (region text, code integer, \"o\"\"ld 'é\" text, {long} integer, \
             PRIMARY KEY (region, code)) {without};
             CREATE UNIQUE INDEX \"In \"\"dex\" ON \"Ta\"\"ble\" ({long}, \"o\"\"ld 'é\")"
        ),
    );
    for (i, region) in ["", "it's", "é\\", "zz"].into_iter().enumerate() {
        for code in [-1, 0, 7] {
            let region = region.replace('\'', "''");
            D::run(conn, &format!("INSERT INTO \"Ta\"\"ble\" VALUES ('{region}', {code}, NULLIF('v{i}', 'v2'), {i} * 10 + {code})"));
        }
    }
    let before = D::schema(conn);
    Odd::migration()
        .options(fast())
        .advance_to(conn, Step::Retire)
        .unwrap();
    while Odd::migration().status(conn).unwrap().stage.phase != Phase::Original {
        Odd::migration().options(fast()).rollback(conn).unwrap();
    }
    assert_eq!(D::schema(conn), before);
    Odd::migration().options(fast()).run(conn).unwrap();
    let n = "SELECT count(*) || ' ' || count(\"order\") || ' ' || sum(\"Weiße \"\"Größe\"\"\") FROM \"Ta\"\"ble\"";
    assert_eq!(D::text(conn, n).as_deref(), Some("12 9 204"));
}

fn lossy<D: Db>(db: &D)
where
    Lossy: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    let number = if D::POSTGRES { "numeric" } else { "REAL" };
    D::run(
        conn,
        &format!("CREATE TABLE accounts (id integer PRIMARY KEY, amount {number})"),
    );
    D::run(
        conn,
        "INSERT INTO accounts VALUES (1, 1.5), (2, NULL), (3, 2)",
    );
    Lossy::migration()
        .options(fast())
        .advance_to(conn, Step::Retire)
        .unwrap();
    D::run(conn, "UPDATE accounts SET balance = 9 WHERE id = 3");
    Lossy::migration().options(fast()).rollback(conn).unwrap();
    // what only the old column knew is still there
    assert_eq!(
        D::text(conn, "SELECT amount FROM accounts WHERE id = 1").as_deref(),
        Some("1.5")
    );
    assert_eq!(
        D::text(conn, "SELECT amount = 9 FROM accounts WHERE id = 3")
            .map(|t| t == "1" || t == "true"),
        Some(true)
    );
    Lossy::migration().options(fast()).run(conn).unwrap();
}

fn poison<D: Db>(db: &D)
where
    Versions: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE versions (id integer PRIMARY KEY, checksum text NOT NULL)",
    );
    for id in 1..=10 {
        let sum = if id == 5 {
            "not hex".to_owned()
        } else {
            format!("{id:04x}")
        };
        D::run(
            conn,
            &format!("INSERT INTO versions VALUES ({id}, '{sum}')"),
        );
    }
    let mut migration = Versions::migration().options(fast());
    migration.advance_to(conn, Step::Expand).unwrap();
    // SQLite's unhex gives NULL, which verify finds; PostgreSQL's decode raises
    match migration.advance_to(conn, Step::Verify) {
        Err(Error::Poison { count, rows, .. }) => {
            assert_eq!((count, rows[0].key.as_str()), (1, "5"))
        }
        Err(Error::Mismatches { count, samples, .. }) => {
            assert_eq!((count, samples[0].as_str()), (1, "5"))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        D::text(conn, "SELECT count(tar_sha256) FROM versions").as_deref(),
        Some("9")
    );
    assert!(migration.advance_to(conn, Step::Switch).is_err());
    D::run(conn, "UPDATE versions SET checksum = '00' WHERE id = 5");
    migration.advance_to(conn, Step::Switch).unwrap();
}

fn rust_conversion<D: Db>(db: &D)
where
    Prices: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE prices (id integer PRIMARY KEY, price text)",
    );
    for id in 1..=10 {
        D::run(
            conn,
            &format!("INSERT INTO prices VALUES ({id}, NULLIF('{id}.05', '4.05'))"),
        );
    }
    D::run(conn, "UPDATE prices SET price = 'free' WHERE id = 6");
    let mut migration = Prices::migration().options(fast());
    match migration.advance_to(conn, Step::Switch) {
        Err(Error::Poison { count, rows, .. }) => {
            assert_eq!((count, rows[0].key.as_str()), (1, "6"));
            assert!(rows[0].reason.contains("no decimal point"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        D::text(conn, "SELECT sum(cents) FROM prices").as_deref(),
        Some("4540")
    );
    D::run(conn, "UPDATE prices SET price = '6.05' WHERE id = 6");
    migration.advance_to(conn, Step::Switch).unwrap();
    migration.advance_to(conn, Step::Retire).unwrap();
    D::run(conn, "INSERT INTO prices (id, cents) VALUES (11, 1234)");
    migration.rollback(conn).unwrap();
    assert_eq!(
        D::text(conn, "SELECT price FROM prices WHERE id = 11").as_deref(),
        Some("12.34")
    );
    // verify compares by the Rust functions
    D::run(conn, "UPDATE prices SET cents = 1 WHERE id = 1");
    migration.rollback(conn).unwrap();
    migration.advance_to(conn, Step::Contract).unwrap();
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
        (Phase::Contracted, 2)
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

// Dual-writing instances at work from the expand to the switch: none of their statements fails, no row differs.
fn writers_at_work<D: Db + Sync>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    use diesel::connection::SimpleConnection;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    let conn = &mut db.connect();
    users::<D>(conn, 200);
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Expand)
        .unwrap();
    let (done, written) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for writer in 0..3_u32 {
            let (done, written) = (&done, &written);
            scope.spawn(move || {
                let mut conn = db.connect();
                if !D::POSTGRES {
                    conn.batch_execute("PRAGMA busy_timeout = 20000").unwrap();
                }
                let mut n = writer;
                while !done.load(Ordering::Relaxed) {
                    n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let (id, other) = (n % 200 + 1, n / 7 % 200 + 1);
                    // in any key order, two rows at a time; a deadlock would end one of these
                    let sql = format!(
                        "UPDATE users SET email = 'w{writer}-{n}', mail = 'w{writer}-{n}' WHERE id = {id}; \
                         DELETE FROM users WHERE id = 200 + {other} % 20; \
                         INSERT INTO users (id, email, mail) VALUES ({n} % 1000000 + 1000 + {writer} * 10000000, 'i{writer}-{n}', 'i{writer}-{n}') \
                         ON CONFLICT DO NOTHING"
                    );
                    conn.batch_execute(&sql).unwrap();
                    written.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }
        let options = fast().batch_size(7).retries(50);
        let result = Users::migration()
            .options(options)
            .advance_to(conn, Step::Switch);
        done.store(true, Ordering::Relaxed);
        result.unwrap();
    });
    assert!(written.load(Ordering::Relaxed) > 0);
    let n = "SELECT count(*) FROM users WHERE mail = email";
    assert_eq!(
        D::text(conn, n),
        D::text(conn, "SELECT count(*) FROM users")
    );
}

// Keys whose order as text is another than their own.
fn batches_are_of_their_size<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    users::<D>(conn, 120);
    let batches = Rc::new(RefCell::new(Vec::new()));
    let log = batches.clone();
    let before = RefCell::new(0);
    let options = fast().batch_size(10).on_progress(move |progress| {
        if progress.step == Step::Backfill && progress.sweep == 1 {
            let changed = progress.changed - before.replace(progress.changed);
            log.borrow_mut().push(changed);
        }
    });
    Users::migration()
        .options(options)
        .advance_to(conn, Step::Backfill)
        .unwrap();
    // 12 full ones, then the one that finds the end
    let batches = batches.borrow();
    assert_eq!(batches[..12], [10; 12], "{batches:?}");
    assert_eq!(batches.iter().sum::<u64>(), 120);
}

macro_rules! on_every_database {
    ($($scenario:ident),*; $($alone:ident),*) => {
                mod sqlite {
            use super::*;
            $(#[test] fn $scenario() { super::$scenario(&Lite::fresh()); })*
            $(#[test] fn $alone() { super::$alone::<Lite>(); })*
        }
                mod postgres {
            use super::*;
            $(#[test] fn $scenario() { super::$scenario(&Postgres::fresh()); })*
            $(#[test] fn $alone() { super::$alone::<Postgres>(); })*
        }
    };
}

on_every_database!(
    chain, rollbacks, retype, two_passes, odd_names, lossy, poison, rust_conversion, empty_tables, writers_at_work, batches_are_of_their_size;
    stopped_forwards, stopped_backwards
);

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
#[ignore = "figures: rows per second on a table that was never analysed"]
fn figures() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL, note text); \
                         ALTER TABLE users SET (autovacuum_enabled = off)",
    );
    let mut from = 1;
    for rows in [10_000, 100_000, 300_000, 1_000_000] {
        Postgres::run(conn, &format!("INSERT INTO users SELECT i, 'user' || i || '@example.com', repeat('x', 60) FROM generate_series({from}, {rows}) i"));
        from = rows + 1;
        Users::migration().advance_to(conn, Step::Expand).unwrap();
        let started = std::time::Instant::now();
        let first = Rc::new(RefCell::new(None));
        let log = first.clone();
        let options = Options::new().on_progress(move |progress| {
            if progress.sweep == 2 {
                log.borrow_mut().get_or_insert(started.elapsed());
            }
        });
        Users::migration()
            .options(options)
            .advance_to(conn, Step::Backfill)
            .unwrap();
        let first = first.borrow().unwrap_or_else(|| started.elapsed());
        println!(
            "{rows} rows: {:.0} rows/s, with the second sweep {:.0}",
            f64::from(rows) / first.as_secs_f64(),
            f64::from(rows) / started.elapsed().as_secs_f64()
        );
        Users::migration().rollback(conn).unwrap();
    }
}
