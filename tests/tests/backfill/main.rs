//! The engine that copies and compares: several ranges at once, by the clock, whatever dies in between.
#![allow(missing_docs)]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{Error, MigrateOn, Options, Progress, Status};
use tests::database::{Db, Postgres};

diesel::table! {
    letters (sender, number) {
        sender -> Text,
        number -> Integer,
        body -> Text,
    }
}

/// A key of two columns, and a conversion that takes as long as the test wants.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate, Debug)]
#[diesel(table_name = letters)]
#[diesel(primary_key(sender, number))]
struct Letter {
    sender: String,
    number: i32,
    #[migrate(
        rename_from = "content", retype_from = Text,
        up = "slow(content)", down = "slow(body)", lossless
    )]
    body: String,
}

diesel::table! {
    prices (id) {
        id -> Integer,
        cents -> Integer,
    }
}

fn parse(price: String) -> Result<i32, String> {
    let bad = || format!("`{price}` is no price");
    alarms::hook(&price);
    let (whole, cents) = price.split_once('.').ok_or_else(bad)?;
    match (whole.parse::<i32>(), cents.parse::<i32>()) {
        (Ok(whole), Ok(cents)) => Ok(whole * 100 + cents),
        _ => Err(bad()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a conversion may fail")]
fn print(cents: i32) -> Result<String, String> {
    Ok(format!("{}.{:02}", cents / 100, cents % 100))
}

/// A conversion that only Rust can do.
#[derive(expand_contract::Queryable, Selectable, Insertable, AsChangeset, Migrate, Debug)]
#[diesel(table_name = prices)]
struct Price {
    id: i32,
    #[migrate(
        rename_from = "price", retype_from = Text, old_type = String,
        up_with = parse, down_with = print
    )]
    cents: i32,
}

/// A row takes no time.
const FAST: &str = "RETURN x;";
/// At least half a millisecond for each comparison and each conversion of a row.
const SLOW: &str = "PERFORM pg_sleep(0.0005); RETURN x;";

/// A table of `rows` letters of seven senders, never analysed.
fn letters(conn: &mut PgConnection, rows: u32, speed: &str) {
    Postgres::run(
        conn,
        &format!(
            "CREATE OR REPLACE FUNCTION slow(x text) RETURNS text IMMUTABLE STRICT LANGUAGE plpgsql AS 'BEGIN {speed} END'; \
             CREATE TABLE letters (sender text, number integer, content text NOT NULL, PRIMARY KEY (sender, number)) \
               WITH (autovacuum_enabled = off); \
             INSERT INTO letters SELECT chr(97 + i % 7), i, 'letter ' || i FROM generate_series(1, {rows}) i"
        ),
    );
}

/// A table of `rows` prices, never analysed.
fn prices(conn: &mut PgConnection, rows: u32) {
    Postgres::run(
        conn,
        &format!(
            "CREATE TABLE prices (id integer PRIMARY KEY, price text NOT NULL) WITH (autovacuum_enabled = off); \
             INSERT INTO prices SELECT i, i || '.' || lpad((i % 100)::text, 2, '0') FROM generate_series(1, {rows}) i"
        ),
    );
}

/// Little patience.
fn options() -> Options {
    Options::new()
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(50))
        .lock_timeout(Duration::from_millis(100))
        .quiet_period(Duration::ZERO)
        .retries(10)
}

type Log = Rc<RefCell<Vec<Progress>>>;

/// The options with everything that is told of `step` written down.
fn logging(options: Options, step: Step) -> (Options, Log) {
    let log = Log::default();
    let told = Rc::clone(&log);
    let options = options.on_progress(move |now| {
        if now.step == step {
            told.borrow_mut().push(now.clone());
        }
    });
    (options, log)
}

/// The letters' migration through `step`, by that many workers on connections to `url`.
fn advance(
    conn: &mut PgConnection,
    url: &str,
    options: Options,
    workers: u32,
    step: Step,
) -> Result<Status, Error> {
    advance_on::<letters::table>(conn, url, options.workers(workers), step)
}

/// The prices' likewise.
fn advance_prices(
    conn: &mut PgConnection,
    url: &str,
    options: Options,
    workers: u32,
    step: Step,
) -> Result<Status, Error> {
    advance_on::<prices::table>(conn, url, options.workers(workers), step)
}

fn advance_on<M: MigrateOn<PgConnection>>(
    conn: &mut PgConnection,
    url: &str,
    options: Options,
    step: Step,
) -> Result<Status, Error> {
    let url = url.to_owned();
    M::migration()
        .connect_with(move || PgConnection::establish(&url))
        .options(options)
        .advance_to(conn, step)
}

/// How many letters are copied.
fn copied(conn: &mut PgConnection) -> u64 {
    number(conn, "SELECT count(*) FROM letters WHERE body = content")
}

fn number(conn: &mut PgConnection, sql: &str) -> u64 {
    let text = Postgres::text(conn, sql);
    text.and_then(|text| text.parse().ok()).expect("a number")
}

mod alarms;
mod cut;
mod deadlocks;
mod ends;
mod flat;
mod kill;
mod parallel;
mod poison;
mod sizes;
