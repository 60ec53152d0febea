//! What it takes to copy a column, as time in proportion to other ways of doing the same: lower is better. One line per
//! figure.
//!
//! * `backfill-workers-1`, `backfill-workers-2`: the whole backfill, the second look included, against one single `UPDATE`
//!   of the same table with the same triggers, as an operator would send it; `…-without-triggers`: without those of the
//!   safety net; `…-waved-through`: the `UPDATE` has the setting by which the triggers know the library's own copying and
//!   leave it alone, which nobody else's has.
//! * `backfill-naive`: against the loop that updates any 1,000 rows that are not copied until there are none;
//!   `backfill-by-keys`: against one that reads the next 1,000 keys and updates the rows of those keys. `…-waved-through`
//!   likewise.
//! * `backfill-rust`: a conversion in Rust against the same one in SQL.
//! * `backfill-wal`: bytes of write-ahead log against those of the single `UPDATE`.
//! * `backfill-growth`: the first of these on ten million rows against the same on a hundredth; `backfill-growth-row`: time
//!   per row likewise.
//! * `backfill-foreground-p99`: four clients' statements during the backfill against before; `…-computing`: against the
//!   time in which a session computes that writes nothing and locks nothing, which on two cores makes others wait as well.
//!
//! Each run has a copy of one freshly loaded table that was never analysed. `BACKFILL_ROWS` sets its size (1,000,000),
//! `BACKFILL_GROWTH_ROWS` that of the large one (10,000,000), `BACKFILL_ROUNDS` how often each is measured (3; the median
//! counts). `cargo bench -p tests --bench backfill -- workers wal` takes part of them.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures, and what they are made of"
)]

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{sql_query, update};
use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::Options;
use tests::postgres::{PgDatabase, PgServer};

mod figure;

mod schema {
    diesel::table! {
        versions (id) {
            id -> BigInt,
            num -> Text,
            tar_sha256 -> Binary,
        }
    }
    diesel::table! {
        #[sql_name = "versions"]
        by_rust (id) {
            id -> BigInt,
            num -> Text,
            tar_sha256 -> Binary,
        }
    }
}
use schema::{by_rust, versions};

#[derive(Queryable, Selectable, Migrate)]
#[diesel(table_name = versions)]
#[expect(dead_code, reason = "the migration is what it is for")]
struct Version {
    id: i64,
    num: String,
    #[migrate(
        rename_from = "checksum", retype_from = Text,
        up = "decode(checksum, 'hex')", down = "encode(tar_sha256, 'hex')",
        lossless
    )]
    tar_sha256: Vec<u8>,
}

fn parse(text: String) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| {
        let digit = char::from(byte).to_digit(16);
        digit.ok_or_else(|| format!("`{text}` is no hexadecimal number"))
    };
    let pairs = text.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| Ok((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
    pairs.map(byte).collect()
}

fn print(bytes: Vec<u8>) -> Result<String, std::convert::Infallible> {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    Ok(digits.collect())
}

#[derive(expand_contract::Queryable, Selectable, Migrate)]
#[diesel(table_name = by_rust)]
#[migrate(id = "by_rust")]
#[expect(dead_code, reason = "the migration is what it is for")]
struct ByRust {
    id: i64,
    num: String,
    #[migrate(
        rename_from = "checksum", retype_from = Text, old_type = String,
        up_with = parse, down_with = print
    )]
    tar_sha256: Vec<u8>,
}

const SINGLE: &str = "UPDATE versions SET tar_sha256 = decode(checksum, 'hex')";
/// The triggers let it pass as they do the library's own copying; another one's they look into, row by row.
const COPYING: &str = "SET expand_contract.copying = 'on'";

/// Whether others' copying has the setting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Triggers {
    Act,
    WaveThrough,
}

impl Triggers {
    const BOTH: [(Triggers, &'static str); 2] = [
        (Triggers::Act, ""),
        (Triggers::WaveThrough, "-waved-through"),
    ];

    fn connect(self, db: &PgDatabase) -> PgConnection {
        let mut conn = db.connect();
        if self == Triggers::WaveThrough {
            conn.batch_execute(COPYING).expect("a setting");
        }
        conn
    }
}

fn setting(name: &str, default: i64) -> i64 {
    let set = std::env::var(name).ok();
    set.and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn number(conn: &mut PgConnection, sql: &str) -> i64 {
    let found: Number = sql_query(sql).get_result(conn).expect("a number");
    found.n
}

/// A table of that many rows that was never analysed.
fn loaded(server: &Arc<PgServer>, rows: i64) -> PgDatabase {
    let db = PgDatabase::on(server);
    run(
        &db,
        &format!(
            "CREATE TABLE versions (id bigint PRIMARY KEY, num text NOT NULL, checksum text NOT NULL) \
                 WITH (autovacuum_enabled = off); \
             INSERT INTO versions SELECT n, '1.0.' || n, encode(sha256(n::text::bytea), 'hex') \
                 FROM generate_series(1, {rows}) n"
        ),
    );
    db
}

fn run(db: &PgDatabase, sql: &str) {
    if let Err(error) = db.connect().batch_execute(sql) {
        panic!("{sql}: {error}");
    }
}

/// What a run took.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    wal: f64,
}

/// The cost of a run on a copy of a database.
fn cost(of: &PgDatabase, work: impl FnOnce(&PgDatabase)) -> Cost {
    let db = of.copy();
    // each run pays for the images of its own pages
    run(&db, "CHECKPOINT");
    let written = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint AS n";
    let before = number(&mut db.connect(), written);
    let time = figure::time(|| work(&db));
    let wal = number(&mut db.connect(), written) - before;
    let left = "SELECT count(*) AS n FROM versions WHERE tar_sha256 IS DISTINCT FROM decode(checksum, 'hex')";
    assert_eq!(number(&mut db.connect(), left), 0);
    Cost {
        seconds: time.as_secs_f64(),
        wal: wal as f64,
    }
}

fn backfill(db: &PgDatabase, workers: u32) {
    let url = db.url();
    Version::migration()
        .connect_with(move || PgConnection::establish(&url))
        .options(Options::new().workers(workers))
        .advance_to(&mut db.connect(), Step::Backfill)
        .expect("every value converts");
}

fn backfill_by_rust(db: &PgDatabase) {
    ByRust::migration()
        .advance_to(&mut db.connect(), Step::Backfill)
        .expect("every value converts");
}

/// Any thousand rows that are not copied yet, until there are none.
fn naive(db: &PgDatabase, triggers: Triggers) {
    let conn = &mut triggers.connect(db);
    let batch = format!(
        "{SINGLE} WHERE id IN (SELECT id FROM versions WHERE tar_sha256 IS NULL LIMIT 1000)"
    );
    while sql_query(&batch).execute(conn).expect("an update") > 0 {}
}

/// The next thousand keys, then the rows of these keys.
fn by_keys(db: &PgDatabase, triggers: Triggers) {
    #[derive(QueryableByName)]
    struct Key {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let conn = &mut triggers.connect(db);
    let mut last = 0;
    loop {
        let keys: Vec<Key> =
            sql_query("SELECT id FROM versions WHERE id > $1 ORDER BY id LIMIT 1000")
                .bind::<BigInt, _>(last)
                .load(conn)
                .expect("keys");
        let Some(end) = keys.last() else {
            return;
        };
        last = end.id;
        let list: Vec<String> = keys.iter().map(|key| key.id.to_string()).collect();
        conn.batch_execute(&format!("{SINGLE} WHERE id IN ({})", list.join(", ")))
            .expect("an update");
    }
}

/// The cost of the one against that of the other, on copies of the same table, `rounds` times.
fn compare(
    (ours, theirs): (&PgDatabase, &PgDatabase),
    work: impl Fn(&PgDatabase),
    other: impl Fn(&PgDatabase),
) -> (Vec<f64>, Vec<f64>) {
    let round = |round: i64| {
        // who comes first takes turns
        let (a, b) = if round % 2 == 0 {
            let a = cost(ours, &work);
            (a, cost(theirs, &other))
        } else {
            let b = cost(theirs, &other);
            (cost(ours, &work), b)
        };
        eprintln!("{:.2} s against {:.2} s", a.seconds, b.seconds);
        (a.seconds / b.seconds, a.wal / b.wal)
    };
    (0..setting("BACKFILL_ROUNDS", 3)).map(round).unzip()
}

fn single(db: &PgDatabase, triggers: Triggers) {
    let conn = &mut triggers.connect(db);
    conn.batch_execute(SINGLE).expect("every value converts");
}

fn speed(server: &Arc<PgServer>) {
    let rows = setting("BACKFILL_ROWS", 1_000_000);
    let plain = loaded(server, rows);
    let expanded = plain.copy();
    Version::migration()
        .advance_to(&mut expanded.connect(), Step::Expand)
        .expect("nobody is in the way");
    // before others leave the disk something to clear away
    if figure::wanted("backfill-foreground-p99") {
        foreground(&expanded, rows);
    }
    let same = (&expanded, &expanded);
    for (triggers, suffix) in Triggers::BOTH {
        let single = |db: &PgDatabase| single(db, triggers);
        let name = format!("backfill-workers-1{suffix}");
        let wal_name = format!("backfill-wal{suffix}");
        if figure::wanted(&name) || figure::wanted(&wal_name) {
            let (time, wal) = compare(same, |db| backfill(db, 1), single);
            figure::tell(&name, time);
            figure::tell(&wal_name, wal);
        }
        let name = format!("backfill-workers-2{suffix}");
        if figure::wanted(&name) {
            let (time, _) = compare(same, |db| backfill(db, 2), single);
            figure::tell(&name, time);
        }
        let name = format!("backfill-naive{suffix}");
        if figure::wanted(&name) {
            let (time, _) = compare(same, |db| backfill(db, 1), |db| naive(db, triggers));
            figure::tell(&name, time);
        }
        let name = format!("backfill-by-keys{suffix}");
        if figure::wanted(&name) {
            let (time, _) = compare(same, |db| backfill(db, 1), |db| by_keys(db, triggers));
            figure::tell(&name, time);
        }
    }
    for workers in [1, 2] {
        let name = format!("backfill-workers-{workers}-without-triggers");
        if figure::wanted(&name) {
            let bare = expanded.copy();
            run(&bare, "ALTER TABLE versions DISABLE TRIGGER USER");
            let alone = |db: &PgDatabase| single(db, Triggers::Act);
            let (time, _) = compare((&bare, &bare), |db| backfill(db, workers), alone);
            figure::tell(&name, time);
        }
    }
    if figure::wanted("backfill-rust") {
        let by_rust = plain.copy();
        ByRust::migration()
            .advance_to(&mut by_rust.connect(), Step::Expand)
            .expect("nobody is in the way");
        let (time, _) = compare((&by_rust, &expanded), backfill_by_rust, |db| {
            backfill(db, 1);
        });
        figure::tell("backfill-rust", time);
    }
}

/// What goes on beside the clients.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Beside {
    Nothing,
    Computing,
    Backfill,
    End,
}

/// How long the slowest hundredth of four clients' statements takes at least: beside nothing, beside a session that
/// computes, beside the backfill.
fn slowest(of: &PgDatabase, rows: i64) -> [f64; 3] {
    let db = of.copy();
    // the segments of the log that loading has filled are there to be written over
    run(&db, "CHECKPOINT");
    let beside = Mutex::new(Beside::Nothing);
    let now = || *beside.lock().expect("nobody panics");
    let client = |number: i64| {
        let mut conn = db.connect();
        let mut times = [const { Vec::new() }; 3];
        let mut key = number * 7_919;
        loop {
            key = key
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let row = versions::table.find(1 + (key >> 33).rem_euclid(rows));
            let Some(times) = times.get_mut(now() as usize) else {
                return times;
            };
            times.push(figure::time(|| {
                let done = match number % 2 {
                    0 => row
                        .select(versions::num)
                        .first::<String>(&mut conn)
                        .map(drop),
                    _ => update(row)
                        .set(versions::num.eq("2.0"))
                        .execute(&mut conn)
                        .map(drop),
                };
                done.expect("a statement");
            }));
            // an application does something else in between
            thread::sleep(Duration::from_millis(1));
        }
    };
    let mut times = thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|n| scope.spawn(move || client(n))).collect();
        thread::sleep(Duration::from_secs(5));
        let set = |to| *beside.lock().expect("nobody panics") = to;
        set(Beside::Computing);
        // ends with an error, when its time is over
        let _ = db.connect().batch_execute(
            "SET statement_timeout = '5s'; SELECT sum(n) FROM generate_series(1, 1000) n, generate_series(1, 1000000) m",
        );
        set(Beside::Backfill);
        backfill(&db, 1);
        set(Beside::End);
        let mut all = [const { Vec::new() }; 3];
        for client in clients {
            let times = client.join().expect("no client fails");
            all.iter_mut()
                .zip(times)
                .for_each(|(all, times)| all.extend(times));
        }
        all
    });
    times.each_mut().map(|times| {
        times.sort();
        times[times.len() * 99 / 100].as_secs_f64()
    })
}

fn foreground(of: &PgDatabase, rows: i64) {
    let (mut against_nothing, mut against_computing) = (Vec::new(), Vec::new());
    for _ in 0..setting("BACKFILL_ROUNDS", 3) {
        let [nothing, computing, backfill] = slowest(of, rows);
        eprintln!(
            "p99 {:.2} ms alone, {:.2} ms beside a computing session, {:.2} ms beside the backfill",
            nothing * 1e3,
            computing * 1e3,
            backfill * 1e3
        );
        against_nothing.push(backfill / nothing);
        against_computing.push(backfill / computing);
    }
    figure::tell("backfill-foreground-p99", against_nothing);
    figure::tell("backfill-foreground-p99-computing", against_computing);
}

fn growth(server: &Arc<PgServer>) {
    if !figure::wanted("backfill-growth") {
        return;
    }
    let large = setting("BACKFILL_GROWTH_ROWS", 10_000_000);
    let against_single = |rows: i64, rounds: usize| {
        let db = loaded(server, rows);
        Version::migration()
            .advance_to(&mut db.connect(), Step::Expand)
            .expect("nobody is in the way");
        let mut ratios = Vec::new();
        let mut times = Vec::new();
        for _ in 0..rounds {
            let ours = cost(&db, |db| backfill(db, 1));
            let theirs = cost(&db, |db| single(db, Triggers::Act));
            eprintln!(
                "{rows} rows: {:.2} s against {:.2} s",
                ours.seconds, theirs.seconds
            );
            ratios.push(ours.seconds / theirs.seconds);
            times.push(ours.seconds / rows as f64);
        }
        (figure::median(&mut ratios), figure::median(&mut times))
    };
    let small = against_single(large / 100, 7);
    let large = against_single(large, 1);
    figure::tell("backfill-growth", vec![large.0 / small.0]);
    figure::tell("backfill-growth-row", vec![large.1 / small.1]);
}

fn main() {
    if !figure::asked_for() {
        return;
    }
    let server = &PgServer::start(&PgServer::DURABLE);
    speed(server);
    growth(server);
}
