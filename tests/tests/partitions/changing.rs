//! Partitions come and go while the migration is under way.

use crate::common::*;
use crate::support::*;
use expand_contract::phase::Step;
use expand_contract::{Error, Migrate};
use tests::catalogue::assert_same;

const MORE: &str =
    "CREATE TABLE events_4 PARTITION OF events FOR VALUES FROM ('2026-04-01') TO ('2026-05-01')";

fn fresh() -> Postgres {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table(conn, "integer");
    rows(conn, 30);
    db
}

#[test]
fn fm32_a_partition_that_is_added_gets_everything() {
    let wanted = wanted("integer", &format!("{MORE}; {RENAMED}"));
    for (step, action) in [
        (Step::Backfill, "copy"),
        (Step::Backfill, "create index events_1"),
        (Step::Backfill, "attach index"),
        (Step::Backfill, "analyze"),
        (Step::Switch, "compare"),
        (Step::Retire, "check all rows"),
    ] {
        let db = fresh();
        let mut other = db.connect();
        let conn = &mut db.connect();
        with_a_hand::<Amount>(conn, (step, action), move || {
            Postgres::run(
                &mut other,
                &format!("{MORE}; INSERT INTO events (id, day, total) VALUES (0, '2026-04-05', 1)"),
            );
            // the safety net is on it as well
            let new = "SELECT amount::text FROM events_4";
            assert_eq!(Postgres::text(&mut other, new).as_deref(), Some("1"));
        })
        .unwrap_or_else(|error| panic!("{action}: {error}"));
        to_the_end::<Amount>(conn);
        assert_same(&catalogue(conn), &wanted, action);
    }
}

/// What changes the partitions right before each of the actions is told of, and nothing is lost by it.
fn is_told_of(change: &'static str, actions: &[(Step, &'static str)]) {
    let wanted = wanted("integer", &format!("{change}; {RENAMED}"));
    for (step, action) in actions {
        let db = fresh();
        let mut other = db.connect();
        let conn = &mut db.connect();
        let result = with_a_hand::<Amount>(conn, (*step, action), move || {
            Postgres::run(&mut other, change);
        });
        assert!(
            matches!(result, Err(Error::PartitionsChanged { .. })),
            "{action}: {result:?}"
        );
        to_the_end::<Amount>(conn);
        assert_same(&catalogue(conn), &wanted, action);
    }
}

#[test]
fn fm32_a_partition_that_comes_between_plan_and_action_is_told_of() {
    is_told_of(
        MORE,
        &[
            (Step::Backfill, "create index"),
            (Step::Contract, "drop the old columns"),
        ],
    );
}

#[test]
fn fm32_a_partition_that_is_detached_is_told_of() {
    is_told_of(
        "ALTER TABLE events DETACH PARTITION events_1",
        &[
            (Step::Backfill, "create index"),
            (Step::Backfill, "create index events_1_"),
            (Step::Backfill, "attach index"),
            (Step::Contract, "drop the old columns"),
        ],
    );
}

#[test]
fn fm32_a_trigger_that_is_off_on_one_partition_is_noticed() {
    let db = fresh();
    let conn = &mut db.connect();
    let mut migration = Amount::migration().options(fast());
    migration
        .advance_to(conn, Step::Backfill)
        .expect("rows are copied");
    Postgres::run(conn, "ALTER TABLE events_3 DISABLE TRIGGER ALL");
    match Amount::migration()
        .options(fast())
        .advance_to(conn, Step::Switch)
    {
        Err(Error::SafetyNetTorn { triggers, .. }) => assert_eq!(triggers.len(), 3),
        other => panic!("{other:?}"),
    }
    Postgres::run(conn, "ALTER TABLE events_3 ENABLE TRIGGER ALL");
    to_the_end::<Amount>(conn);
}
