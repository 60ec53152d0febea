//! Writers that know only one of the columns: what becomes of their writes, who sees them, and what waits for them.
#![allow(missing_docs)]

use std::time::Duration;

use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{MigrateOn, Options};
use tests::database::Db;

/// Small batches, little patience, and no wait for a quiet period.
fn options() -> Options {
    Options::new()
        .batch_size(500)
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(50))
        .lock_timeout(Duration::from_millis(200))
        .quiet_period(Duration::ZERO)
}

macro_rules! on_every_database {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            use tests::database::{Db as _, Lite};
            $(#[test] fn $name() { super::$name(&Lite::fresh()); })*
        }
        mod postgres {
            use tests::database::{Db as _, Postgres};
            $(#[test] fn $name() { super::$name(&Postgres::fresh()); })*
        }
    };
}

diesel::table! {
    people (id) {
        id -> Integer,
        note -> Text,
        contact -> Text,
        digest -> Nullable<Binary>,
        whole -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = people, treat_none_as_null = true, treat_none_as_default_value = false)]
#[migrate(id = "people-columns")]
struct Person {
    id: i32,
    note: String,
    #[migrate(rename_from = "email")]
    contact: String,
    // lossless; PostgreSQL's `decode` raises for what is no hex, SQLite's `unhex` gives NULL
    #[migrate(
        rename_from = "sum", retype_from = Nullable<Text>,
        up(sqlite = "unhex(sum)", postgres = "decode(sum, 'hex')"),
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

/// A table whose columns have no defaults, with one row.
fn plain<D: Db>(conn: &mut D::Conn) {
    D::run(
        conn,
        "CREATE TABLE people (id integer PRIMARY KEY, note text NOT NULL DEFAULT 'none', email text NOT NULL, \
         sum text, exact double precision NOT NULL); \
         INSERT INTO people (id, email, sum, exact) VALUES (1, 'one', '01', 1.5)",
    );
}

/// A table whose columns have defaults, with one row.
fn defaulted<D: Db>(conn: &mut D::Conn) {
    D::run(
        conn,
        "CREATE TABLE people (id integer PRIMARY KEY, note text NOT NULL DEFAULT 'none', \
         email text NOT NULL DEFAULT 'nobody', sum text DEFAULT 'ff', exact double precision NOT NULL DEFAULT 0.5); \
         INSERT INTO people (id, email, sum, exact) VALUES (1, 'one', '01', 1.5)",
    );
}

fn advance<D: Db>(conn: &mut D::Conn, step: Step)
where
    people::table: MigrateOn<D::Conn>,
{
    let advanced = Person::migration()
        .options(options())
        .advance_to(conn, step);
    if let Err(error) = advanced {
        panic!("{step}: {error}");
    }
}

/// Of a row: email contact, sum digest, exact whole.
fn row<D: Db>(conn: &mut D::Conn, id: u32) -> String {
    let digest = if D::POSTGRES {
        "encode(digest, 'hex')"
    } else {
        "CASE WHEN digest IS NOT NULL THEN lower(hex(digest)) END"
    };
    let columns = ["email", "contact", "sum", digest, "exact", "whole"]
        .map(|sql| format!("coalesce(CAST({sql} AS text), 'NULL')"));
    let sql = format!(
        "SELECT {} FROM people WHERE id = {id}",
        columns.join(" || ' ' || ")
    );
    let row = D::text(conn, &sql).unwrap_or_else(|| "no row".to_owned());
    // SQLite prints 1.0 where PostgreSQL prints 1
    row.replace(".0", "")
}

mod evidence;
mod gate;
mod notices;
mod other_triggers;
mod traffic;
mod writes;
