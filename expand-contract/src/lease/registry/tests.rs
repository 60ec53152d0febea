//! The rules, on a clock of the tests' own: seconds, far beyond the true one, so that deadlines of the rules are never past.

use super::*;
use crate::definition::{Dialect, MigrationDef};
use crate::phase::{Phase, Stage};
use crate::state::PhaseCell;

static DEFINITION: MigrationDef = MigrationDef {
    id: "rules",
    generation: 1,
    changes: &[],
};
static CELL: PhaseCell = PhaseCell::new(&DEFINITION);

const SECOND: u64 = 1_000_000_000;

/// A moment that many seconds after the tests' beginning.
fn at(second: u64) -> u64 {
    // later than any machine has been up
    (second + 10_000_000_000) * SECOND
}

fn registry() -> Arc<Registry> {
    let me = Instance {
        id: "1".to_owned(),
        application: String::new(),
        version: String::new(),
        host: String::new(),
        migrations: String::new(),
        lease_ms: 15_000,
    };
    let names = vec!["main".to_owned(), "replica".to_owned()];
    let times = (Duration::from_secs(15), Duration::ZERO);
    Registry::new(me, times, names, vec![Member::test(&CELL)], false)
}

fn moved(phase: Phase, published: i64) -> Vec<Found> {
    let snapshot = Snapshot::new(&CELL, Stage::first(phase), Dialect::Sqlite, Vec::new());
    vec![Found::Moved(snapshot, Some(published))]
}

fn same(published: i64) -> Vec<Found> {
    vec![Found::Same(Some(published))]
}

const MAIN: usize = 0;
const REPLICA: usize = 1;

fn deadline(registry: &Registry, server: usize) -> Option<u64> {
    let state = lock(&registry.state);
    let held = state.servers[server].phases[0].as_ref();
    held.map(|held| held.term.deadline())
}

fn acknowledged(registry: &Registry, second: u64) -> (i64, Option<String>) {
    let said = registry.acknowledge(at(second));
    (said.epoch, said.lagging)
}

const LAGS: Option<&str> = Some("replica");

/// Both servers at epoch 1, at second 0.
fn begun() -> Arc<Registry> {
    let registry = registry();
    registry.adopt(MAIN, (at(0), at(0)), true, 1, moved(Phase::Original, 1));
    registry.adopt(REPLICA, (at(0), at(0)), false, 1, moved(Phase::Original, 1));
    assert_eq!(acknowledged(&registry, 0), (1, None));
    registry
}

#[test]
fn a_deadline_counts_from_before_the_question_and_grows_with_every_answer() {
    let registry = begun();
    assert_eq!(deadline(&registry, MAIN), Some(at(15)));
    // the answer took ten seconds
    registry.adopt(MAIN, (at(5), at(15)), false, 1, same(1));
    assert_eq!(deadline(&registry, MAIN), Some(at(20)));
}

#[test]
fn the_slowest_server_decides_what_is_acknowledged() {
    let registry = begun();
    registry.adopt(MAIN, (at(1), at(1)), false, 2, moved(Phase::Expanded, 2));
    assert_eq!(acknowledged(&registry, 1), (1, LAGS.map(str::to_owned)));
    registry.adopt(REPLICA, (at(2), at(2)), false, 2, moved(Phase::Expanded, 2));
    assert_eq!(acknowledged(&registry, 2), (2, None));
}

#[test]
fn a_server_whose_term_has_run_out_is_not_waited_for_and_comes_back_when_it_has_caught_up() {
    let registry = begun();
    for second in [5, 10, 14] {
        let found = if second == 5 {
            moved(Phase::Expanded, 2)
        } else {
            same(2)
        };
        registry.adopt(MAIN, (at(second), at(second)), false, 2, found);
        assert_eq!(
            acknowledged(&registry, second),
            (1, LAGS.map(str::to_owned))
        );
    }
    // the replica has not answered since second 0
    assert_eq!(acknowledged(&registry, 15), (2, None));
    // it answers again, from the past
    registry.adopt(REPLICA, (at(16), at(16)), false, 1, same(1));
    assert_eq!(deadline(&registry, REPLICA), None);
    assert!(registry.in_force(REPLICA).is_err());
    assert_eq!(acknowledged(&registry, 16), (2, None));
    registry.adopt(
        REPLICA,
        (at(17), at(17)),
        false,
        1,
        moved(Phase::Original, 1),
    );
    assert_eq!(deadline(&registry, REPLICA), None);
    // and has caught up
    registry.adopt(
        REPLICA,
        (at(18), at(18)),
        false,
        2,
        moved(Phase::Expanded, 2),
    );
    assert!(deadline(&registry, REPLICA).is_some());
    assert!(registry.in_force(REPLICA).is_ok());
}

#[test]
fn a_replica_that_lagged_before_this_process_was_registered_has_to_catch_up() {
    let registry = registry();
    registry.adopt(MAIN, (at(0), at(0)), true, 5, moved(Phase::Switched, 5));
    registry.adopt(REPLICA, (at(0), at(0)), false, 3, moved(Phase::Original, 3));
    assert!(registry.in_force(REPLICA).is_err());
    assert_eq!(acknowledged(&registry, 0), (5, None));
    // what lags of other migrations does not matter
    registry.adopt(REPLICA, (at(1), at(1)), false, 5, moved(Phase::Switched, 5));
    registry.adopt(MAIN, (at(1), at(1)), false, 7, same(5));
    assert!(registry.in_force(REPLICA).is_ok());
    assert_eq!(acknowledged(&registry, 1), (5, LAGS.map(str::to_owned)));
}

#[test]
fn nothing_outlives_the_registration() {
    let registry = begun();
    // the replica answers, the main server does not
    for second in [5, 10, 14] {
        registry.adopt(REPLICA, (at(second), at(second)), false, 1, same(1));
        assert_eq!(deadline(&registry, REPLICA), Some(at(15)));
    }
    let there = registry.in_force(REPLICA).expect("not yet");
    registry.unregistered();
    assert_eq!(deadline(&registry, MAIN), Some(EXPIRED));
    assert_eq!(deadline(&registry, REPLICA), Some(EXPIRED));
    assert!(there[0].in_force().is_err());
    // the replica alone brings nothing back
    registry.adopt(REPLICA, (at(16), at(16)), false, 1, same(1));
    assert_eq!(deadline(&registry, REPLICA), Some(EXPIRED));
    // and what was published meanwhile nobody has waited for
    registry.adopt(MAIN, (at(17), at(17)), true, 3, moved(Phase::Switched, 3));
    assert!(registry.in_force(MAIN).is_ok());
    assert!(registry.in_force(REPLICA).is_err());
}

#[test]
fn an_earlier_phase_in_use_holds_the_acknowledgement_back_until_its_term_ends() {
    let registry = begun();
    let used = registry.in_force(MAIN).expect("in force");
    registry.adopt(MAIN, (at(5), at(5)), false, 2, moved(Phase::Expanded, 2));
    registry.adopt(REPLICA, (at(5), at(5)), false, 2, moved(Phase::Expanded, 2));
    assert_eq!(acknowledged(&registry, 5), (1, Some("main".to_owned())));
    assert!(used[0].in_force().is_ok());
    registry.adopt(MAIN, (at(10), at(10)), false, 2, same(2));
    registry.adopt(REPLICA, (at(10), at(10)), false, 2, same(2));
    assert_eq!(acknowledged(&registry, 14).0, 1);
    // its deadline has not grown since
    assert_eq!(acknowledged(&registry, 15), (2, None));

    let registry = begun();
    let used = registry.in_force(MAIN).expect("in force");
    registry.adopt(MAIN, (at(5), at(5)), false, 2, moved(Phase::Expanded, 2));
    registry.adopt(REPLICA, (at(5), at(5)), false, 2, moved(Phase::Expanded, 2));
    assert_eq!(acknowledged(&registry, 5).0, 1);
    drop(used);
    assert_eq!(acknowledged(&registry, 5), (2, None));
}

#[test]
fn a_refused_phase_cannot_be_used_from_that_moment_on_and_holds_nothing_up() {
    let registry = begun();
    let used = registry.in_force(MAIN).expect("in force");
    let refused = vec![Found::Refused("not for this binary".to_owned())];
    registry.adopt(MAIN, (at(1), at(1)), false, 2, refused);
    registry.adopt(REPLICA, (at(1), at(1)), false, 2, moved(Phase::Expanded, 2));
    assert!(used[0].in_force().is_err());
    let error = registry.in_force(MAIN).expect_err("refused").to_string();
    assert!(error.contains("not for this binary"), "{error}");
    assert_eq!(acknowledged(&registry, 1), (2, None));
}

#[test]
fn what_a_watcher_brings_after_the_end_is_not_adopted() {
    let registry = begun();
    registry.end();
    registry.adopt(MAIN, (at(1), at(1)), false, 2, moved(Phase::Expanded, 2));
    assert_eq!(deadline(&registry, MAIN), Some(EXPIRED));
    assert!(registry.in_force(MAIN).is_err());
}

#[test]
fn a_lease_can_be_kept_anywhere() {
    fn anywhere<T: Send + Sync + 'static>() {}
    anywhere::<crate::Lease>();
    anywhere::<crate::lease::Snapshots>();
}
