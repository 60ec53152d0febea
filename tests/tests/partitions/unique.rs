//! Unique indexes and constraints of partitioned tables.

use crate::common::*;
use crate::support::{
    catalogue, deep, deep_table, deep_wanted, sum, to_the_end, with_a_hand, Amount, RENAMED,
    WIDENED,
};
use expand_contract::definition::{Carry, ChangeDef, Part, SqlExpr};
use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, Migrate};
use tests::catalogue::assert_same;
use tests::stop::stop_at;

/// A constraint with all that it can have, an index with all that it can have, and one that replication goes by.
const UNIQUE: &str = "ALTER TABLE events ADD CONSTRAINT once UNIQUE (total, day, id) INCLUDE (note) WITH (fillfactor = 70) \
      DEFERRABLE INITIALLY DEFERRED; \
    COMMENT ON CONSTRAINT once ON events IS 'twice is once too often'; \
    ALTER INDEX february_total_day_id_note_key RENAME TO \"My \"\"own\"; \
    CREATE UNIQUE INDEX parity ON events (day, id, (total % 1000) DESC) INCLUDE (total) WHERE total > 0; \
    CREATE UNIQUE INDEX identity ON events (day, id, total); \
    ALTER TABLE events REPLICA IDENTITY USING INDEX identity";

const ONCE_MORE: &str = "INSERT INTO events SELECT * FROM events WHERE id = 2";

migration!(
    Wider,
    crate::support::events::table,
    "events-wider",
    [ChangeDef {
        carry: &[
            WIDENED.carry[0],
            Carry {
                name: "parity",
                sql: Some(SqlExpr {
                    any: Some(&[
                        Part::Sql("(day, id, ("),
                        Part::Column,
                        Part::Sql(" % 1000) DESC) INCLUDE ("),
                        Part::Column,
                        Part::Sql(") WHERE "),
                        Part::Column,
                        Part::Sql(" > 0"),
                    ]),
                    postgres: None,
                    sqlite: None,
                })
            }
        ],
        ..WIDENED
    }]
);

fn wanted(type_sql: &str, statements: &str) -> String {
    deep_wanted(type_sql, &format!("{UNIQUE}; {statements}"))
}

#[test]
fn fm32_a_rename_of_a_unique_column() {
    let db = deep(UNIQUE);
    let conn = &mut db.connect();
    to_the_end::<Amount>(conn);
    assert_same(&catalogue(conn), &wanted("integer", RENAMED), "the end");
    assert_eq!(sum(conn, "amount").as_deref(), Some("1830 of 60"));
}

#[test]
fn fm32_a_retype_of_a_unique_column() {
    let db = deep(UNIQUE);
    let conn = &mut db.connect();
    to_the_end::<Wider>(conn);
    assert_same(&catalogue(conn), &wanted("bigint", "SELECT 1"), "the end");
}

#[test]
fn fm32_a_unique_column_without_rows() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    deep_table(conn, "integer");
    Postgres::run(conn, UNIQUE);
    let mut migration = Amount::migration().options(fast());
    migration
        .run_on_empty(conn)
        .expect("there is nothing to copy");
    assert_same(&catalogue(conn), &wanted("integer", RENAMED), "all at once");
}

#[test]
fn fm32_nulls_that_are_not_distinct() {
    let db = deep("");
    let conn = &mut db.connect();
    let nulls = "ALTER TABLE events ALTER COLUMN total DROP NOT NULL; \
        ALTER TABLE events ADD CONSTRAINT once UNIQUE NULLS NOT DISTINCT (total, day, id)";
    if Postgres::fails(conn, nulls) {
        // it came with version 15
        let version = Postgres::text(conn, "SHOW server_version_num");
        assert!(version.expect("a version").starts_with("14"));
        return;
    }
    to_the_end::<Amount>(conn);
    let wanted = deep_wanted("integer", &format!("{nulls}; {RENAMED}"));
    assert_same(&catalogue(conn), &wanted, "the end");
}

#[test]
fn fm32_nothing_is_there_twice_in_any_phase() {
    let db = deep(UNIQUE);
    let conn = &mut db.connect();
    for step in [
        Step::Expand,
        Step::Backfill,
        Step::Switch,
        Step::Retire,
        Step::Contract,
    ] {
        let mut migration = Amount::migration().options(fast());
        migration.advance_to(conn, step).expect("the step is done");
        assert!(Postgres::fails(conn, ONCE_MORE), "after {step}");
    }
    assert_eq!(sum(conn, "amount").as_deref(), Some("1830 of 60"));
}

#[test]
fn fm32_a_unique_column_after_a_rollback() {
    let db = deep(UNIQUE);
    let conn = &mut db.connect();
    let before = catalogue(conn);
    for step in [Step::Expand, Step::Backfill, Step::Switch, Step::Retire] {
        let mut migration = Amount::migration().options(fast());
        migration.advance_to(conn, step).expect("the step is done");
        while migration.status(conn).expect("a status").stage.phase != Phase::Original {
            migration.rollback(conn).expect("it goes back");
            assert!(Postgres::fails(conn, ONCE_MORE), "back from {step}");
        }
        assert_same(&catalogue(conn), &before, &format!("back from {step}"));
    }
    to_the_end::<Amount>(conn);
    assert_same(&catalogue(conn), &wanted("integer", RENAMED), "the end");
}

#[test]
fn fm32_retire_killed_between_any_two_actions() {
    let db = deep(UNIQUE);
    {
        let mut migration = Amount::migration().options(fast());
        migration
            .advance_to(&mut db.connect(), Step::Switch)
            .expect("rows are copied");
    }
    let (before, after) = {
        let db = deep(UNIQUE);
        (catalogue(&mut db.connect()), wanted("integer", RENAMED))
    };
    for stop in 0.. {
        let (copy, other) = (db.copy(), db.copy());
        let conn = &mut copy.connect();
        let stopped = stop_at::<Amount>(conn, fast(), Step::Retire, stop);
        to_the_end::<Amount>(conn);
        assert_same(&catalogue(conn), &after, &format!("stopped at {stop}"));
        // or it goes back
        let conn = &mut other.connect();
        stop_at::<Amount>(conn, fast(), Step::Retire, stop);
        let mut migration = Amount::migration().options(fast());
        while migration.status(conn).expect("a status").stage.phase != Phase::Original {
            migration.rollback(conn).expect("it goes back");
        }
        assert_same(&catalogue(conn), &before, &format!("back from {stop}"));
        if !stopped {
            // three indexes, each built on four partitions, two of them attached
            assert!(stop >= 20, "{stop}");
            break;
        }
    }
}

#[test]
fn fm32_a_rollback_killed_between_any_two_actions() {
    let db = deep(UNIQUE);
    let before = catalogue(&mut db.connect());
    {
        let mut migration = Amount::migration().options(fast());
        migration
            .advance_to(&mut db.connect(), Step::Retire)
            .expect("it is retired");
    }
    for stop in 0.. {
        let copy = db.copy();
        let conn = &mut copy.connect();
        let stopped = stop_at::<Amount>(conn, fast(), Step::Rollback, stop);
        let mut migration = Amount::migration().options(fast());
        while migration.status(conn).expect("a status").stage.phase != Phase::Original {
            migration.rollback(conn).expect("it goes back");
        }
        assert_same(&catalogue(conn), &before, &format!("stopped at {stop}"));
        if !stopped {
            assert!(stop >= 20, "{stop}");
            break;
        }
    }
}

#[test]
fn fm32_a_partition_that_is_added_to_a_unique_table() {
    const MORE: &str =
        "CREATE TABLE april PARTITION OF events FOR VALUES FROM ('2026-04-01') TO ('2026-05-01')";
    for (step, action) in [
        (Step::Backfill, "copy"),
        (Step::Switch, "compare"),
        (Step::Retire, "create index february"),
        (Step::Retire, "publish"),
        (Step::Retire, "drop unique index once"),
        (Step::Contract, "drop the old columns"),
    ] {
        let db = deep(UNIQUE);
        let mut other = db.connect();
        let conn = &mut db.connect();
        let result = with_a_hand::<Amount>(conn, (step, action), move || {
            Postgres::run(
                &mut other,
                &format!(
                    "{MORE}; INSERT INTO events (id, day, total) VALUES (99, '2026-04-05', 1)"
                ),
            );
        });
        assert!(
            matches!(result, Ok(()) | Err(Error::PartitionsChanged { .. })),
            "{action}: {result:?}"
        );
        to_the_end::<Amount>(conn);
        let parts = "SELECT count(*)::text FROM pg_index i WHERE indrelid = 'april'::regclass AND indisvalid \
            AND indisunique AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = i.indexrelid)";
        assert_eq!(
            Postgres::text(conn, parts).as_deref(),
            Some("4"),
            "{action}"
        );
        let whole =
            "SELECT bool_and(indisvalid)::text FROM pg_index WHERE indrelid = 'events'::regclass";
        assert_eq!(
            Postgres::text(conn, whole).as_deref(),
            Some("true"),
            "{action}"
        );
    }
}

#[test]
fn fm32_back_with_a_partition_that_came_in_between() {
    const MORE: &str =
        "CREATE TABLE april PARTITION OF events FOR VALUES FROM ('2026-04-01') TO ('2026-05-01')";
    let db = deep(UNIQUE);
    let conn = &mut db.connect();
    let mut migration = Amount::migration().options(fast());
    migration
        .advance_to(conn, Step::Retire)
        .expect("it is retired");
    Postgres::run(
        conn,
        &format!("{MORE}; DROP TABLE january_one_b; INSERT INTO events (id, day, amount) VALUES (99, '2026-04-05', 1)"),
    );
    while migration.status(conn).expect("a status").stage.phase != Phase::Original {
        migration.rollback(conn).expect("it goes back");
    }
    let parts =
        "SELECT count(*)::text FROM pg_index i WHERE indrelid = 'april'::regclass AND indisvalid \
        AND indisunique AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = i.indexrelid)";
    assert_eq!(Postgres::text(conn, parts).as_deref(), Some("4"));
    assert!(Postgres::fails(
        conn,
        "INSERT INTO events SELECT * FROM events WHERE id = 99"
    ));
    to_the_end::<Amount>(conn);
}

migration!(
    Left,
    crate::support::events::table,
    "events-left",
    [ChangeDef {
        carry: &[Carry {
            name: "once",
            sql: None
        }],
        ..rename("total", "amount")
    }]
);
migration!(
    Given,
    crate::support::events::table,
    "events-given",
    [ChangeDef {
        carry: &[Carry {
            name: "once",
            sql: Some(SqlExpr {
                any: Some(&[Part::Sql("("), Part::Column, Part::Sql(", day, id)")]),
                postgres: None,
                sqlite: None,
            })
        }],
        ..rename("total", "amount")
    }]
);

#[test]
fn fm32_a_constraint_that_the_annotation_gives_or_leaves_out_is_named() {
    let db = deep(UNIQUE);
    let conn = &mut db.connect();
    let left = Left::migration().options(fast()).expand(conn).map(drop);
    let given = Given::migration().options(fast()).expand(conn).map(drop);
    for result in [left, given] {
        match result {
            Err(Error::Obstacles { obstacles, .. }) => {
                let kind = "unique constraint of a partitioned table that the annotation gives or leaves out";
                assert!(obstacles.iter().any(|o| o.kind == kind && o.name == "once"));
            }
            other => panic!("{other:?}"),
        }
    }
}
