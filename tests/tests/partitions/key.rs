//! The primary key of a partitioned table, and the sequence that its values come from.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::common::*;
use crate::support::{catalogue, to_the_end, with_a_hand, COLUMN};
use diesel::connection::SimpleConnection;
use diesel::PgConnection;
use expand_contract::definition::{ChangeDef, Conversion};
use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, Migrate};
use tests::catalogue::assert_same;
use tests::stop::stop_at;

migration!(
    Renamed,
    crate::support::events::table,
    "events-number",
    [rename("id", "number")]
);
migration!(
    Widened,
    crate::support::events::table,
    "events-id",
    [ChangeDef {
        via: Some("id_wide"),
        conversion: Conversion::Sql {
            up: COLUMN,
            down: COLUMN,
        },
        new_type: both("bigint"),
        ..rename("id", "id")
    }]
);

const RENAMED: &str = "ALTER TABLE events RENAME COLUMN id TO number";
const APRIL: &str =
    "CREATE TABLE april PARTITION OF events FOR VALUES FROM ('2026-04-01') TO ('2026-05-01')";
/// What a release writes that leaves the key to the database.
const ROWS: &str = "INSERT INTO events (day, total, note) VALUES ('2026-01-05', 1, 'new'), ('2026-01-25', 2, 'new'), \
    ('2026-02-05', 3, 'gone'); \
    UPDATE events SET day = '2026-02-06', total = 4 WHERE note = 'new' AND total = 2; DELETE FROM events WHERE note = 'gone'";

fn table(conn: &mut PgConnection, serial: &str) {
    Postgres::run(
        conn,
        &format!(
            "CREATE TABLE events (id {serial}, day date, total integer, note text, \
               CONSTRAINT \"the key\" PRIMARY KEY (id, day) INCLUDE (total)) PARTITION BY RANGE (day); \
             CREATE TABLE january PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY RANGE (day); \
             CREATE TABLE january_a PARTITION OF january FOR VALUES FROM ('2026-01-01') TO ('2026-01-15'); \
             CREATE TABLE january_b PARTITION OF january FOR VALUES FROM ('2026-01-15') TO ('2026-02-01'); \
             CREATE TABLE february PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01'); \
             CREATE TABLE march PARTITION OF events FOR VALUES FROM ('2026-03-01') TO ('2026-04-01') PARTITION BY LIST (day); \
             CREATE INDEX by_id ON events (id DESC); CREATE UNIQUE INDEX turned ON events (day, id); \
             COMMENT ON CONSTRAINT \"the key\" ON events IS 'is a key'; COMMENT ON INDEX \"the key\" IS 'of two'; \
             ALTER INDEX january_b_pkey RENAME TO \"b's\""
        ),
    );
}

fn fresh() -> Postgres {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table(conn, "serial");
    Postgres::run(
        conn,
        "INSERT INTO events (day, total, note) \
         SELECT date '2026-01-01' + g % 58, g, 'old' FROM generate_series(1, 60) g",
    );
    db
}

fn wanted(serial: &str, statements: &str) -> String {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table(conn, serial);
    Postgres::run(conn, statements);
    catalogue(conn)
}

fn back<M: expand_contract::MigrateOn<PgConnection>>(conn: &mut PgConnection) {
    let mut migration = M::migration().options(fast());
    while migration.status(conn).expect("a status").stage.phase != Phase::Original {
        migration.rollback(conn).expect("it goes back");
    }
}

#[test]
fn fm31_the_key_is_renamed() {
    let db = fresh();
    let conn = &mut db.connect();
    to_the_end::<Renamed>(conn);
    assert_same(&catalogue(conn), &wanted("serial", RENAMED), "the end");
    let owned = "SELECT pg_get_serial_sequence('events', 'number')";
    let owned = Postgres::text(conn, owned);
    assert_eq!(owned.as_deref(), Some("public.events_id_seq"));
}

#[test]
fn fm31_int_becomes_bigint_on_all_partitions_while_they_are_written() {
    let db = fresh();
    let conn = &mut db.connect();
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let conn = &mut db.connect();
                while !stop.load(Ordering::Relaxed) {
                    if let Err(error) = conn.batch_execute(ROWS) {
                        stop.store(true, Ordering::Relaxed);
                        panic!("{error}");
                    }
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let options = || fast().batch_size(1_000).retries(100);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut last = 0;
            while Widened::migration()
                .status(conn)
                .expect("a status")
                .stage
                .phase
                != Phase::Contracted
            {
                for step in Step::ALL.into_iter().filter(|step| *step != Step::Rollback) {
                    let mut migration = Widened::migration().options(options());
                    migration.advance_to(conn, step).expect("the step is done");
                    // they are at it in every phase
                    tests::wait::until("rows are written", || {
                        written.load(Ordering::Relaxed) > last || stop.load(Ordering::Relaxed)
                    });
                    assert!(
                        !stop.load(Ordering::Relaxed),
                        "a writer failed after {step}"
                    );
                    last = written.load(Ordering::Relaxed);
                }
            }
        }));
        stop.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    assert_same(
        &catalogue(conn),
        &wanted("bigserial", "SELECT 1"),
        "the end",
    );
    let count = "SELECT count(*) || ' ' || count(DISTINCT id) FROM events WHERE note = 'new'";
    let rows = 2 * written.into_inner();
    assert_eq!(Postgres::text(conn, count), Some(format!("{rows} {rows}")));
    Postgres::run(
        conn,
        "SELECT setval('events_id_seq', 3000000000); INSERT INTO events (day) VALUES ('2026-02-05')",
    );
}

#[test]
fn fm31_a_key_without_rows() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table(conn, "serial");
    let mut migration = Renamed::migration().options(fast());
    migration
        .run_on_empty(conn)
        .expect("there is nothing to copy");
    assert_same(&catalogue(conn), &wanted("serial", RENAMED), "all at once");
}

#[test]
fn fm31_a_key_after_a_rollback() {
    let db = fresh();
    let conn = &mut db.connect();
    let before = catalogue(conn);
    for step in [Step::Expand, Step::Backfill, Step::Switch, Step::Retire] {
        let mut migration = Renamed::migration().options(fast());
        migration.advance_to(conn, step).expect("the step is done");
        Postgres::run(conn, ROWS);
        back::<Renamed>(conn);
        assert_same(&catalogue(conn), &before, &format!("back from {step}"));
        Postgres::run(conn, ROWS);
    }
    to_the_end::<Renamed>(conn);
    assert_same(&catalogue(conn), &wanted("serial", RENAMED), "the end");
}

#[test]
fn fm31_retire_of_a_key_killed_between_any_two_actions() {
    let db = fresh();
    let before = catalogue(&mut db.connect());
    let after = wanted("serial", RENAMED);
    let mut migration = Renamed::migration().options(fast());
    migration
        .advance_to(&mut db.connect(), Step::Switch)
        .expect("rows are copied");
    for stop in 0.. {
        let (copy, other) = (db.copy(), db.copy());
        let conn = &mut copy.connect();
        let stopped = stop_at::<Renamed>(conn, fast(), Step::Retire, stop);
        // an upsert finds its arbiter whenever it is killed
        let retired = "SELECT phase FROM expand_contract.migrations WHERE phase = 'retired'";
        if Postgres::text(conn, retired).is_some() {
            Postgres::run(
                conn,
                "INSERT INTO events (number, day) VALUES (1, '2026-01-02') ON CONFLICT (number, day) DO NOTHING",
            );
        }
        to_the_end::<Renamed>(conn);
        assert_same(&catalogue(conn), &after, &format!("stopped at {stop}"));
        let conn = &mut other.connect();
        stop_at::<Renamed>(conn, fast(), Step::Retire, stop);
        back::<Renamed>(conn);
        assert_same(&catalogue(conn), &before, &format!("back from {stop}"));
        if !stopped {
            // three indexes of three partitions, two of them attached
            assert!(stop >= 16, "{stop}");
            break;
        }
    }
}

#[test]
fn fm31_a_rollback_of_a_key_killed_between_any_two_actions() {
    let db = fresh();
    let before = catalogue(&mut db.connect());
    let mut migration = Renamed::migration().options(fast());
    migration
        .advance_to(&mut db.connect(), Step::Retire)
        .expect("it is retired");
    for stop in 0.. {
        let copy = db.copy();
        let conn = &mut copy.connect();
        let stopped = stop_at::<Renamed>(conn, fast(), Step::Rollback, stop);
        back::<Renamed>(conn);
        assert_same(&catalogue(conn), &before, &format!("stopped at {stop}"));
        if !stopped {
            assert!(stop >= 16, "{stop}");
            break;
        }
    }
}

#[test]
fn fm31_a_partition_that_is_added_while_the_key_moves() {
    for (step, action) in [
        (Step::Backfill, "copy"),
        (Step::Retire, "create index february"),
        (Step::Retire, "publish"),
        (Step::Retire, "primary key"),
        (Step::Retire, "drop unique index"),
        (Step::Contract, "drop the old columns"),
    ] {
        let db = fresh();
        let mut other = db.connect();
        let conn = &mut db.connect();
        let result = with_a_hand::<Renamed>(conn, (step, action), move || {
            Postgres::run(
                &mut other,
                &format!("{APRIL}; INSERT INTO events (day, total) VALUES ('2026-04-05', 1)"),
            );
        });
        assert!(
            matches!(result, Ok(()) | Err(Error::PartitionsChanged { .. })),
            "{action}: {result:?}"
        );
        to_the_end::<Renamed>(conn);
        let parts = "SELECT count(*) || ' ' || bool_or(indisprimary) FROM pg_index i WHERE indrelid = 'april'::regclass \
            AND indisvalid AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = i.indexrelid)";
        let parts = Postgres::text(conn, parts);
        assert_eq!(parts.as_deref(), Some("3 true"), "{action}");
        let whole =
            "SELECT bool_and(indisvalid)::text FROM pg_index WHERE indrelid = 'events'::regclass";
        assert_eq!(
            Postgres::text(conn, whole).as_deref(),
            Some("true"),
            "{action}"
        );
    }
}
