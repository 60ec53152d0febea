//! What a phase-aware statement costs: its time in proportion to the same statement by Diesel's own derives, on the same
//! table and with as many columns. One line per figure; lower is better, 1 is "as if there were no migration".
//!
//! The two sides take turns in short rounds and the median of the rounds' ratios is printed, so that a busy machine
//! slows down both. `cargo bench -p tests --bench statements -- sqlite` takes part of them.
#![allow(clippy::print_stdout, reason = "figures")]

use diesel::connection::SimpleConnection;
use diesel::upsert::excluded;
use diesel::{insert_into, update};
use expand_contract::__private::Dialect;
use expand_contract::phase::{Phase, Stage};
use expand_contract::prelude::*;
use expand_contract::{Migrate as _, Snapshot};

mod figure;

mod schema {
    diesel::table! {
        accounts (id) {
            id -> Integer,
            name -> Text,
            note -> Text,
            email -> Text,
        }
    }
    // the table as it is while both columns are written
    diesel::table! {
        #[sql_name = "accounts"]
        both (id) {
            id -> Integer,
            name -> Text,
            note -> Text,
            legacy_email -> Text,
            email -> Text,
        }
    }
}
use schema::{accounts, both};

#[derive(Queryable, Selectable, Identifiable, AsChangeset, Migrate)]
#[diesel(table_name = accounts)]
struct Account {
    id: i32,
    name: String,
    note: String,
    #[migrate(rename_from = "legacy_email")]
    email: String,
}

#[derive(Insertable)]
#[diesel(table_name = accounts)]
struct NewAccount<'a> {
    name: &'a str,
    note: &'a str,
    email: &'a str,
}

#[derive(Identifiable, diesel::AsChangeset)]
#[diesel(table_name = both)]
struct Both {
    id: i32,
    name: String,
    note: String,
    legacy_email: String,
    email: String,
}

/// What a read by Diesel alone would read.
#[derive(Queryable, diesel::Selectable)]
#[diesel(table_name = both)]
#[expect(dead_code, reason = "read, and thrown away")]
struct One {
    id: i32,
    name: String,
    note: String,
    email: String,
}

#[derive(diesel::Insertable)]
#[diesel(table_name = both)]
struct NewBoth<'a> {
    name: &'a str,
    note: &'a str,
    legacy_email: &'a str,
    email: &'a str,
}

const ROUNDS: usize = 57;
const KEYS: i32 = 200;
const NOTE: &str = "the quick brown fox jumps over the lazy dog";
const EMAIL: &str = "somebody.or.other@example.org";

/// Prints the ratio of two pieces of work. `weight`: how often each is done per round.
fn figure<C>(
    conn: &mut C,
    name: &str,
    weight: u32,
    ours: impl Fn(&mut C, i32),
    theirs: impl Fn(&mut C, i32),
) {
    if !figure::wanted(name) {
        return;
    }
    let time = |conn: &mut C, work: &dyn Fn(&mut C, i32)| {
        figure::time(|| (0..weight).for_each(|i| work(conn, 1 + (i as i32 % KEYS))))
    };
    let ratio = figure::in_turns(
        ROUNDS,
        conn,
        |conn, _| time(conn, &ours),
        |conn, _| time(conn, &theirs),
    );
    println!("figure {name} ratio {ratio:.2}");
}

macro_rules! statements {
    ($conn:expr, $dialect:expr, $key:literal, $backend:literal, $weight:literal) => {{
        let conn = $conn;
        conn.batch_execute(concat!(
            "CREATE TABLE accounts (",
            $key,
            ", name text NOT NULL, note text NOT NULL,
                legacy_email text NOT NULL, email text NOT NULL);
             CREATE UNIQUE INDEX names ON accounts (name);"
        ))
        .expect("a table");
        let names: Vec<String> = (0..=KEYS).map(|i| format!("name {i}")).collect();
        let names = &names;
        for name in &names[1..] {
            insert_into(both::table)
                .values(&NewBoth {
                    name,
                    note: NOTE,
                    legacy_email: EMAIL,
                    email: EMAIL,
                })
                .execute(conn)
                .expect("a row");
        }
        for (phase, suffix) in [(Phase::Expanded, ""), (Phase::Switched, "-after-flip")] {
            Snapshot::new(
                accounts::table::cell(),
                Stage::first(phase),
                $dialect,
                vec![],
            )
            .make_process_wide();
            let named = |statement: &str| format!("{statement}-{}{suffix}", $backend);
            let over = |conn: &mut _| {
                SimpleConnection::batch_execute(conn, "DELETE FROM accounts WHERE id > 200")
                    .expect("fewer rows");
            };
            conn.batch_execute("DROP INDEX names").expect("no index");
            figure(
                conn,
                &named("insert"),
                $weight,
                |conn, i| {
                    insert_into(accounts::table)
                        .values(&NewAccount {
                            name: &names[i as usize],
                            note: NOTE,
                            email: EMAIL,
                        })
                        .execute(conn)
                        .expect("an insert");
                },
                |conn, i| {
                    insert_into(both::table)
                        .values(&NewBoth {
                            name: &names[i as usize],
                            note: NOTE,
                            legacy_email: EMAIL,
                            email: EMAIL,
                        })
                        .execute(conn)
                        .expect("an insert");
                },
            );
            over(conn);
            figure(
                conn,
                &named("batch-of-100"),
                $weight / 25,
                |conn, _| {
                    let batch: Vec<_> = names[..100]
                        .iter()
                        .map(|name| NewAccount {
                            name,
                            note: NOTE,
                            email: EMAIL,
                        })
                        .collect();
                    insert_into(accounts::table)
                        .values(&batch)
                        .execute(conn)
                        .expect("a batch");
                },
                |conn, _| {
                    let batch: Vec<_> = names[..100]
                        .iter()
                        .map(|name| NewBoth {
                            name,
                            note: NOTE,
                            legacy_email: EMAIL,
                            email: EMAIL,
                        })
                        .collect();
                    insert_into(both::table)
                        .values(&batch)
                        .execute(conn)
                        .expect("a batch");
                },
            );
            over(conn);
            let account = |i: i32| Account {
                id: i,
                name: names[i as usize].clone(),
                note: NOTE.into(),
                email: EMAIL.into(),
            };
            let row = |i: i32| Both {
                id: i,
                name: names[i as usize].clone(),
                note: NOTE.into(),
                legacy_email: EMAIL.into(),
                email: EMAIL.into(),
            };
            conn.batch_execute("CREATE UNIQUE INDEX names ON accounts (name)")
                .expect("an index");
            figure(
                conn,
                &named("update"),
                $weight,
                |conn, i| {
                    let account = account(i);
                    update(&account)
                        .set(&account)
                        .execute(conn)
                        .expect("an update");
                },
                |conn, i| {
                    let row = row(i);
                    update(&row).set(&row).execute(conn).expect("an update");
                },
            );
            over(conn);
            figure(
                conn,
                &named("select-by-key"),
                $weight,
                |conn, i| {
                    accounts::table
                        .find(i)
                        .select(Account::as_select())
                        .first(conn)
                        .map(drop)
                        .expect("a row");
                },
                |conn, i| {
                    both::table
                        .find(i)
                        .select(One::as_select())
                        .first(conn)
                        .map(drop)
                        .expect("a row");
                },
            );
            figure(
                conn,
                &named("upsert"),
                $weight,
                |conn, i| {
                    insert_into(accounts::table)
                        .values(&NewAccount {
                            name: &names[i as usize],
                            note: NOTE,
                            email: EMAIL,
                        })
                        .on_conflict(accounts::name)
                        .do_update()
                        .set((
                            accounts::note.eq(excluded(accounts::note)),
                            Account::email.eq_excluded(),
                        ))
                        .execute(conn)
                        .expect("an upsert");
                },
                |conn, i| {
                    insert_into(both::table)
                        .values(&NewBoth {
                            name: &names[i as usize],
                            note: NOTE,
                            legacy_email: EMAIL,
                            email: EMAIL,
                        })
                        .on_conflict(both::name)
                        .do_update()
                        .set((
                            both::note.eq(excluded(both::note)),
                            both::legacy_email.eq(excluded(both::legacy_email)),
                            both::email.eq(excluded(both::email)),
                        ))
                        .execute(conn)
                        .expect("an upsert");
                },
            );
            over(conn);
        }
    }};
}

fn main() {
    if !figure::asked_for() {
        return;
    }
    statements!(
        &mut tests::sqlite::in_memory(),
        Dialect::Sqlite,
        "id INTEGER PRIMARY KEY",
        "sqlite",
        500
    );
    let database = tests::postgres::PgDatabase::new();
    statements!(
        &mut database.connect(),
        Dialect::Postgres,
        "id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        "postgres",
        100
    );
}
