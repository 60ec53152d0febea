//! Too early is as wrong as never: what the new column requires fails no writer who does not know it.

use std::ops::ControlFlow;

use crate::options;
use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{Error, Moment};
use tests::database::{Db, Postgres};

diesel::table! {
    people (id) {
        id -> Integer,
        years -> Integer,
        city -> Nullable<Text>,
    }
}

/// Years are converted by Rust: a row that an old-only program writes has none until the queue is drained.
#[derive(Migrate)]
#[diesel(table_name = people)]
#[allow(dead_code)]
struct Person {
    id: i32,
    #[migrate(
        rename_from = "age", retype_from = Text, old_type = String, lossless,
        up_with = up, down_with = down,
        carry("filled" = "years IS NOT NULL AND years >= 0"),
    )]
    years: i32,
    city: Option<String>,
}

fn up(age: String) -> Result<i32, std::num::ParseIntError> {
    age.parse()
}

fn down(years: i32) -> Result<String, std::convert::Infallible> {
    Ok(years.to_string())
}

#[test]
fn fm04_an_old_only_writer_passes_until_the_old_column_is_retired() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE people (id integer PRIMARY KEY, age text NOT NULL, city text, \
           CONSTRAINT filled CHECK (coalesce(age, '') <> '')); \
         CREATE UNIQUE INDEX ages ON people (age) WHERE city IS NULL; \
         INSERT INTO people SELECT i, i FROM generate_series(1, 60) i",
    );
    let mut id = 100;
    for step in [Step::Expand, Step::Verify] {
        let mut migration = Person::migration().options(options());
        migration.advance_to(conn, step).expect("the step is done");
        id += 1;
        Postgres::run(
            conn,
            &format!("INSERT INTO people (id, age) VALUES ({id}, '{id}')"),
        );
        let sql = "INSERT INTO people (id, age) VALUES (0, '')";
        assert!(Postgres::fails(conn, sql), "the old CHECK is in force");
    }
    let mut migration = Person::migration().options(options());
    migration
        .advance_to(conn, Step::Retire)
        .expect("it gets there");
    // from here on the old column asks nothing, and the new one all
    Postgres::run(conn, "INSERT INTO people (id, years) VALUES (1000, 1000)");
    for refused in ["-1", "NULL", "1000"] {
        let sql = format!("INSERT INTO people (id, years) VALUES (1001, {refused})");
        assert!(Postgres::fails(conn, &sql), "{sql}");
    }
    let mut migration = Person::migration().options(options());
    migration.run(conn).expect("it ends");
}

diesel::table! {
    accounts (id) {
        id -> Integer,
        number -> Integer,
    }
}

#[derive(Migrate)]
#[diesel(table_name = accounts)]
#[allow(dead_code)]
struct Account {
    id: i32,
    #[migrate(
        rename_from = "code", retype_from = Text, lossless,
        up = "cast(code as integer)", down = "cast(number as text)",
        carry("positive" = "number > 0"),
    )]
    number: i32,
}

/// Whoever stops `retire` half-way and goes back finds old-only programs again: what a value is that does not convert is
/// for the net to say, not for a constraint.
#[test]
fn fm04_a_retire_that_is_not_carried_through_leaves_nothing_in_the_way() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE accounts (id integer PRIMARY KEY, code text NOT NULL UNIQUE, CONSTRAINT positive CHECK (code <> '')); \
         INSERT INTO accounts SELECT i, i FROM generate_series(1, 60) i",
    );
    let mut migration = Account::migration().options(options());
    migration
        .advance_to(conn, Step::Switch)
        .expect("it gets there");
    let stop = options().on_action(|event| {
        match event.action == "check all rows" && event.moment == Moment::After {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    let result = Account::migration().options(stop).run(conn);
    assert!(matches!(result, Err(Error::Stopped { .. })), "{result:?}");
    let left = "SELECT count(*) FROM pg_constraint WHERE conrelid = 'accounts'::regclass AND contype = 'c'";
    assert_eq!(Postgres::text(conn, left).as_deref(), Some("3"));

    let mut migration = Account::migration().options(options());
    migration.rollback(conn).expect("it goes back");
    assert_eq!(Postgres::text(conn, left).as_deref(), Some("1"));
    for code in ["poison", "-7"] {
        let id = code.len();
        Postgres::run(
            conn,
            &format!("INSERT INTO accounts (id, code) VALUES (100 + {id}, '{code}')"),
        );
    }
}

/// What was not valid before is not valid afterwards, and no row is looked at for it.
#[test]
fn a_check_that_is_not_valid_stays_so() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE accounts (id integer PRIMARY KEY, code text NOT NULL); \
         INSERT INTO accounts SELECT i, i - 30 FROM generate_series(1, 60) i; \
         ALTER TABLE accounts ADD CONSTRAINT positive CHECK (code <> '') NOT VALID",
    );
    for _ in 0..2 {
        let mut migration = Account::migration().options(options());
        migration
            .advance_to(conn, Step::Retire)
            .expect("no row is looked at");
        let sql = "INSERT INTO accounts (id, number) VALUES (100, 0)";
        assert!(Postgres::fails(conn, sql), "new rows are");
        for _ in 0..3 {
            let mut migration = Account::migration().options(options());
            migration.rollback(conn).expect("it goes back");
        }
        let sql = "SELECT string_agg(convalidated::text, ',') FROM pg_constraint WHERE conname = 'positive'";
        assert_eq!(Postgres::text(conn, sql).as_deref(), Some("false"));
    }
}
