//! Foreign keys out of a partitioned table.

use crate::common::*;
use crate::support::{
    catalogue, deep, deep_table, deep_wanted, sum, to_the_end, with_a_hand, Amount, Wide, RENAMED,
};
use diesel::PgConnection;
use expand_contract::phase::{Phase, Step};
use expand_contract::{Effect, Error, Migrate};
use tests::catalogue::assert_same;
use tests::stop::stop_at;

const KEYS: &str = "CREATE TABLE known_sums (total integer PRIMARY KEY); INSERT INTO known_sums SELECT generate_series(0, 200); \
    ALTER TABLE events ADD CONSTRAINT known FOREIGN KEY (total) REFERENCES known_sums ON UPDATE CASCADE ON DELETE CASCADE \
      DEFERRABLE INITIALLY DEFERRED; \
    COMMENT ON CONSTRAINT known ON events IS 'to sums'; \
    ALTER TABLE february RENAME CONSTRAINT known TO \"its \"\"own\"; \
    ALTER TABLE january_one RENAME CONSTRAINT known TO also";
const APRIL: &str =
    "CREATE TABLE april PARTITION OF events FOR VALUES FROM ('2026-04-01') TO ('2026-05-01')";

fn wanted(type_sql: &str, statements: &str) -> String {
    deep_wanted(type_sql, &format!("{KEYS}; {statements}"))
}

fn back(conn: &mut PgConnection) {
    let mut migration = Amount::migration().options(fast());
    while migration.status(conn).expect("a status").stage.phase != Phase::Original {
        migration.rollback(conn).expect("it goes back");
    }
}

/// What refers to nothing is refused, on every partition.
fn holds(conn: &mut PgConnection, column: &str, when: &str) {
    for (id, day) in [(1, "2026-01-05"), (2, "2026-02-05"), (3, "2026-01-05")] {
        let stray = format!(
            "INSERT INTO events (id, day, {column}) VALUES ({id} + 1000, '{day}', 7000); SET CONSTRAINTS ALL IMMEDIATE"
        );
        assert!(Postgres::fails(conn, &stray), "{when}: {stray}");
    }
}

#[test]
fn fm31_a_key_out_of_a_partitioned_table_is_renamed() {
    let db = deep(KEYS);
    let conn = &mut db.connect();
    to_the_end::<Amount>(conn);
    assert_same(&catalogue(conn), &wanted("integer", RENAMED), "the end");
    holds(conn, "amount", "the end");
    Postgres::run(conn, "DELETE FROM known_sums WHERE total = 60");
    assert_eq!(sum(conn, "amount").as_deref(), Some("1770 of 59"));
}

#[test]
fn fm31_a_key_out_of_a_partitioned_table_is_retyped() {
    let db = deep(KEYS);
    let conn = &mut db.connect();
    to_the_end::<Wide>(conn);
    assert_same(&catalogue(conn), &wanted("bigint", "SELECT 1"), "the end");
}

#[test]
fn fm31_a_key_out_of_a_partitioned_table_without_rows() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    deep_table(conn, "integer");
    Postgres::run(conn, KEYS);
    let mut migration = Amount::migration().options(fast());
    migration
        .run_on_empty(conn)
        .expect("there is nothing to copy");
    assert_same(&catalogue(conn), &wanted("integer", RENAMED), "all at once");
}

#[test]
fn fm31_a_key_out_of_a_partitioned_table_holds_in_every_phase() {
    let db = deep(KEYS);
    let conn = &mut db.connect();
    let before = catalogue(conn);
    for step in [Step::Expand, Step::Backfill, Step::Switch, Step::Retire] {
        let mut migration = Amount::migration().options(fast());
        migration.advance_to(conn, step).expect("the step is done");
        holds(conn, "amount", &format!("after {step}"));
        back(conn);
        holds(conn, "total", &format!("back from {step}"));
        assert_same(&catalogue(conn), &before, &format!("back from {step}"));
    }
    to_the_end::<Amount>(conn);
    assert_same(&catalogue(conn), &wanted("integer", RENAMED), "the end");
}

#[test]
fn fm31_a_key_out_of_a_partitioned_table_killed_between_any_two_actions() {
    let db = deep(KEYS);
    let before = catalogue(&mut db.connect());
    let after = wanted("integer", RENAMED);
    let mut migration = Amount::migration().options(fast());
    migration
        .advance_to(&mut db.connect(), Step::Expand)
        .expect("it begins");
    let mut stops = 0;
    for stop in 0.. {
        let (copy, other) = (db.copy(), db.copy());
        let conn = &mut copy.connect();
        let stopped = stop_at::<Amount>(conn, fast(), Step::Backfill, stop);
        // the indexes come first
        let begun = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'february'::regclass";
        if stopped && Postgres::text(conn, begun).as_deref() == Some("1") {
            continue;
        }
        stops += 1;
        to_the_end::<Amount>(conn);
        assert_same(&catalogue(conn), &after, &format!("stopped at {stop}"));
        let conn = &mut other.connect();
        stop_at::<Amount>(conn, fast(), Step::Backfill, stop);
        back(conn);
        assert_same(&catalogue(conn), &before, &format!("back from {stop}"));
        if !stopped {
            break;
        }
    }
    // added, checked on four partitions, and given to the table
    assert!(stops >= 6, "{stops}");
}

#[test]
fn fm31_a_rollback_of_a_key_out_killed_between_any_two_actions() {
    let db = deep(KEYS);
    let before = catalogue(&mut db.connect());
    let mut migration = Amount::migration().options(fast());
    migration
        .advance_to(&mut db.connect(), Step::Retire)
        .expect("it is retired");
    for stop in 0.. {
        let copy = db.copy();
        let conn = &mut copy.connect();
        let stopped = stop_at::<Amount>(conn, fast(), Step::Rollback, stop);
        back(conn);
        assert_same(&catalogue(conn), &before, &format!("stopped at {stop}"));
        if !stopped {
            assert!(stop >= 6, "{stop}");
            break;
        }
    }
}

#[test]
fn fm31_a_key_out_comes_to_the_table_without_a_look_at_the_rows() {
    let db = deep(KEYS);
    let mut other = db.connect();
    let conn = &mut db.connect();
    let last = "foreign key known on the new column, of all partitions";
    with_a_hand::<Amount>(conn, (Step::Backfill, last), move || {
        // a row that refers to nothing, unseen by any trigger: whoever looked would find it
        Postgres::run(
            &mut other,
            "SET session_replication_role = replica; DELETE FROM known_sums WHERE total IN (5, 6)",
        );
    })
    .expect("nobody looks");
    Postgres::run(conn, "INSERT INTO known_sums VALUES (5), (6)");
    to_the_end::<Amount>(conn);
}

#[test]
fn fm31_the_plan_knows_that_it_looks_at_each_row_once() {
    let db = deep(KEYS);
    let conn = &mut db.connect();
    Postgres::run(conn, "ANALYZE events");
    let mut migration = Amount::migration().options(fast());
    migration.advance_to(conn, Step::Expand).expect("it begins");
    let plan = migration.plan(conn).expect("it can be planned");
    let keys = plan
        .iter()
        .filter(|action| action.name.starts_with("foreign key") && action.effect == Effect::Scans);
    let rows: Vec<_> = keys.map(|action| action.rows).collect();
    assert_eq!(rows.len(), 4 + 1, "{plan:?}");
    let all: Option<u64> = rows.into_iter().sum();
    assert_eq!(all, Some(60));
}

#[test]
fn fm31_a_partition_that_is_added_while_a_key_out_moves() {
    for (step, action) in [
        (Step::Backfill, "copy"),
        (
            Step::Backfill,
            "foreign key known on the new column, for what",
        ),
        (
            Step::Backfill,
            "foreign key known on the new column, for all",
        ),
        (
            Step::Backfill,
            "foreign key known on the new column, of all",
        ),
        (Step::Retire, "publish"),
        (Step::Contract, "drop the old columns"),
    ] {
        let db = deep(KEYS);
        let mut other = db.connect();
        let conn = &mut db.connect();
        let result = with_a_hand::<Amount>(conn, (step, action), move || {
            Postgres::run(
                &mut other,
                &format!(
                    "{APRIL}; INSERT INTO events (id, day, total) VALUES (99, '2026-04-05', 1)"
                ),
            );
        });
        assert!(
            matches!(result, Ok(()) | Err(Error::PartitionsChanged { .. })),
            "{action}: {result:?}"
        );
        to_the_end::<Amount>(conn);
        let wanted = wanted("integer", &format!("{APRIL}; {RENAMED}"));
        assert_same(&catalogue(conn), &wanted, action);
    }
}
