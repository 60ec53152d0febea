//! From one end to the other and back: the catalogue is what the database itself would have made of it.

use crate::common::*;
use crate::support::*;
use diesel::PgConnection;
use expand_contract::phase::{Phase, Step};
use expand_contract::{Effect, Migrate};
use tests::catalogue::assert_same;
use tests::stop::stop_at;

fn fresh() -> Postgres {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table(conn, "integer");
    rows(conn, 60);
    db
}

#[test]
fn fm32_a_rename_changes_nothing_but_the_name() {
    let db = fresh();
    let conn = &mut db.connect();
    to_the_end::<Amount>(conn);
    let wanted = wanted("integer", RENAMED);
    assert_same(&catalogue(conn), &wanted, "after `contract`");
    let sum = Postgres::text(conn, "SELECT sum(amount) || ' of ' || count(*) FROM events");
    assert_eq!(sum.as_deref(), Some("1830 of 60"));
}

#[test]
fn fm32_a_retype_changes_nothing_but_the_type() {
    let db = fresh();
    let conn = &mut db.connect();
    to_the_end::<Wide>(conn);
    let wanted = wanted("bigint", "SELECT 1");
    assert_same(&catalogue(conn), &wanted, "after `contract`");
    let sum = Postgres::text(conn, "SELECT sum(total) || ' of ' || count(*) FROM events");
    assert_eq!(sum.as_deref(), Some("1830 of 60"));
}

#[test]
fn fm32_a_table_without_rows_comes_out_the_same() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table(conn, "integer");
    let mut migration = Amount::migration().options(fast());
    migration
        .run_on_empty(conn)
        .expect("there is nothing to copy");
    assert_same(&catalogue(conn), &wanted("integer", RENAMED), "all at once");
}

#[test]
fn fm32_lists_and_hashes() {
    for (by, one, other) in [
        (
            "LIST (day)",
            "FOR VALUES IN ('2026-01-05', '2026-02-05')",
            "DEFAULT",
        ),
        (
            "HASH (id)",
            "FOR VALUES WITH (modulus 2, remainder 0)",
            "FOR VALUES WITH (modulus 2, remainder 1)",
        ),
    ] {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        let create = |column: &str| {
            format!(
                "CREATE TABLE events (id bigint, day date, {column} integer NOT NULL, note text, PRIMARY KEY (id, day)) \
                 PARTITION BY {by}; CREATE TABLE one PARTITION OF events {one}; \
                 CREATE TABLE other PARTITION OF events {other}; CREATE INDEX events_it ON events ({column}, note)"
            )
        };
        Postgres::run(conn, &create("total"));
        rows_of(conn);
        let wanted = {
            let db = Postgres::fresh();
            let conn = &mut db.connect();
            Postgres::run(conn, &create("total"));
            Postgres::run(conn, RENAMED);
            catalogue(conn)
        };
        to_the_end::<Amount>(conn);
        assert_same(&catalogue(conn), &wanted, by);
    }
}

fn rows_of(conn: &mut PgConnection) {
    Postgres::run(
        conn,
        "INSERT INTO events SELECT g, (ARRAY['2026-01-05', '2026-02-05', '2030-01-01'])[1 + g % 3]::date, g, 'n' \
         FROM generate_series(1, 20) g",
    );
}

#[test]
fn fm32_a_rollback_leaves_it_as_it_was() {
    let db = fresh();
    let conn = &mut db.connect();
    let before = catalogue(conn);
    for (step, back) in [
        (Step::Expand, 1),
        (Step::Backfill, 1),
        (Step::Switch, 2),
        (Step::Retire, 3),
    ] {
        let mut migration = Amount::migration().options(fast());
        migration.advance_to(conn, step).expect("the step is done");
        for _ in 0..back {
            let mut migration = Amount::migration().options(fast());
            migration.rollback(conn).expect("it goes back");
        }
        assert_same(
            &catalogue(conn),
            &before,
            &format!("after a rollback from {step}"),
        );
    }
}

#[test]
fn fm32_killed_between_any_two_actions_it_goes_on() {
    let db = fresh();
    let wanted = wanted("integer", RENAMED);
    for stop in (0..).step_by(3) {
        let copy = db.copy();
        let conn = &mut copy.connect();
        let stopped = stop_at::<Amount>(conn, fast(), Step::Backfill, stop);
        to_the_end::<Amount>(conn);
        assert_same(
            &catalogue(conn),
            &wanted,
            &format!("stopped behind action {stop} of `backfill`"),
        );
        if !stopped {
            // two indexes, each the table's, and of four partitions built and attached
            assert!(stop >= 20, "{stop}");
            break;
        }
    }
}

#[test]
fn fm32_killed_on_the_way_it_can_go_back() {
    let db = fresh();
    let before = catalogue(&mut db.connect());
    for stop in (0..16).step_by(3) {
        let copy = db.copy();
        let conn = &mut copy.connect();
        assert!(stop_at::<Amount>(conn, fast(), Step::Backfill, stop));
        let mut migration = Amount::migration().options(fast());
        while migration.status(conn).expect("a status").stage.phase != Phase::Original {
            migration.rollback(conn).expect("it goes back");
        }
        assert_same(
            &catalogue(conn),
            &before,
            &format!("stopped behind action {stop} of `backfill`"),
        );
    }
}

#[test]
fn fm32_batches_read_no_partition_from_end_to_end() {
    let db = Postgres::fresh();
    {
        let conn = &mut db.connect();
        table(conn, "integer");
        rows(conn, 900);
        let mut migration = Amount::migration().options(fast());
        migration.advance_to(conn, Step::Expand).expect("it begins");
    }
    let scans = |conn: &mut PgConnection| -> i64 {
        let sql =
            "SELECT sum(seq_scan)::text FROM pg_stat_user_tables WHERE relname LIKE 'events%'";
        let found = Postgres::text(conn, sql).expect("there are statistics");
        found.parse().expect("a number")
    };
    let conn = &mut db.connect();
    let before = scans(conn);
    {
        let conn = &mut db.connect();
        let mut migration = Amount::migration().options(fast());
        // 300 batches
        migration
            .advance_to(conn, Step::Backfill)
            .expect("rows are copied");
        // so that the server has counted what it did
        Postgres::run(
            conn,
            "SELECT pg_stat_force_next_flush() WHERE current_setting('server_version_num')::int >= 150000",
        );
    }
    let scanned = scans(conn) - before;
    // two index builds in each of four partitions
    assert!((8..50).contains(&scanned), "{scanned}");
}

#[test]
fn fm32_the_plan_counts_the_partitions() {
    let db = fresh();
    let conn = &mut db.connect();
    Postgres::run(conn, "ANALYZE events_2; ANALYZE events_rest");
    let mut migration = Amount::migration().options(fast());
    migration.advance_to(conn, Step::Expand).expect("it begins");
    let plan = Amount::migration().plan(conn).expect("it can be planned");
    let copy = plan.iter().find(|action| action.name == "copy");
    assert_eq!(copy.and_then(|action| action.rows), Some(60));
    let builds: Vec<_> = plan
        .iter()
        .filter(|action| action.effect == Effect::BuildsIndex)
        .collect();
    assert_eq!(builds.len(), 8);
    let rows: u64 = builds.iter().filter_map(|build| build.rows).sum();
    assert_eq!(rows, 2 * 60);
    let only = plan
        .iter()
        .find(|action| action.name.ends_with("without its partitions"));
    assert_eq!(
        only.map(|action| action.effect),
        Some(Effect::Catalogue),
        "{plan:?}"
    );
}
