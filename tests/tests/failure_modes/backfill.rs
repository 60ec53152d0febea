//! What a walk over the table must not take for its end, and what must not keep it from ending.

use std::cell::RefCell;
use std::rc::Rc;

use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{MigrateOn, Progress};
use tests::database::{Db, Postgres};
use tests::wait;

use crate::options;

diesel::table! {
    notes (id) {
        id -> Integer,
        body -> Nullable<Text>,
        digest -> Nullable<Binary>,
        size -> Nullable<BigInt>,
    }
}

fn parse(text: String) -> Result<i64, std::num::ParseIntError> {
    text.parse()
}

fn print(size: i64) -> Result<String, std::convert::Infallible> {
    Ok(size.to_string())
}

#[derive(expand_contract::Queryable, Selectable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = notes)]
struct Note {
    id: i32,
    #[migrate(rename_from = "text")]
    body: Option<String>,
    #[migrate(
        rename_from = "sum", retype_from = Nullable<Text>,
        up(sqlite = "unhex(sum)", postgres = "decode(sum, 'hex')"),
        down(sqlite = "lower(hex(digest))", postgres = "encode(digest, 'hex')")
    )]
    digest: Option<Vec<u8>>,
    #[migrate(rename_from = "length", retype_from = Nullable<Text>, old_type = String, up_with = parse, down_with = print)]
    size: Option<i64>,
}

fn table<D: Db>(conn: &mut D::Conn) {
    D::run(
        conn,
        "CREATE TABLE notes (id integer PRIMARY KEY, text text, sum text, length text)",
    );
}

/// The progress of a backfill, batch by batch.
fn backfill<D: Db>(conn: &mut D::Conn) -> Vec<Progress>
where
    notes::table: MigrateOn<D::Conn>,
{
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    let options = options().on_progress(move |now| log.borrow_mut().push(now.clone()));
    Note::migration()
        .options(options)
        .advance_to(conn, Step::Backfill)
        .expect("all values convert");
    let seen = seen.borrow();
    seen.iter()
        .filter(|now| now.step == Step::Backfill)
        .cloned()
        .collect()
}

fn fm35_a_table_of_nulls_ends<D: Db>(db: &D)
where
    notes::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn);
    for id in 1..=10 {
        D::run(conn, &format!("INSERT INTO notes (id) VALUES ({id})"));
    }
    let batches = backfill::<D>(conn);
    // three full ones and the rest, once
    assert_eq!(batches.len(), 4, "{batches:?}");
    assert!(batches.iter().all(|now| now.changed == 0), "{batches:?}");
    let status = Note::migration()
        .options(options())
        .advance_to(conn, Step::Contract)
        .expect("no row differs");
    assert_eq!(status.mismatches, Some(0));
    let nulls = "SELECT count(*) FROM notes WHERE body IS NULL AND digest IS NULL AND size IS NULL";
    assert_eq!(D::text(conn, nulls).as_deref(), Some("10"));
}

fn fm35_legitimate_nulls_end<D: Db>(db: &D)
where
    notes::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn);
    for id in 1..=20 {
        let text = |name: &str, every: i32| match id % every {
            0 => "NULL".to_owned(),
            _ => format!("'{name}'"),
        };
        let (body, sum, length) = (text("b", 2), text("00ff", 3), text("12", 5));
        D::run(
            conn,
            &format!("INSERT INTO notes VALUES ({id}, {body}, {sum}, {length})"),
        );
    }
    let batches = backfill::<D>(conn);
    // once to copy, once to find that there is nothing left
    let last = batches.last().expect("there were batches");
    assert_eq!((last.sweep, last.changed), (2, 0), "{batches:?}");
    assert_eq!(batches.len(), 14, "{batches:?}");
    Note::migration()
        .options(options())
        .advance_to(conn, Step::Contract)
        .expect("no row differs");
    let counts = "SELECT count(body) || ' ' || count(digest) || ' ' || count(size) FROM notes";
    assert_eq!(D::text(conn, counts).as_deref(), Some("10 14 16"));
}

fn fm47_a_batch_that_changes_nothing_is_not_the_end<D: Db>(db: &D)
where
    notes::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn);
    for id in 1..=12 {
        D::run(
            conn,
            &format!("INSERT INTO notes (id, text) VALUES ({id}, 'text')"),
        );
    }
    Note::migration()
        .options(options())
        .advance_to(conn, Step::Expand)
        .expect("nothing is in the way");
    // the first batch finds its rows written by an instance that writes both columns
    D::run(conn, "UPDATE notes SET body = text WHERE id <= 3");
    let mut other = db.connect();
    // and the row at which a batch ended is gone when the next one begins, with the rows behind it
    let options = options().on_progress(move |now| {
        if (now.sweep, now.batches) == (1, 2) {
            D::run(&mut other, "DELETE FROM notes WHERE id BETWEEN 6 AND 9");
        }
    });
    Note::migration()
        .options(options)
        .advance_to(conn, Step::Backfill)
        .expect("all values convert");
    let copied = "SELECT count(*) FROM notes WHERE body = 'text'";
    assert_eq!(D::text(conn, copied).as_deref(), Some("8"));
}

on_every_database!(
    fm35_a_table_of_nulls_ends,
    fm35_legitimate_nulls_end,
    fm47_a_batch_that_changes_nothing_is_not_the_end,
);

// Only here can a batch wait for single rows: SQLite has one lock for the whole file.
#[test]
fn fm47_rows_deleted_while_a_batch_waits_for_them() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table::<Postgres>(conn);
    Postgres::run(
        conn,
        "INSERT INTO notes SELECT i, 'text' FROM generate_series(1, 300) i",
    );
    Note::migration()
        .options(options())
        .advance_to(conn, Step::Expand)
        .expect("nothing is in the way");
    let (mut deleter, mut watcher) = (db.connect(), db.connect());
    Postgres::run(
        &mut deleter,
        "BEGIN; DELETE FROM notes WHERE id <= 100 OR id BETWEEN 151 AND 200",
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
            wait::until("the batch waits for the rows", || {
                Postgres::text(&mut watcher, waiting).as_deref() == Some("1")
            });
            Postgres::run(&mut deleter, "COMMIT");
        });
        Note::migration()
            .options(options().batch_size(50))
            .advance_to(conn, Step::Backfill)
            .expect("all values convert");
    });
    let left = "SELECT count(*) || ' ' || count(body) FROM notes";
    assert_eq!(Postgres::text(conn, left).as_deref(), Some("150 150"));
}
