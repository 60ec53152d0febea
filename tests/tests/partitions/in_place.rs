//! A column of a partitioned table takes its other name in place.

use crate::common::*;
use crate::support::{
    catalogue, deep, deep_wanted, sum, to_the_end, with_a_hand, InPlace, RENAMED,
};
use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, Migrate};
use tests::catalogue::assert_same;

const MORE: &str = "ALTER TABLE events ADD CONSTRAINT once UNIQUE (total, day, id); \
    CREATE INDEX mine ON january_rest (total); \
    CREATE VIEW february_sums AS SELECT sum(total) FROM february";

#[test]
fn fm32_all_partitions_have_the_new_name_at_once() {
    let db = deep(MORE);
    let conn = &mut db.connect();
    to_the_end::<InPlace>(conn);
    let wanted = deep_wanted("integer", &format!("{MORE}; {RENAMED}"));
    assert_same(&catalogue(conn), &wanted, "the end");
    assert_eq!(sum(conn, "amount").as_deref(), Some("1830 of 60"));
}

#[test]
fn fm32_all_partitions_have_the_old_name_again() {
    let db = deep(MORE);
    let conn = &mut db.connect();
    let before = catalogue(conn);
    for step in [Step::Expand, Step::Switch] {
        let mut migration = InPlace::migration().options(fast());
        migration.advance_to(conn, step).expect("the step is done");
        while migration.status(conn).expect("a status").stage.phase != Phase::Original {
            migration.rollback(conn).expect("it goes back");
        }
        assert_same(&catalogue(conn), &before, &format!("back from {step}"));
    }
}

#[test]
fn fm32_a_partition_that_comes_before_the_rename() {
    const APRIL: &str =
        "CREATE TABLE april PARTITION OF events FOR VALUES FROM ('2026-04-01') TO ('2026-05-01')";
    let db = deep(MORE);
    let mut other = db.connect();
    let conn = &mut db.connect();
    with_a_hand::<InPlace>(conn, (Step::Contract, "rename the columns"), move || {
        Postgres::run(
            &mut other,
            &format!("{APRIL}; INSERT INTO events (id, day, total, marker) VALUES (99, '2026-04-05', 1, 1)"),
        );
    })
    .expect("it is renamed with the others");
    let wanted = deep_wanted("integer", &format!("{MORE}; {APRIL}; {RENAMED}"));
    assert_same(&catalogue(conn), &wanted, "the end");
    assert_eq!(sum(conn, "amount").as_deref(), Some("1831 of 61"));
}

#[test]
fn fm32_a_writer_of_the_old_name_is_seen_on_every_partition() {
    for day in ["2026-01-05", "2026-02-05"] {
        let db = deep("");
        let conn = &mut db.connect();
        let mut migration = InPlace::migration().options(fast());
        migration.advance_to(conn, Step::Switch).expect("it begins");
        let both =
            format!("UPDATE events SET total = total + 1, marker = total + 1 WHERE day = '{day}'");
        Postgres::run(conn, &both);
        let status = migration.status(conn).expect("a status");
        assert_eq!(status.strangers, [], "{day}");
        let old = format!("UPDATE events SET total = total + 1 WHERE day = '{day}'");
        Postgres::run(conn, &old);
        let status = migration.status(conn).expect("a status");
        assert_eq!(status.strangers.len(), 1, "{day}");
    }
}

#[test]
fn fm32_what_does_not_follow_on_a_partition_is_named() {
    for partition in ["february", "january_one_b"] {
        let db = deep(&format!(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.total := 1; RETURN NEW; END'; \
             CREATE TRIGGER mine BEFORE UPDATE ON {partition} FOR EACH ROW EXECUTE FUNCTION f()"
        ));
        let conn = &mut db.connect();
        let before = catalogue(conn);
        match InPlace::migration().options(fast()).expand(conn) {
            Err(Error::Obstacles { obstacles, .. }) => {
                let mut found = obstacles.iter();
                assert!(found.any(|o| o.kind == "trigger" && o.name == "mine"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(before, catalogue(conn));
    }
}
