//! A table with an index of each kind, and sessions that are in the way.
#![allow(unreachable_pub)]

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use expand_contract::phase::{Phase, Step};
use expand_contract::prelude::*;
use expand_contract::{Error, Options};
use tests::database::Db as _;
pub use tests::database::Postgres;
use tests::postgres::PgDatabase;

diesel::table! {
    items (id) {
        id -> Integer,
        mail -> Text,
    }
}

#[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate, Debug, Clone)]
#[diesel(table_name = items)]
#[migrate(id = "items")]
pub struct Item {
    pub id: i32,
    #[migrate(rename_from = "email")]
    pub mail: String,
}

/// `items` and, for whoever is to be disturbed by nobody, `others`.
pub fn table(conn: &mut PgConnection, rows: i32) {
    Postgres::run(
        conn,
        &format!(
            "CREATE TABLE items (id integer NOT NULL PRIMARY KEY, email text NOT NULL DEFAULT 'none', note text); \
             CREATE UNIQUE INDEX items_email ON items (email); \
             CREATE INDEX items_note_email ON items (note, email DESC); \
             INSERT INTO items SELECT i, 'item ' || i, 'a note' FROM generate_series(1, {rows}) i; \
             CREATE TABLE others (LIKE items INCLUDING ALL); INSERT INTO others SELECT * FROM items"
        ),
    );
}

/// Little patience with runners that stand still, all of it with locks.
pub fn options() -> Options {
    Options::new()
        .batch_size(50)
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(200))
        .quiet_period(Duration::ZERO)
        .lock_timeout(Duration::from_millis(150))
}

pub fn advance(conn: &mut PgConnection, options: Options, step: Step) -> Result<(), Error> {
    let mut migration = Item::migration().options(options);
    migration.advance_to(conn, step).map(drop)
}

/// From wherever it is back to `Original`.
pub fn back(conn: &mut PgConnection, options: Options) -> Result<(), Error> {
    let mut migration = Item::migration().options(options);
    loop {
        let status = migration.status(conn)?;
        if status.stage.phase == Phase::Original && !status.leftover {
            return Ok(());
        }
        migration.rollback(conn)?;
    }
}

/// The server process behind a connection.
pub fn pid(conn: &mut PgConnection) -> i64 {
    let pid = Postgres::text(conn, "SELECT pg_backend_pid()");
    pid.and_then(|pid| pid.parse().ok())
        .expect("it has a process")
}

pub fn run(conn: &mut PgConnection, sql: &str) {
    conn.batch_execute(sql)
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// What no unique index can be built on, once both columns are there; behind the triggers.
pub const TWICE: &str = "UPDATE items SET mail = 'twice' WHERE id < 3";

/// Runs up to `step`, with a way to further connections, which lead to the server itself.
pub fn beside(
    db: &PgDatabase,
    conn: &mut PgConnection,
    options: Options,
    step: Step,
) -> Result<(), Error> {
    let url = db.url();
    let mut migration = Item::migration()
        .options(options)
        .connect_with(move || PgConnection::establish(&url));
    migration.advance_to(conn, step).map(drop)
}
