//! Partitions that are partitioned themselves.

use crate::common::*;
use crate::support::{
    catalogue, deep, deep_table, deep_wanted, sum, to_the_end, with_a_hand, Amount, Wide, RENAMED,
};
use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, Migrate};
use tests::catalogue::assert_same;
use tests::stop::stop_at;

fn fresh() -> Postgres {
    deep("")
}

#[test]
fn fm32_a_rename_on_all_levels() {
    let db = fresh();
    let conn = &mut db.connect();
    to_the_end::<Amount>(conn);
    assert_same(
        &catalogue(conn),
        &deep_wanted("integer", RENAMED),
        "the end",
    );
    assert_eq!(sum(conn, "amount").as_deref(), Some("1830 of 60"));
}

#[test]
fn fm32_a_retype_on_all_levels() {
    let db = fresh();
    let conn = &mut db.connect();
    to_the_end::<Wide>(conn);
    assert_same(
        &catalogue(conn),
        &deep_wanted("bigint", "SELECT 1"),
        "the end",
    );
    assert_eq!(sum(conn, "total").as_deref(), Some("1830 of 60"));
}

#[test]
fn fm32_levels_without_rows() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    deep_table(conn, "integer");
    let mut migration = Amount::migration().options(fast());
    migration
        .run_on_empty(conn)
        .expect("there is nothing to copy");
    assert_same(
        &catalogue(conn),
        &deep_wanted("integer", RENAMED),
        "all at once",
    );
}

#[test]
fn fm32_levels_after_a_rollback() {
    let db = fresh();
    let conn = &mut db.connect();
    let before = catalogue(conn);
    for step in [Step::Expand, Step::Backfill, Step::Switch, Step::Retire] {
        let mut migration = Amount::migration().options(fast());
        migration.advance_to(conn, step).expect("the step is done");
        while migration.status(conn).expect("a status").stage.phase != Phase::Original {
            migration.rollback(conn).expect("it goes back");
        }
        assert_same(&catalogue(conn), &before, &format!("back from {step}"));
    }
}

#[test]
fn fm32_levels_killed_between_any_two_actions() {
    let db = fresh();
    let wanted = deep_wanted("integer", RENAMED);
    for stop in (0..).step_by(2) {
        let copy = db.copy();
        let conn = &mut copy.connect();
        let stopped = stop_at::<Amount>(conn, fast(), Step::Backfill, stop);
        to_the_end::<Amount>(conn);
        assert_same(&catalogue(conn), &wanted, &format!("stopped at {stop}"));
        if !stopped {
            // two indexes, each built and attached on four partitions
            assert!(stop >= 16, "{stop}");
            break;
        }
    }
}

#[test]
fn fm32_only_partitions_with_rows_are_built_on() {
    let db = fresh();
    let conn = &mut db.connect();
    Postgres::run(conn, "ANALYZE events");
    let mut migration = Amount::migration().options(fast());
    migration.advance_to(conn, Step::Expand).expect("it begins");
    let plan = migration.plan(conn).expect("it can be planned");
    let copy = plan.iter().find(|action| action.name == "copy");
    // not those of the levels above once more
    assert_eq!(copy.and_then(|action| action.rows), Some(60));
    let mut built: Vec<&str> = plan
        .iter()
        .flat_map(|action| &action.sql)
        .filter_map(|sql| {
            sql.split_once("CONCURRENTLY")?
                .1
                .split_once(" ON ")?
                .1
                .split(' ')
                .next()
        })
        .collect();
    built.sort_unstable();
    built.dedup();
    let partitions = [
        "\"public\".\"february\"",
        "\"public\".\"january_one_a\"",
        "\"public\".\"january_one_b\"",
        "\"public\".\"january_rest\"",
    ];
    assert_eq!(built, partitions);
}

#[test]
fn fm32_a_partition_that_is_added_below_another_gets_everything() {
    const MORE: &str = "CREATE TABLE march_all PARTITION OF march FOR VALUES WITH (modulus 1, remainder 0); \
        CREATE TABLE april PARTITION OF events FOR VALUES FROM ('2026-04-01') TO ('2026-05-01') PARTITION BY HASH (id); \
        CREATE TABLE april_all PARTITION OF april FOR VALUES WITH (modulus 1, remainder 0)";
    let wanted = deep_wanted("integer", &format!("{MORE}; {RENAMED}"));
    for (step, action) in [
        (Step::Backfill, "copy"),
        (Step::Backfill, "create index february"),
        (Step::Backfill, "attach index"),
        (Step::Switch, "compare"),
        (Step::Retire, "check all rows"),
    ] {
        let db = fresh();
        let mut other = db.connect();
        let conn = &mut db.connect();
        with_a_hand::<Amount>(conn, (step, action), move || {
            let rows = "INSERT INTO events (id, day, total) VALUES (0, '2026-03-05', 1), (0, '2026-04-05', 1)";
            Postgres::run(&mut other, &format!("{MORE}; {rows}"));
            let new = "SELECT string_agg(amount::text, ' ') FROM (SELECT amount FROM march_all UNION ALL SELECT amount FROM april_all) q";
            assert_eq!(Postgres::text(&mut other, new).as_deref(), Some("1 1"));
        })
        .unwrap_or_else(|error| panic!("{action}: {error}"));
        to_the_end::<Amount>(conn);
        assert_same(&catalogue(conn), &wanted, action);
    }
}

#[test]
fn fm32_what_comes_to_a_lower_level_between_plan_and_action_is_told_of() {
    for (change, step, action) in [
        (
            "CREATE TABLE march_all PARTITION OF march FOR VALUES WITH (modulus 1, remainder 0)",
            Step::Backfill,
            "create index",
        ),
        (
            "CREATE TABLE march_all PARTITION OF march FOR VALUES WITH (modulus 1, remainder 0)",
            Step::Contract,
            "drop the old columns",
        ),
        (
            "ALTER TABLE january_one DETACH PARTITION january_one_a",
            Step::Backfill,
            "attach index",
        ),
        (
            "ALTER TABLE january DETACH PARTITION january_one",
            Step::Contract,
            "drop the old columns",
        ),
    ] {
        let wanted = deep_wanted("integer", &format!("{change}; {RENAMED}"));
        let db = fresh();
        let mut other = db.connect();
        let conn = &mut db.connect();
        let result = with_a_hand::<Amount>(conn, (step, action), move || {
            Postgres::run(&mut other, change);
        });
        assert!(
            matches!(result, Err(Error::PartitionsChanged { .. })),
            "{change} before {action}: {result:?}"
        );
        to_the_end::<Amount>(conn);
        assert_same(&catalogue(conn), &wanted, change);
    }
}

#[test]
fn fm32_what_cannot_be_carried_on_a_lower_level_is_named() {
    for (sql, kind, name) in [
        (
            "ALTER TABLE january_one_a ADD CONSTRAINT mine CHECK (total < 1000000)",
            "CHECK constraint of a partition alone",
            "mine",
        ),
        (
            "CREATE INDEX mine ON january_one (total, id)",
            "index of a partition alone",
            "mine",
        ),
        (
            "CREATE INDEX mine ON january_rest (total, id)",
            "index of a partition alone",
            "mine",
        ),
        (
            "ALTER TABLE january_rest ALTER COLUMN total SET DEFAULT 8",
            "column with settings of its own in partition",
            "january_rest",
        ),
        (
            "COMMENT ON INDEX january_one_total_note_idx IS 'mine'",
            "index of a partition with settings of its own",
            "january_one_total_note_idx",
        ),
        (
            "COMMENT ON INDEX january_one_a_total_note_idx IS 'mine'",
            "index of a partition with settings of its own",
            "january_one_a_total_note_idx",
        ),
        (
            "CREATE SCHEMA away; CREATE TABLE away.far PARTITION OF march FOR VALUES WITH (modulus 1, remainder 0)",
            "partition in another schema",
            "far",
        ),
    ] {
        let db = fresh();
        let conn = &mut db.connect();
        Postgres::run(conn, sql);
        let before = catalogue(conn);
        match Amount::migration().options(fast()).expand(conn) {
            Err(Error::Obstacles { obstacles, .. }) => {
                let found = obstacles.iter().any(|o| o.kind == kind && o.name == name);
                assert!(found, "{sql}: {obstacles:?}");
                // and once
                assert_eq!(obstacles.len(), 1, "{sql}: {obstacles:?}");
            }
            other => panic!("{sql}: {other:?}"),
        }
        assert_eq!(before, catalogue(conn));
    }
}

#[test]
fn fm32_the_column_in_the_key_of_a_lower_level_is_named() {
    let db = fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "ALTER TABLE events DROP CONSTRAINT events_pkey, ADD PRIMARY KEY (id, day, total); \
         CREATE TABLE may PARTITION OF events FOR VALUES FROM ('2026-05-01') TO ('2026-06-01') PARTITION BY LIST (total)",
    );
    match Amount::migration().options(fast()).expand(conn) {
        Err(Error::Obstacles { obstacles, .. }) => {
            let mut found = obstacles.iter();
            let found = found.any(|o| o.kind == "partition key" && o.name == "LIST (total)");
            assert!(found, "{obstacles:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn fm32_no_partition_asks_for_the_column_that_is_retired() {
    let db = fresh();
    let conn = &mut db.connect();
    let mut migration = Amount::migration().options(fast());
    migration
        .advance_to(conn, Step::Retire)
        .expect("it is retired");
    // one came with a NOT NULL of its own
    let required = "SELECT string_agg(attrelid::regclass::text, ' ') FROM pg_attribute WHERE attname = 'total' AND attnotnull \
        AND attrelid IN (SELECT relid FROM pg_partition_tree('events'))";
    assert_eq!(Postgres::text(conn, required), None);
    Postgres::run(
        conn,
        "INSERT INTO events (id, day, amount) VALUES (1, '2026-01-08', 1), (4, '2026-01-09', 1), (2, '2026-01-08', 1), \
         (1, '2026-02-08', 1)",
    );
    migration.rollback(conn).expect("it goes back");
}

#[test]
fn fm30_options_that_the_server_sets_are_in_nobody_s_way() {
    let db = fresh();
    let conn = &mut db.connect();
    // as minor versions since 15.20 do by themselves
    Postgres::run(
        conn,
        "UPDATE pg_attribute SET attoptions = ARRAY['pg_attver=7'] WHERE attnum > 0 AND attoptions IS NULL \
         AND attrelid IN (SELECT relid FROM pg_partition_tree('events'))",
    );
    to_the_end::<Amount>(conn);
    assert_same(
        &catalogue(conn),
        &deep_wanted("integer", RENAMED),
        "the end",
    );
}
