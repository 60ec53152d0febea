//! SQLite has one writer at a time. Who begins with a read and writes later cannot wait for the other one.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use diesel::connection::SimpleConnection;
use expand_contract::phase::{Phase, Step};
use expand_contract::prelude::*;
use expand_contract::{pinned, Error, Options};
use tests::database::{Db, Lite};

use crate::options;

diesel::table! {
    users (id) {
        id -> Integer,
        mail -> Text,
    }
}

#[derive(Queryable, Selectable, Migrate)]
#[diesel(table_name = users)]
#[migrate(id = "users-busy")]
struct User {
    #[allow(dead_code)]
    id: i32,
    #[migrate(rename_from = "email")]
    mail: String,
}

/// A connection that waits for the other writer for as long as that takes.
fn patient(db: &Lite) -> SqliteConnection {
    let mut conn = db.connect();
    let patience = "PRAGMA busy_timeout = 60000";
    conn.batch_execute(patience).expect("a pragma can be set");
    conn
}

/// Reads a row and writes it, in one transaction each time.
fn write(db: &Lite, id: i32, stop: &AtomicBool) -> Result<u32, Error> {
    let mut conn = patient(db);
    let mut written = 0;
    while !stop.load(Ordering::SeqCst) {
        pinned::transaction::<users::table, _, _, Error>(&mut conn, |conn| {
            let found: User = users::table
                .find(id)
                .select(User::as_select())
                .first(conn)?;
            let next = format!("{} {written}", &found.mail[..1]);
            diesel::update(users::table.find(id))
                .set(User::mail.eq(next))
                .execute(conn)?;
            Ok(())
        })?;
        written += 1;
    }
    Ok(written)
}

#[test]
fn fm22_two_writers_and_a_runner_are_never_told_to_come_again() {
    let db = &Lite::fresh();
    let conn = &mut patient(db);
    Lite::run(
        conn,
        "CREATE TABLE users (id integer NOT NULL PRIMARY KEY, email text NOT NULL); \
         INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e'), (6, 'f'), (7, 'g')",
    );
    // the pinned transaction needs to know the ledger
    let mut migration = User::migration();
    migration.prepare(conn).expect("it can be created");
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let writers = [1, 2].map(|id| {
            let (stop, done) = (&stop, &done);
            scope.spawn(move || {
                let outcome = write(db, id, stop);
                // one that fails ends the other as well
                stop.fetch_or(outcome.is_err(), Ordering::SeqCst);
                done.fetch_add(*outcome.as_ref().unwrap_or(&0), Ordering::SeqCst);
                outcome
            })
        });
        // not one attempt more than it takes
        let options: Options = options().retries(0);
        let outcome = User::migration()
            .options(options)
            .advance_to(conn, Step::Contract);
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            let written = writer.join().expect("it does not panic");
            assert!(written.as_ref().is_ok_and(|n| *n > 0), "{written:?}");
        }
        let status = outcome.expect("the runner gets through");
        assert_eq!(status.stage.phase, Phase::Contracted);
    });
}
