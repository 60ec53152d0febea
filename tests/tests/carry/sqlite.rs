//! SQLite: partial and expression indexes, and the CHECKs in a column's definition.

use crate::options;
use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::Error;
use tests::database::{Db, Lite};

diesel::table! {
    users (id) {
        id -> Integer,
        mail -> Nullable<Text>,
        note -> Nullable<Text>,
    }
}

#[derive(Migrate)]
#[diesel(table_name = users)]
#[allow(dead_code)]
struct User {
    id: i32,
    #[migrate(rename_from = "Email")]
    mail: Option<String>,
    note: Option<String>,
}

mod retyped {
    use expand_contract::prelude::*;

    diesel::table! {
        #[sql_name = "users"]
        people (id) {
            id -> Integer,
            size -> Nullable<Integer>,
        }
    }

    #[derive(Migrate)]
    #[diesel(table_name = people)]
    #[allow(dead_code)]
    pub(super) struct User {
        id: i32,
        #[migrate(
            rename_from = "email", retype_from = Nullable<Text>, lossless,
            up = "length(email)", down = "substr('xxxxxxxxxxxx', 1, size)",
            carry(
                "CHECK (\"email\" <> 'email' -- CHECK (\n)" = "size > 0",
                "users_live"(sqlite = "(size) WHERE note IS NULL", postgres = "(size)"),
            ),
            drop("short", "users_lower"),
        )]
        size: Option<i32>,
    }
}

const TABLE: &str = "CREATE TABLE users (id integer PRIMARY KEY, \
    email text NOT NULL DEFAULT 'x' CHECK (\"email\" <> 'email' -- CHECK (\n) CONSTRAINT short CHECK (length(EMAIL) < 9), note text); \
    CREATE INDEX users_lower ON users (lower([email]) DESC, note COLLATE NOCASE) -- a comment\n; \
    CREATE UNIQUE INDEX users_live ON users (email COLLATE NOCASE) WHERE note IS NULL AND `Email` <> 'email' -- another\n;";

fn prepared(conn: &mut SqliteConnection) {
    Lite::run(conn, TABLE);
    for id in 1..=60 {
        let value = "x".repeat(id % 7 + 1);
        let note = if id <= 7 { "NULL" } else { "'n'" };
        Lite::run(
            conn,
            &format!("INSERT INTO users VALUES ({id}, '{value}', {note})"),
        );
    }
}

#[test]
fn fm30_sqlite_carries_checks_and_indexes_of_a_rename() {
    for empty in [false, true] {
        let db = Lite::fresh();
        let conn = &mut db.connect();
        let mut migration = User::migration().options(options());
        if empty {
            Lite::run(conn, TABLE);
            migration.run_on_empty(conn).expect("it is empty");
        } else {
            prepared(conn);
            migration.run(conn).expect("it ends");
        }
        let schema = Lite::schema(conn);
        for text in [
            "mail\" TEXT NOT NULL DEFAULT ('x') CHECK (\"mail\" <> 'email') CONSTRAINT \"short\" CHECK (length(\"mail\") < 9)",
            "INDEX \"users_lower\" ON \"users\" (lower(\"mail\") DESC, \"note\" COLLATE \"NOCASE\")",
            "UNIQUE INDEX \"users_live\" ON \"users\" (\"mail\" COLLATE \"NOCASE\") WHERE \"note\" IS NULL AND \"mail\" <> 'email'",
        ] {
            assert!(schema.to_lowercase().contains(&text.to_lowercase()), "{schema}");
        }
        assert!(!schema.contains("_ec"), "{schema}");
        for refused in ["'email'", "'123456789'", "NULL"] {
            let sql = format!("INSERT INTO users (id, mail, note) VALUES (100, {refused}, 'n')");
            assert!(Lite::fails(conn, &sql), "{sql}");
        }
    }
}

#[test]
fn fm30_sqlite_carries_what_the_annotation_gives() {
    let db = Lite::fresh();
    let conn = &mut db.connect();
    prepared(conn);
    let mut migration = retyped::User::migration().options(options());
    migration.run(conn).expect("it ends");
    let schema = Lite::schema(conn);
    assert!(schema.contains("CHECK (\"size\" > 0)"), "{schema}");
    assert!(
        schema.contains("UNIQUE INDEX \"users_live\" ON \"users\" (\"size\") WHERE note IS NULL"),
        "{schema}"
    );
    for gone in ["short", "users_lower", "_ec"] {
        assert!(!schema.contains(gone), "{schema}");
    }
}

#[test]
fn fm30_sqlite_rolls_back() {
    let db = Lite::fresh();
    let conn = &mut db.connect();
    prepared(conn);
    let before = Lite::schema(conn);
    for (step, back) in [
        (Step::Expand, 1),
        (Step::Backfill, 1),
        (Step::Switch, 2),
        (Step::Retire, 3),
    ] {
        let mut migration = User::migration().options(options());
        migration.advance_to(conn, step).expect("the step is done");
        if step == Step::Retire {
            // only the new column asks for anything
            Lite::run(
                conn,
                "INSERT INTO users (id, mail, note) VALUES (200, 'y', '')",
            );
            let sql = "INSERT INTO users (id, mail, note) VALUES (201, 'email', '')";
            assert!(Lite::fails(conn, sql));
        }
        for _ in 0..back {
            let mut migration = User::migration().options(options());
            migration.rollback(conn).expect("it goes back");
        }
        assert_eq!(Lite::schema(conn), before, "after a rollback from {step}");
        let sql = "INSERT INTO users (id, email, note) VALUES (202, 'email', '')";
        assert!(Lite::fails(conn, sql), "the old column asks again");
    }
}

#[test]
fn what_sqlite_is_not_told_is_asked_for() {
    let db = Lite::fresh();
    let conn = &mut db.connect();
    Lite::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text CHECK (email <> ''), note text)",
    );
    let before = Lite::schema(conn);
    match retyped::User::migration().options(options()).expand(conn) {
        // first what the annotation names and is not there
        Err(Error::Obstacles { obstacles, .. }) => assert_eq!(obstacles.len(), 4, "{obstacles:?}"),
        other => panic!("{:?}", other.map(drop)),
    }
    assert_eq!(Lite::schema(conn), before);
}
