//! Changes that only Rust can convert, among writers that know only one of the columns.
#![allow(missing_docs)]

use std::time::Duration;

use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{Drained, Error, MigrateOn, Options, Status};
use tests::database::{Db, Lite, Postgres};

diesel::table! {
    prices (id) {
        id -> Integer,
        note -> Nullable<Text>,
        cents -> Integer,
    }
}

/// "12.345" is 1234: what comes after the cents is known to the old column only.
fn parse(price: String) -> Result<i32, String> {
    let bad = || format!("`{price}` is no price");
    let (whole, rest) = price.split_once('.').ok_or_else(bad)?;
    let cents: String = rest.chars().take(2).collect();
    match (whole.parse::<i32>(), cents.parse::<i32>()) {
        (Ok(whole), Ok(cents)) if rest.len() >= 2 => Ok(whole * 100 + cents),
        _ => Err(bad()),
    }
}

/// The sign is known to the new column only.
#[allow(clippy::unnecessary_wraps)]
fn print(cents: i32) -> Result<String, String> {
    match cents {
        666 => Err("nobody pays that".to_owned()),
        _ => Ok(format!("{}.{:02}", cents.abs() / 100, cents.abs() % 100)),
    }
}

#[derive(
    expand_contract::Queryable,
    Selectable,
    Identifiable,
    Insertable,
    AsChangeset,
    Migrate,
    Debug,
    Clone,
    PartialEq,
)]
#[diesel(table_name = prices)]
struct Price {
    id: i32,
    note: Option<String>,
    #[migrate(rename_from = "price", retype_from = Text, old_type = String, up_with = parse, down_with = print)]
    cents: i32,
}

fn price(id: i32, cents: i32) -> Price {
    Price {
        id,
        note: None,
        cents,
    }
}

/// This release, in whichever phase the database is.
trait App: Db + Sync {
    fn insert(conn: &mut Self::Conn, prices: &[Price]) -> QueryResult<usize>;
    fn save(conn: &mut Self::Conn, price: &Price) -> QueryResult<usize>;
    fn set(conn: &mut Self::Conn, id: i32, cents: i32) -> QueryResult<usize>;
    fn upsert(conn: &mut Self::Conn, price: &Price) -> QueryResult<usize>;
    fn all(conn: &mut Self::Conn) -> QueryResult<Vec<Price>>;
}

macro_rules! app {
    ($($db:ident),*) => {$(
        impl App for $db {
            fn insert(conn: &mut Self::Conn, prices: &[Price]) -> QueryResult<usize> {
                let snapshot = Price::migration().snapshot(conn).expect("the phase can be read");
                snapshot.scope(|| diesel::insert_into(prices::table).values(prices).execute(conn))
            }

            fn save(conn: &mut Self::Conn, price: &Price) -> QueryResult<usize> {
                let snapshot = Price::migration().snapshot(conn).expect("the phase can be read");
                snapshot.scope(|| diesel::update(price).set(price).execute(conn))
            }

            fn set(conn: &mut Self::Conn, id: i32, cents: i32) -> QueryResult<usize> {
                let snapshot = Price::migration().snapshot(conn).expect("the phase can be read");
                let row = prices::table.find(id);
                snapshot.scope(|| diesel::update(row).set(Price::cents.eq(cents)).execute(conn))
            }

            fn upsert(conn: &mut Self::Conn, price: &Price) -> QueryResult<usize> {
                let snapshot = Price::migration().snapshot(conn).expect("the phase can be read");
                snapshot.scope(|| {
                    diesel::insert_into(prices::table)
                        .values(price)
                        .on_conflict(prices::id)
                        .do_update()
                        .set(Price::cents.eq_excluded())
                        .execute(conn)
                })
            }

            fn all(conn: &mut Self::Conn) -> QueryResult<Vec<Price>> {
                let snapshot = Price::migration().snapshot(conn).expect("the phase can be read");
                snapshot.scope(|| prices::table.order(prices::id).select(Price::as_select()).load(conn))
            }
        }
    )*};
}

app!(Lite, Postgres);

/// Small batches, little patience, and no quiet period.
fn options() -> Options {
    Options::new()
        .batch_size(3)
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(50))
        .lock_timeout(Duration::from_millis(100))
        .quiet_period(Duration::ZERO)
        .retries(30)
}

/// A table of `rows` prices: "1.00", "2.00" …
fn table<D: Db>(conn: &mut D::Conn, rows: i32) {
    D::run(
        conn,
        "CREATE TABLE prices (id integer NOT NULL PRIMARY KEY, note text, price text NOT NULL)",
    );
    for id in 1..=rows {
        D::run(
            conn,
            &format!("INSERT INTO prices (id, price) VALUES ({id}, '{id}.00')"),
        );
    }
}

fn advance<D: Db>(conn: &mut D::Conn, step: Step) -> Result<Status, Error>
where
    prices::table: MigrateOn<D::Conn>,
{
    Price::migration().options(options()).advance_to(conn, step)
}

/// A table of three prices, and the migration through `step`.
fn start<D: Db>(db: &D, step: Step) -> D::Conn
where
    prices::table: MigrateOn<D::Conn>,
{
    let mut conn = db.connect();
    table::<D>(&mut conn, 3);
    advance::<D>(&mut conn, step).expect("nothing is in the way");
    conn
}

fn drain<D: Db>(conn: &mut D::Conn) -> Drained
where
    prices::table: MigrateOn<D::Conn>,
{
    let drained = Price::migration().options(options()).drain(conn);
    drained.expect("the queue can be drained")
}

fn queued<D: Db>(conn: &mut D::Conn) -> u64
where
    prices::table: MigrateOn<D::Conn>,
{
    let status = Price::migration().status(conn);
    status.expect("there is a ledger").queued
}

/// Both columns of a row.
fn row<D: Db>(conn: &mut D::Conn, id: i32) -> String {
    let sql = format!(
        "SELECT coalesce(price, '-') || ' ' || coalesce(CAST(cents AS text), '-') FROM prices WHERE id = {id}"
    );
    D::text(conn, &sql).unwrap_or_else(|| "gone".to_owned())
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

mod keys;
mod kill;
mod phases;
mod races;
mod writers;
