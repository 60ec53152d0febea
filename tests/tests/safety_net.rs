//! Writers that know only one of the columns, while both exist.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Nullable, Text};
use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{Error, MigrateOn, Options, RunnerConnection};
use tests::postgres::PgDatabase;
use tests::sqlite::SqliteDatabase;

diesel::table! {
    people (id) {
        id -> Integer,
        note -> Text,
        primary_contact -> Nullable<Text>,
        digest -> Nullable<Binary>,
        whole -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = people, treat_none_as_null = true, treat_none_as_default_value = false)]
struct Person {
    id: i32,
    note: String,
    #[migrate(rename_from = "legacy_email")]
    primary_contact: Option<String>,
    // lossless
    #[migrate(
        rename_from = "checksum", retype_from = Nullable<Text>,
        up(sqlite = "unhex(checksum)", postgres = "decode(checksum, 'hex')"),
        down(sqlite = "CASE WHEN digest IS NOT NULL THEN lower(hex(digest)) END", postgres = "encode(digest, 'hex')")
    )]
    digest: Option<Vec<u8>>,
    // lossy: 1.5 is 1
    #[migrate(
        rename_from = "exact", retype_from = Double,
        up(sqlite = "CAST(exact AS INTEGER)", postgres = "trunc(exact)::integer"),
        down(sqlite = "CAST(whole AS REAL)", postgres = "whole::double precision")
    )]
    whole: i32,
}

fn person(id: i32, contact: &str) -> Person {
    Person {
        id,
        note: "dual".into(),
        primary_contact: Some(contact.into()),
        digest: Some(vec![id as u8]),
        whole: id,
    }
}

const DDL: &str = "CREATE TABLE people (id INTEGER PRIMARY KEY, note TEXT NOT NULL DEFAULT 'none', \
     legacy_email TEXT DEFAULT 'nobody@example.com', checksum TEXT, exact DOUBLE PRECISION NOT NULL DEFAULT 0)";

/// For scenarios whose old-only writers stay for longer than anybody should let them.
fn late() -> Options {
    Options::new().quiet_period(Duration::ZERO)
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Nullable<Text>)]
    line: Option<String>,
}

/// What differs between the databases in these tests.
trait Dialect: RunnerConnection + 'static {
    const HEX: &'static str;
}

impl Dialect for SqliteConnection {
    const HEX: &'static str = "CASE WHEN digest IS NOT NULL THEN lower(hex(digest)) END";
}

impl Dialect for PgConnection {
    const HEX: &'static str = "encode(digest, 'hex')";
}

/// The six columns of a row, as text.
fn row<C>(conn: &mut C, id: i32) -> String
where
    C: Dialect + SimpleConnection,
    people::table: MigrateOn<C>,
    for<'q> diesel::query_builder::SqlQuery: diesel::query_dsl::LoadQuery<'q, C, Line>,
{
    let text = |sql: &str| format!("COALESCE(CAST({sql} AS TEXT), 'NULL')");
    let columns: Vec<String> = [
        "legacy_email",
        "primary_contact",
        "checksum",
        C::HEX,
        "CAST(exact * 10 AS INTEGER)",
        "whole",
    ]
    .map(text)
    .to_vec();
    let sql = format!(
        "SELECT {} AS line FROM people WHERE id = {id}",
        columns.join(" || ' ' || ")
    );
    let line: Line = diesel::sql_query(sql).get_result(conn).unwrap();
    line.line.unwrap()
}

macro_rules! on_both {
    ($($test:ident => $scenario:ident;)*) => {
        mod sqlite {
            use super::*;
            $(#[test] fn $test() {
                let database = SqliteDatabase::new();
                let mut conn = database.connect();
                $scenario!(&mut conn);
            })*
        }
        mod postgres {
            use super::*;
            $(#[test] fn $test() {
                let database = PgDatabase::new();
                let mut conn = database.connect();
                $scenario!(&mut conn);
            })*
        }
    };
}

macro_rules! start {
    ($conn:expr, $step:expr) => {{
        let conn = $conn;
        conn.batch_execute(DDL).unwrap();
        conn.batch_execute(
            "INSERT INTO people (id, legacy_email, checksum, exact) VALUES (1, 'one', '01', 1.5)",
        )
        .unwrap();
        Person::migration().advance_to(conn, $step).unwrap();
        conn
    }};
}

// Old-only writers, in the phases in which the old column is there to be written.
macro_rules! old_only {
    ($conn:expr) => {{
        let conn = $conn;
        conn.batch_execute(DDL).unwrap();
        for (i, step) in [Step::Expand, Step::Verify, Step::Switch, Step::Retire].into_iter().enumerate() {
            Person::migration().options(late()).advance_to(conn, step).unwrap();
            let id = 10 * i32::try_from(i).unwrap() + 10;
            let run = |conn: &mut _, sql: String| SimpleConnection::batch_execute(conn, &sql).unwrap_or_else(|e| panic!("{step}: {sql}: {e}"));
            run(conn, format!("INSERT INTO people (id, legacy_email, checksum, exact) VALUES ({id}, 'a', 'ca', 2.5), ({}, NULL, NULL, 3)", id + 1));
            assert_eq!(row(conn, id), "a a ca ca 25 2", "{step}");
            // (once the new column has the default, a NULL for the old one is no sign of who writes)
            if step != Step::Retire {
                assert_eq!(row(conn, id + 1), "NULL NULL NULL NULL 30 3", "{step}");
            }
            run(conn, format!("UPDATE people SET legacy_email = 'b', exact = 4.5 WHERE id IN ({id}, {})", id + 1));
            assert_eq!(row(conn, id), "b b ca ca 45 4", "{step}");
            assert_eq!(row(conn, id + 1), "b b NULL NULL 45 4", "{step}");
            // an unrelated column: neither side moves, and what only old knows stays
            run(conn, format!("UPDATE people SET note = 'x' WHERE id = {id}"));
            assert_eq!(row(conn, id), "b b ca ca 45 4", "{step}");
            run(conn, format!("INSERT INTO people (id, legacy_email, checksum, exact) VALUES ({id}, 'c', 'fe', 5) \
                 ON CONFLICT (id) DO UPDATE SET legacy_email = excluded.legacy_email, checksum = NULL"));
            assert_eq!(row(conn, id), "c c NULL NULL 45 4", "{step}");
            if step != Step::Retire {
                run(conn, format!("INSERT INTO people (id, exact) VALUES ({}, 1)", id + 2));
                assert_eq!(row(conn, id + 2), "nobody@example.com nobody@example.com NULL NULL 10 1", "{step}");
            }
        }
    }};
}

// New-only writers, also before the row was copied.
macro_rules! new_only {
    ($conn:expr) => {{
        let conn = start!($conn, Step::Expand);
        let run = |conn: &mut _, sql: &str| {
            SimpleConnection::batch_execute(conn, sql).unwrap_or_else(|e| panic!("{sql}: {e}"))
        };
        run(
            conn,
            "UPDATE people SET primary_contact = 'two', whole = 7 WHERE id = 1",
        );
        assert_eq!(row(conn, 1), "two two 01 NULL 70 7");
        run(
            conn,
            "UPDATE people SET primary_contact = NULL WHERE id = 1",
        );
        assert_eq!(row(conn, 1), "NULL NULL 01 NULL 70 7");
        Person::migration().advance_to(conn, Step::Switch).unwrap();
        assert_eq!(row(conn, 1), "NULL NULL 01 01 70 7");
        // the old column's default does not beat the value that was written
        run(
            conn,
            "INSERT INTO people (id, primary_contact, digest, whole) VALUES (2, 'b', NULL, 0)",
        );
        assert_eq!(row(conn, 2), "b b NULL NULL 0 0");
        run(
            conn,
            "UPDATE people SET primary_contact = 'c', whole = 9 WHERE id = 2",
        );
        assert_eq!(row(conn, 2), "c c NULL NULL 90 9");
    }};
}

// A lossy value does not bounce back, whoever writes.
macro_rules! lossy {
    ($conn:expr) => {{
        let conn = start!($conn, Step::Verify);
        assert_eq!(row(conn, 1), "one one 01 01 15 1");
        let mut one: Person = people::table
            .find(1)
            .select(Person::as_select())
            .first(conn)
            .unwrap();
        assert_eq!(one.whole, 1);
        one.note = "seen".into();
        diesel::update(people::table.find(1))
            .set(&one)
            .execute(conn)
            .unwrap();
        assert_eq!(row(conn, 1), "one one 01 01 15 1");
        one.whole = 2;
        diesel::update(people::table.find(1))
            .set(&one)
            .execute(conn)
            .unwrap();
        assert_eq!(row(conn, 1), "one one 01 01 20 2");
        conn.batch_execute("UPDATE people SET exact = 2.5 WHERE id = 1")
            .unwrap();
        assert_eq!(row(conn, 1), "one one 01 01 25 2");
        conn.batch_execute("UPDATE people SET whole = 2 WHERE id = 1")
            .unwrap();
        assert_eq!(row(conn, 1), "one one 01 01 25 2");
    }};
}

// Both sides at once: right together, or refused.
macro_rules! disagreement {
    ($conn:expr) => {{
        let conn = start!($conn, Step::Verify);
        for sql in [
            "UPDATE people SET legacy_email = 'x', primary_contact = 'y' WHERE id = 1",
            "UPDATE people SET checksum = 'aa', digest = NULL, exact = 9, whole = 8 WHERE id = 1",
            "INSERT INTO people (id, legacy_email, primary_contact, exact, whole) VALUES (5, 'x', 'y', 1, 1)",
        ] {
            let error = conn.batch_execute(sql).unwrap_err().to_string();
            assert!(error.contains("do not belong together"), "{sql}: {error}");
        }
        assert_eq!(row(conn, 1), "one one 01 01 15 1");
        conn.batch_execute("UPDATE people SET legacy_email = 'z', primary_contact = 'z' WHERE id = 1").unwrap();
        assert_eq!(row(conn, 1), "z z 01 01 15 1");
        diesel::insert_into(people::table).values(&person(6, "six")).execute(conn).unwrap();
        assert_eq!(row(conn, 6), "six six 06 06 60 6");
    }};
}

// A value that does not convert is no error for whoever writes it; it stops the switch.
macro_rules! poison {
    ($conn:expr) => {{
        let conn = start!($conn, Step::Verify);
        conn.batch_execute("UPDATE people SET checksum = 'zz' WHERE id = 1")
            .unwrap();
        assert_eq!(row(conn, 1), "one one zz NULL 15 1");
        let error = Person::migration()
            .advance_to(conn, Step::Switch)
            .unwrap_err();
        assert!(
            matches!(error, Error::Mismatches { .. } | Error::Poison { .. }),
            "{error:?}"
        );
        conn.batch_execute("UPDATE people SET checksum = 'ab' WHERE id = 1")
            .unwrap();
        Person::migration().advance_to(conn, Step::Switch).unwrap();
        assert_eq!(row(conn, 1), "one one ab ab 15 1");
    }};
}

// Rollback right after the switch: what was written meanwhile survives, and then no trigger is left.
macro_rules! rollback {
    ($conn:expr) => {{
        let conn = start!($conn, Step::Switch);
        diesel::insert_into(people::table)
            .values(&person(7, "seven"))
            .execute(conn)
            .unwrap();
        conn.batch_execute("UPDATE people SET legacy_email = 'old', exact = 8.5 WHERE id = 7")
            .unwrap();
        Person::migration().rollback(conn).unwrap();
        let seven: Person = people::table
            .find(7)
            .select(Person::as_select())
            .first(conn)
            .unwrap();
        assert_eq!(
            (seven.primary_contact.as_deref(), seven.whole),
            (Some("old"), 8)
        );
        Person::migration().rollback(conn).unwrap();
        conn.batch_execute("UPDATE people SET legacy_email = 'still' WHERE id = 7")
            .unwrap();
        let seven: Person = people::table
            .find(7)
            .select(Person::as_select())
            .first(conn)
            .unwrap();
        assert_eq!(seven.primary_contact.as_deref(), Some("still"));
    }};
}

// The whole way with a release that knows nothing writing in between, and nothing left behind.
macro_rules! to_the_end {
    ($conn:expr) => {{
        let conn = start!($conn, Step::Retire);
        diesel::insert_into(people::table)
            .values(&person(8, "eight"))
            .execute(conn)
            .unwrap();
        conn.batch_execute("UPDATE people SET primary_contact = 'new' WHERE id = 8")
            .unwrap();
        Person::migration()
            .advance_to(conn, Step::Contract)
            .unwrap();
        let eight: Person = people::table
            .find(8)
            .select(Person::as_select())
            .first(conn)
            .unwrap();
        assert_eq!(
            eight,
            Person {
                primary_contact: Some("new".into()),
                ..person(8, "")
            }
        );
        diesel::update(people::table.find(8))
            .set(people::note.eq("end"))
            .execute(conn)
            .unwrap();
    }};
}

on_both! {
    fm07_old_only_writers_are_mirrored => old_only;
    fm09_new_only_writers_are_mirrored => new_only;
    fm11_a_lossy_value_does_not_bounce => lossy;
    fm08_disagreement_is_refused => disagreement;
    fm38_a_value_that_does_not_convert_fails_nobody => poison;
    fm12_rollback_right_after_the_switch => rollback;
    fm04_the_whole_way => to_the_end;
}

/// Another BEFORE trigger on the table sees to the same column, whether its name sorts before or after ours.
#[test]
fn fm08_other_triggers() {
    for name in ["\"a_first\"", "\"zz_last\""] {
        let database = PgDatabase::new();
        let conn = &mut database.connect();
        conn.batch_execute(DDL).unwrap();
        Person::migration().advance_to(conn, Step::Verify).unwrap();
        conn.batch_execute(&format!(
            "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN NEW.legacy_email := upper(NEW.legacy_email); RETURN NEW; END'; \
             CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION shout();"
        ))
        .unwrap();
        conn.batch_execute("INSERT INTO people (id, legacy_email) VALUES (1, 'a')")
            .unwrap();
        assert_eq!(row(conn, 1), "A A NULL NULL 0 0", "{name}");
        conn.batch_execute("UPDATE people SET legacy_email = 'b' WHERE id = 1")
            .unwrap();
        assert_eq!(row(conn, 1), "B B NULL NULL 0 0", "{name}");
    }
}

/// COPY goes through the triggers too.
#[test]
fn fm07_copy() {
    let database = PgDatabase::new();
    let conn = &mut database.connect();
    conn.batch_execute(DDL).unwrap();
    Person::migration().advance_to(conn, Step::Switch).unwrap();
    conn.batch_execute(
        "COPY people (id, legacy_email, checksum, exact) FROM PROGRAM 'printf \"1\\ta\\tca\\t2.5\\n\"'",
    )
    .unwrap();
    assert_eq!(row(conn, 1), "a a ca ca 25 2");
}

/// A role that may write the table and nothing else is mirrored as well: the functions run with the operator's rights.
#[test]
fn fm07_another_role() {
    let database = PgDatabase::new();
    let conn = &mut database.connect();
    conn.batch_execute(DDL).unwrap();
    Person::migration().advance_to(conn, Step::Switch).unwrap();
    conn.batch_execute(
        "CREATE ROLE safety_net_stranger; GRANT INSERT, UPDATE, SELECT ON people TO safety_net_stranger; \
         SET ROLE safety_net_stranger; INSERT INTO people (id, legacy_email, checksum) VALUES (1, 'a', 'ca'); RESET ROLE; \
         DROP OWNED BY safety_net_stranger; DROP ROLE safety_net_stranger",
    )
    .unwrap();
    assert_eq!(row(conn, 1), "a a ca ca 0 0");
}
