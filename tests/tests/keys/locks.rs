//! The tables on the other side of a foreign key are locked as briefly as the table itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::*;
use crate::support::*;
use diesel::connection::SimpleConnection;
use expand_contract::phase::Step;
use expand_contract::{Error, Migrate, MigrateOn};

fn family(db: &Postgres) {
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE parents (id integer PRIMARY KEY, code text UNIQUE, note text);
         CREATE TABLE children (id serial PRIMARY KEY, pid integer CONSTRAINT pid_fk REFERENCES parents, code text CONSTRAINT code_fk REFERENCES parents (code));
         INSERT INTO parents SELECT g, 'c' || g FROM generate_series(1, 20) g; INSERT INTO children (pid, code) SELECT id, code FROM parents",
    );
}

/// Runs the step while somebody is idle in a transaction that has written to `table`: it gives up, nobody waits for longer
/// than the timeout, and it succeeds when they are gone.
fn held_up<M: MigrateOn<diesel::PgConnection>>(before: Step, step: Step, table: &str) {
    let db = Postgres::fresh();
    family(&db);
    let conn = &mut db.connect();
    M::migration()
        .options(fast())
        .advance_to(conn, before)
        .unwrap();
    let idle = &mut db.connect();
    Postgres::run(
        idle,
        &format!("BEGIN; UPDATE {table} SET id = id WHERE id = 1"),
    );
    let (url, stop) = (db.url(), AtomicBool::new(false));
    let longest = std::thread::scope(|scope| {
        let clients: Vec<_> = (2..6)
            .map(|id| {
                let (url, stop) = (&url, &stop);
                scope.spawn(move || {
                    let conn = &mut Postgres::open(url);
                    let mut longest = Duration::ZERO;
                    while !stop.load(Ordering::Relaxed) {
                        let start = Instant::now();
                        conn.batch_execute(&format!(
                            "UPDATE {table} SET id = id WHERE id = {id}; SELECT count(*) FROM {table}"
                        ))
                        .unwrap();
                        longest = longest.max(start.elapsed());
                    }
                    longest
                })
            })
            .collect();
        let result = M::migration().options(fast()).advance_to(conn, step);
        stop.store(true, Ordering::Relaxed);
        match result {
            Err(Error::Locked { blockers, .. }) => {
                let named = blockers.iter().any(|blocker| blocker.on == table);
                assert!(named, "{step}: {blockers:?}");
            }
            other => panic!("{step}: {other:?}"),
        }
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .max()
    });
    // a statement may wait once for each of the two locks that the step asks for
    let limit = Duration::from_millis(100 + 50);
    assert!(longest < Some(limit), "{step}: {longest:?}");
    Postgres::run(idle, "COMMIT");
    M::migration()
        .options(fast())
        .advance_to(conn, step)
        .unwrap();
}

#[test]
fn a_key_out_waits_for_writers_of_the_referenced_table() {
    held_up::<ChildParent>(Step::Expand, Step::Backfill, "parents");
    held_up::<ChildParent>(Step::Switch, Step::Retire, "parents");
}

#[test]
fn a_key_in_waits_for_writers_of_the_referencing_table() {
    held_up::<ParentKey>(Step::Switch, Step::Retire, "children");
}

#[test]
fn a_rollback_waits_too() {
    let db = Postgres::fresh();
    family(&db);
    let conn = &mut db.connect();
    ChildParent::migration()
        .options(fast())
        .advance_to(conn, Step::Backfill)
        .unwrap();
    let idle = &mut db.connect();
    Postgres::run(idle, "BEGIN; UPDATE parents SET note = 'x' WHERE id = 1");
    match ChildParent::migration().options(fast()).rollback(conn) {
        Err(Error::Locked { .. }) => {}
        other => panic!("{other:?}"),
    }
    Postgres::run(idle, "COMMIT");
    // what the first one left is the next one's
    ChildParent::migration()
        .options(fast())
        .rollback(conn)
        .unwrap();
    let columns = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute \
                   WHERE attrelid = 'children'::regclass AND attnum > 0 AND NOT attisdropped";
    assert_eq!(
        Postgres::text(conn, columns).as_deref(),
        Some("id pid code")
    );
}
