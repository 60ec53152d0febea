//! What the safety net keeps of who writes one column only, and that nobody waits or fails for it.

use diesel::connection::SimpleConnection as _;
use expand_contract::phase::{Side, Step};
use expand_contract::prelude::*;
use expand_contract::{MigrateOn, Stranger};
use tests::database::{Db, Postgres};

use crate::{advance, options, people, plain, row, Person};

fn strangers<D: Db>(conn: &mut D::Conn) -> Vec<Stranger>
where
    people::table: MigrateOn<D::Conn>,
{
    let status = Person::migration().status(conn);
    status.expect("there is a ledger").strangers
}

fn start() -> (Postgres, PgConnection) {
    let db = Postgres::fresh();
    let mut conn = db.connect();
    plain::<Postgres>(&mut conn);
    advance::<Postgres>(&mut conn, Step::Switch);
    (db, conn)
}

fn rows(conn: &mut PgConnection) -> u32 {
    let count = "SELECT count(*) FROM expand_contract.strangers";
    let count = Postgres::text(conn, count).and_then(|count| count.parse().ok());
    count.expect("a number")
}

// Writers of both columns, whoever they are, and whatever they find: no evidence.
fn writers_of_both_columns_are_no_strangers<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    D::run(
        conn,
        "INSERT INTO people (id, email, sum, exact) VALUES (2, 'b', 'ab', 2.5), (3, 'c', NULL, 3), (4, 'd', '0d', 4)",
    );
    let lossy = |n: u32| {
        format!("whole = {n}, exact = CASE WHEN exact >= {n} AND exact < {n} + 1 THEN exact ELSE {n} END")
    };
    let (x0d, x0e) = if D::POSTGRES {
        ("'\\x0d'", "'\\x0e'")
    } else {
        ("x'0d'", "x'0e'")
    };
    for (id, step) in (10..).zip([Step::Expand, Step::Backfill, Step::Switch]) {
        advance::<D>(conn, step);
        for sql in [
            format!("INSERT INTO people (id, email, contact, sum, digest, exact, whole) VALUES ({id}, 'x', 'x', '0e', {x0e}, 1, 1)"),
            // the same values again, before and after they were copied
            format!("UPDATE people SET email = 'd', contact = 'd', sum = '0d', digest = {x0d}, {} WHERE id = 4", lossy(4)),
            // others
            format!("UPDATE people SET email = 'e', contact = 'e', sum = '0e', digest = {x0e}, {} WHERE id = 4", lossy(5)),
            format!("UPDATE people SET email = 'd', contact = 'd', sum = '0d', digest = {x0d}, {} WHERE id = 4", lossy(4)),
            // a lossy one that keeps what only the old column knows
            format!("UPDATE people SET {} WHERE id = 2", lossy(2)),
            "UPDATE people SET email = 'n', contact = 'n', sum = NULL, digest = NULL WHERE id = 3".to_owned(),
        ] {
            D::run(conn, &sql);
        }
        assert_eq!(strangers::<D>(conn), [], "{step}");
    }
    assert_eq!(row::<D>(conn, 2), "b b ab ab 2.5 2");
    // neither are they on the way back, whose rows the copy has yet to come to
    advance::<D>(conn, Step::Retire);
    D::run(
        conn,
        &format!("UPDATE people SET contact = 'r', digest = {x0e}, whole = 9 WHERE id = 4"),
    );
    let mut writer = db.connect();
    let sql = format!(
        "UPDATE people SET email = 'r', contact = 'r', sum = '0e', digest = {x0e}, {} WHERE id = 4",
        lossy(9)
    );
    let rollback = options().on_action(move |event| {
        if event.action == "copy back" {
            D::run(&mut writer, &sql);
        }
        std::ops::ControlFlow::Continue(())
    });
    Person::migration()
        .options(rollback)
        .rollback(conn)
        .expect("back to Switched");
    let old: Vec<_> = strangers::<D>(conn);
    assert_eq!(old, []);
    assert_eq!(row::<D>(conn, 4), "r r 0e 0e 9 9");
}

// The library's own copying, there and back, is nobody's write.
fn copying_is_no_stranger<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    for id in 2..20 {
        let sql = format!(
            "INSERT INTO people (id, email, sum, exact) VALUES ({id}, 'x', '0{}', {id}.5)",
            id % 10
        );
        D::run(conn, &sql);
    }
    advance::<D>(conn, Step::Retire);
    for id in 2..20 {
        let sql =
            format!("UPDATE people SET contact = 'y', digest = NULL, whole = 3 WHERE id = {id}");
        D::behind_the_triggers(conn, &sql);
    }
    advance::<D>(conn, Step::Rollback);
    assert_eq!(row::<D>(conn, 7), "y y NULL NULL 3 3");
    assert_eq!(strangers::<D>(conn), []);
}

on_every_database!(
    copying_is_no_stranger,
    writers_of_both_columns_are_no_strangers,
);

// By what they call themselves and by the role they logged in as, whoever they have become since.
#[test]
fn strangers_are_known_by_name() {
    let (db, mut conn) = start();
    Postgres::run(
        &mut conn,
        "CREATE ROLE nightly LOGIN; CREATE ROLE billing; GRANT billing TO nightly; GRANT ALL ON people TO nightly, billing",
    );
    let url = db.url();
    let mut first =
        Postgres::open(&url.replace("user=postgres", "user=nightly&application_name=job"));
    Postgres::run(
        &mut first,
        "SET ROLE billing; UPDATE people SET email = 'a', sum = '0a'",
    );
    let mut second = Postgres::open(&format!("{url}&application_name=new-only"));
    Postgres::run(&mut second, "UPDATE people SET contact = 'b'");
    let mut found: Vec<_> = strangers::<Postgres>(&mut conn)
        .into_iter()
        .map(|s| (s.side, s.application, s.role, s.writes))
        .collect();
    found.sort();
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(
        found,
        [
            (Side::Old, name("job"), name("nightly"), 1),
            (Side::New, name("new-only"), name("postgres"), 1),
        ]
    );
    // another one on the same connection, as a pooler in transaction mode has it
    for sql in [
        "SET application_name = 'other'",
        "UPDATE people SET contact = 'c'",
        "SET application_name = 'job'",
        "UPDATE people SET email = 'd'",
    ] {
        Postgres::run(&mut second, sql);
    }
    let found = strangers::<Postgres>(&mut conn);
    let names: Vec<_> = found.iter().map(|s| s.to_string()).collect();
    assert_eq!(found.len(), 4, "{names:?}");
    assert!(
        names[0].starts_with(
            "application `job` (role postgres) wrote only the old column 1 times, last at 2"
        ),
        "{names:?}"
    );
    // the next runner makes one row of each writer's
    let before = rows(&mut conn);
    advance::<Postgres>(&mut conn, Step::Verify);
    advance::<Postgres>(&mut conn, Step::Retire);
    assert_eq!((before, rows(&mut conn)), (4, 4));
    let folded = "SELECT count(*) FROM expand_contract.strangers WHERE backend = 0";
    assert_eq!(Postgres::text(&mut conn, folded).as_deref(), Some("4"));
    assert_eq!(strangers::<Postgres>(&mut conn).len(), 4);
    drop((first, second));
    advance::<Postgres>(&mut conn, Step::Contract);
    Postgres::run(
        &mut conn,
        "DROP OWNED BY nightly, billing; DROP ROLE nightly, billing",
    );
}

// A session is put on record at most every few seconds, and counts in between: what is left is one row of it.
#[test]
fn evidence_is_bounded() {
    // fewer slots than sessions come: later versions use all of them before one again
    let server = tests::postgres::PgServer::start(&[("max_connections", "20")]);
    let db = tests::postgres::PgDatabase::on(&server);
    let mut conn = db.connect();
    plain::<Postgres>(&mut conn);
    advance::<Postgres>(&mut conn, Step::Switch);
    let stranger = &mut db.connect();
    Postgres::run(
        stranger,
        "INSERT INTO people (id, email, exact) SELECT g, 'x', 1 FROM generate_series(2, 1000) g",
    );
    for i in 0..20 {
        Postgres::run(
            stranger,
            &format!("UPDATE people SET email = 'y{i}' WHERE id = 2"),
        );
    }
    assert_eq!(rows(&mut conn), 1);
    let setting = "SELECT 'expand_contract.seen_' || substring(prosrc FROM 'seen_([0-9a-f]{8}_old)') FROM pg_proc \
          WHERE pronamespace = 'expand_contract'::regnamespace AND proname LIKE 'mirror%insert' LIMIT 1";
    let setting = Postgres::text(stranger, setting).expect("the functions name it");
    // a statement counts once, whatever it changes; the first one is on record
    let counted = format!("SELECT current_setting('{setting}_count')");
    assert_eq!(Postgres::text(stranger, &counted).as_deref(), Some("20"));
    // seconds later the session is put on record again, with what it has counted
    Postgres::run(
        stranger,
        &format!(
            "SELECT set_config('{setting}_until', (current_setting('{setting}_until')::float8 - 5)::text, false); \
             UPDATE people SET email = 'z' WHERE id = 3"
        ),
    );
    assert_eq!(rows(&mut conn), 1);
    assert_eq!(strangers::<Postgres>(&mut conn)[0].writes, 22);
    // sessions that come and go take turns in the server's slots, names that are others each time end in one
    for i in 0..30 {
        let mut session = Postgres::open(&format!("{}&application_name=short", db.url()));
        Postgres::run(
            &mut session,
            &format!("UPDATE people SET email = 'w{i}' WHERE id = 4"),
        );
    }
    let short = "SELECT count(*) < 30 AND sum(writes) = 30 FROM expand_contract.strangers WHERE application = 'short'";
    assert_eq!(Postgres::text(&mut conn, short).as_deref(), Some("true"));
    Postgres::run(
        &mut conn,
        "SELECT setval('expand_contract.net_rows', 10000)",
    );
    for i in 0..3 {
        Postgres::run(
            stranger,
            &format!(
                "SET application_name = 'name {i}'; UPDATE people SET email = 'v{i}' WHERE id = 4"
            ),
        );
    }
    let named = "SELECT string_agg(application, ' ') FROM expand_contract.strangers WHERE application ~ 'name|others'";
    assert_eq!(
        Postgres::text(&mut conn, named).as_deref(),
        Some("(others)")
    );
}

// Evidence goes with the write it is of.
#[test]
fn a_write_that_is_rolled_back_leaves_nothing() {
    let (db, mut conn) = start();
    let stranger = &mut db.connect();
    Postgres::run(
        stranger,
        "BEGIN; UPDATE people SET email = 'a'; ROLLBACK; \
         BEGIN; SAVEPOINT s; UPDATE people SET email = 'b'; ROLLBACK TO s; COMMIT",
    );
    assert_eq!(strangers::<Postgres>(&mut conn), []);
    Postgres::run(stranger, "UPDATE people SET email = 'c'");
    assert_eq!(strangers::<Postgres>(&mut conn)[0].writes, 1);
}

/// Statements in turn on two connections: nobody waits, and nobody fails.
fn in_turn(first: &mut PgConnection, second: &mut PgConnection, statements: &[(u8, &str)]) {
    for conn in [&mut *first, &mut *second] {
        // a wait is an error
        Postgres::run(conn, "SET lock_timeout = '2s'");
    }
    for (who, sql) in statements {
        let conn = if *who == 1 { &mut *first } else { &mut *second };
        if let Err(error) = conn.batch_execute(sql) {
            panic!("{who}: {sql}: {error}");
        }
    }
}

// Two writers whose transactions overlap in every way, at every level: their own rows never meet.
#[test]
fn fm23_evidence_neither_blocks_nor_conflicts() {
    for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        let (db, mut conn) = start();
        Postgres::run(
            &mut conn,
            "INSERT INTO people (id, email, exact) SELECT g, 'x', 1 FROM generate_series(2, 3000) g; ANALYZE people",
        );
        let begin = &*format!("BEGIN ISOLATION LEVEL {level}");
        let (mut a, mut b) = (db.connect(), db.connect());
        in_turn(
            &mut a,
            &mut b,
            &[
                // both see the evidence as it was before
                (1, begin),
                (2, begin),
                (1, "SELECT note FROM people WHERE id = 5"),
                (2, "SELECT note FROM people WHERE id = 2905"),
                (1, "UPDATE people SET email = 'a' WHERE id = 5"),
                (2, "UPDATE people SET email = 'b' WHERE id = 2905"),
                (2, "UPDATE people SET email = 'b' WHERE id = 2906"),
                (1, "UPDATE people SET email = 'a' WHERE id = 6"),
                (1, "COMMIT"),
                (2, "COMMIT"),
                // again, with rows of their own that are there already
                (1, "DISCARD ALL"),
                (2, begin),
                (2, "SELECT note FROM people WHERE id = 2905"),
                (1, begin),
                (1, "UPDATE people SET email = 'c' WHERE id = 5"),
                (1, "COMMIT"),
                (2, "UPDATE people SET email = 'd' WHERE id = 2905"),
                (2, "COMMIT"),
            ],
        );
        assert_eq!(row::<Postgres>(&mut conn, 2905), "d d NULL NULL 1 1");
        let all = "SELECT string_agg(s::text, ' ') FROM expand_contract.strangers s";
        let all = Postgres::text(&mut conn, all);
        // whoever made the rows is one, too
        assert_eq!(rows(&mut conn), 3, "{level}: {all:?}");
    }
}

// A prepared transaction holds its session's row for as long as it likes.
#[test]
fn fm23_a_prepared_transaction_holds_up_nobody() {
    let server = tests::postgres::PgServer::start(&[("max_prepared_transactions", "5")]);
    let db = tests::postgres::PgDatabase::on(&server);
    let mut conn = db.connect();
    plain::<Postgres>(&mut conn);
    // so many rows that a serializable transaction reads one of them and not the table
    Postgres::run(
        &mut conn,
        "INSERT INTO people (id, email, exact) SELECT g, 'x', 2 FROM generate_series(2, 3000) g; ANALYZE people",
    );
    advance::<Postgres>(&mut conn, Step::Switch);
    let (mut a, mut b) = (db.connect(), db.connect());
    for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        let begin = &*format!("BEGIN ISOLATION LEVEL {level}");
        in_turn(
            &mut a,
            &mut b,
            &[
                (1, begin),
                (1, "UPDATE people SET email = email || 'p' WHERE id = 1"),
                (1, "PREPARE TRANSACTION 'p'"),
                // the same session goes on, and has to be put on record again
                (1, "DISCARD ALL"),
                (1, "UPDATE people SET email = email || 'q' WHERE id = 2900"),
                // its snapshot is older than the commit of the other
                (1, "DISCARD ALL"),
                (1, begin),
                (1, "SELECT note FROM people WHERE id = 2900"),
                (2, "COMMIT PREPARED 'p'"),
                (1, "UPDATE people SET email = email || 'r' WHERE id = 2900"),
                (1, "COMMIT"),
                (1, "DISCARD ALL"),
            ],
        );
    }
    assert_eq!(
        row::<Postgres>(&mut conn, 2900),
        "xqrqrqr xqrqrqr NULL NULL 2 2"
    );
    let written: u64 = strangers::<Postgres>(&mut conn)
        .iter()
        .map(|s| s.writes)
        .sum();
    assert_eq!(
        written, 9,
        "whatever stood in the way, all of it is on record"
    );
}

// The runner folds and forgets while a writer holds its row.
#[test]
fn fm23_the_runner_waits_for_no_evidence() {
    let (db, mut conn) = start();
    let stranger = &mut db.connect();
    Postgres::run(stranger, "UPDATE people SET email = 'a' WHERE id = 1");
    // of a transaction that is still open, and holds nothing of the table that a step may need
    Postgres::run(
        stranger,
        "BEGIN; SELECT * FROM expand_contract.strangers FOR UPDATE",
    );
    advance::<Postgres>(&mut conn, Step::Retire);
    for _ in 0..3 {
        advance::<Postgres>(&mut conn, Step::Rollback);
    }
    // what could not be had is left: better seen for too long than not at all
    assert_eq!(rows(&mut conn), 1);
    Postgres::run(stranger, "COMMIT");
    advance::<Postgres>(&mut conn, Step::Expand);
    assert_eq!(rows(&mut conn), 0);
}

// Without what the triggers call, or with anything else in the way, a stranger is mirrored all the same.
#[test]
fn a_broken_ledger_fails_no_writer() {
    let (db, mut conn) = start();
    Postgres::run(
        &mut conn,
        "ALTER TABLE expand_contract.strangers ADD CHECK (writes < 0) NOT VALID; \
         ALTER TABLE expand_contract.quarantine ADD CHECK (reason = 'none') NOT VALID",
    );
    Postgres::run(
        &mut db.connect(),
        "UPDATE people SET email = 'a', sum = 'zz'",
    );
    assert_eq!(row::<Postgres>(&mut conn, 1), "a a zz NULL 1.5 1");
}
