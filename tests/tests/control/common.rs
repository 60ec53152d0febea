//! A table that is renamed a column, and the options of an impatient operator.

use std::time::Duration;

use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{MigrateOn, Migration, Options, Status};
pub(crate) use tests::database::{Db, Lite, Postgres};

/// The scenarios as tests on both databases.
macro_rules! on_every_database {
    ($($scenario:ident),* $(,)?) => {
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

diesel::table! {
    users (id) {
        id -> Integer,
        mail -> Text,
    }
}

#[derive(Migrate)]
#[diesel(table_name = users)]
#[allow(dead_code)]
pub(crate) struct User {
    id: i32,
    #[migrate(rename_from = "email")]
    mail: String,
}

/// One row at a time, asked often, little patience.
pub(crate) fn options() -> Options {
    Options::new()
        .batch_size(1)
        .grace(Duration::ZERO)
        .quiet_period(Duration::ZERO)
        .lease(Duration::from_millis(500))
        .lock_timeout(Duration::from_millis(100))
        .throttle_every(Duration::from_millis(2))
        .holder("the run")
}

pub(crate) fn migration(options: Options) -> Migration<users::table> {
    User::migration().options(options)
}

/// A table of so many rows, expanded.
pub(crate) fn expanded<D: Db>(conn: &mut D::Conn, rows: u32)
where
    users::table: MigrateOn<D::Conn>,
{
    D::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL)",
    );
    for id in 1..=rows {
        D::run(conn, &format!("INSERT INTO users VALUES ({id}, 'u{id}')"));
    }
    D::run(conn, "ANALYZE users");
    migration(options())
        .advance_to(conn, Step::Expand)
        .expect("expand");
}

pub(crate) fn status<D: Db>(conn: &mut D::Conn) -> Status
where
    users::table: MigrateOn<D::Conn>,
{
    User::migration().status(conn).expect("status")
}

/// How many rows have been copied.
pub(crate) fn copied<D: Db>(conn: &mut D::Conn) -> u32 {
    let count = D::text(conn, "SELECT count(mail) FROM users");
    count.and_then(|n| n.parse().ok()).expect("a number")
}

/// A ledger table's name.
pub(crate) fn ledger<D: Db>(table: &str) -> String {
    format!(
        "expand_contract{}{table}",
        if D::POSTGRES { "." } else { "_" }
    )
}
