//! An instance's row: from the start to the end of the lease.

use std::time::Duration;

use expand_contract::phase::Step;
use expand_contract::{Error, Lease, Migrate, StatementError};
use tests::wait;

use crate::common::*;

fn a_process_registers_and_leaves<D: Db, A: App<D>, O: App<D>>() {
    let (db, mut conn) = database::<D>();
    let lease = long::<A::Table>().start(connect(&db)).expect("a lease");
    assert_eq!(instance::<D>(&mut conn, "instance"), lease.instance());
    assert_eq!(instance::<D>(&mut conn, "application"), "web");
    assert_eq!(instance::<D>(&mut conn, "version"), "1.2.3");
    assert_eq!(
        instance::<D>(&mut conn, "migrations"),
        "versions/tar_sha256\t1"
    );
    assert_eq!(instance::<D>(&mut conn, "lease_ms"), "600000");
    assert_eq!(
        instance::<D>(&mut conn, "pid"),
        std::process::id().to_string()
    );
    assert_ne!(instance::<D>(&mut conn, "host"), "");
    let role = if D::POSTGRES { "postgres" } else { "" };
    assert_eq!(instance::<D>(&mut conn, "role_name"), role);
    assert!(lease.health().in_force);

    assert_eq!(A::find(&mut conn, 1), Ok(FIRST.to_vec()));
    lease.shutdown().expect("the row can be deleted");
    assert_eq!(instances::<D>(&mut conn), 0);
    let error = A::find(&mut conn, 1).expect_err("the lease has ended");
    let error = said(&error).expect("an error of the library").to_string();
    assert!(error.contains("shut down"), "{error}");

    // another one may follow, or none
    drop(long::<A::Table>().start(connect(&db)).expect("a lease"));
    assert_eq!(instances::<D>(&mut conn), 0);
    A::Table::migration().load(&mut conn).expect("the phase");
    assert_eq!(A::find(&mut conn, 1), Ok(FIRST.to_vec()));
}

fn every_phase_is_followed_and_acknowledged<D: Db, A: App<D>, O: App<D>>() {
    let (db, mut conn) = database::<D>();
    let lease = Lease::of::<A::Table>()
        .duration(Duration::from_secs(1))
        .patience(Duration::from_secs(60))
        .start(connect(&db))
        .expect("a lease");
    acknowledged::<D>(&mut conn);
    let mut id = 1;
    let mut check = |conn: &mut D::Conn, phase: &str| {
        acknowledged::<D>(conn);
        let sql = format!("SELECT phase FROM {}", ledger::<D>("migrations"));
        assert_eq!(D::text(conn, &sql).as_deref(), Some(phase));
        let health = lease.health();
        assert_eq!((health.acknowledged, health.lagging), (health.epoch, None));
        id += 1;
        assert_eq!(
            A::insert(conn, id, &[7, u8::try_from(id).expect("a small id")]),
            Ok(1)
        );
        assert_eq!(
            A::find(conn, id),
            Ok(vec![7, u8::try_from(id).expect("a small id")])
        );
        assert_eq!(A::ids(conn, &FIRST), Ok(vec![1]));
    };
    let step = advance::<D, O>;
    step(&mut conn, Step::Expand);
    check(&mut conn, "expanded");
    step(&mut conn, Step::Switch);
    check(&mut conn, "switched");
    step(&mut conn, Step::Rollback);
    check(&mut conn, "expanded");
    step(&mut conn, Step::Rollback);
    check(&mut conn, "original");
    step(&mut conn, Step::Retire);
    check(&mut conn, "retired");
    step(&mut conn, Step::Rollback);
    check(&mut conn, "switched");
    step(&mut conn, Step::Contract);
    check(&mut conn, "contracted");
    assert_eq!(instance::<D>(&mut conn, "lagging"), "");
}

fn the_runners_own_process_follows_at_once<D: Db, A: App<D>, O: App<D>>() {
    let (db, mut conn) = database::<D>();
    let lease = long::<A::Table>()
        .patience(Duration::from_secs(60))
        .start(connect(&db))
        .expect("a lease");
    for step in [Step::Expand, Step::Switch, Step::Rollback, Step::Contract] {
        let status = A::Table::migration()
            .options(fast())
            .advance_to(&mut conn, step);
        let stage = status.expect("the step runs").stage;
        let now = lease.on("main").expect("in force");
        let now = now.of::<A::Table>().expect("the lease is for it");
        assert_eq!(now.stage(), stage);
        assert_eq!(A::find(&mut conn, 1), Ok(FIRST.to_vec()));
    }
}

fn a_row_that_a_runner_deleted_comes_back_with_the_phase_of_then<D: Db, A: App<D>, O: App<D>>() {
    let (db, mut conn) = database::<D>();
    let lease = Lease::of::<A::Table>()
        .duration(Duration::from_secs(1))
        .patience(Duration::from_secs(60))
        .start(connect(&db))
        .expect("a lease");
    acknowledged::<D>(&mut conn);
    D::run(
        &mut conn,
        &format!("DELETE FROM {}", ledger::<D>("instances")),
    );
    wait::until("it registers again", || instances::<D>(&mut conn) == 1);
    assert_eq!(instance::<D>(&mut conn, "instance"), lease.instance());
    advance::<D, O>(&mut conn, Step::Switch);
    acknowledged::<D>(&mut conn);
    assert_eq!(A::find(&mut conn, 1), Ok(FIRST.to_vec()));
}

fn one_lease_keeps_the_process_wide_phase<D: Db, A: App<D>, O: App<D>>() {
    let (db, mut conn) = database::<D>();
    let first = long::<A::Table>().start(connect(&db)).expect("a lease");
    let (other_db, mut other) = database::<D>();
    advance::<D, O>(&mut other, Step::Contract);
    let second = long::<A::Table>().start(connect(&other_db));
    let error = second.expect_err("the cell has a keeper");
    assert!(
        matches!(
            error,
            Error::LeaseTaken {
                migration: "versions/tar_sha256"
            }
        ),
        "{error}"
    );
    // the attempt did no harm
    assert_eq!(A::find(&mut conn, 1), Ok(FIRST.to_vec()));
    assert_eq!(instances::<D>(&mut other), 0);

    let second = long::<A::Table>()
        .scoped()
        .start(connect(&other_db))
        .expect("a lease");
    let there = second.on("main").expect("in force");
    there.scope(|| {
        assert_eq!(A::insert(&mut other, 2, &[1]), Ok(1));
        assert_eq!(A::find(&mut other, 2), Ok(vec![1]));
    });
    assert_eq!(A::insert(&mut conn, 2, &[2]), Ok(1));
    assert_eq!(A::find(&mut conn, 2), Ok(vec![2]));
    assert_eq!(
        D::text(
            &mut other,
            "SELECT count(*) FROM versions WHERE tar_sha256 IS NULL"
        )
        .as_deref(),
        Some("0")
    );
    // `load` on another database does not touch what the lease keeps
    A::Table::migration().load(&mut other).expect("the phase");
    assert_eq!(A::find(&mut conn, 2), Ok(vec![2]));
    drop(second);
    first.shutdown().expect("the row can be deleted");
    assert!(matches!(
        long::<A::Table>()
            .start(connect(&db))
            .expect("the cell is free")
            .on("nowhere"),
        Err(StatementError::UnknownPool { .. })
    ));
}

fn a_snapshot_in_use_holds_the_acknowledgement_back<D: Db, A: App<D>, O: App<D>>() {
    let (db, mut conn) = database::<D>();
    let lease = Lease::of::<A::Table>()
        .scoped()
        .duration(Duration::from_secs(600))
        .start(connect(&db))
        .expect("a lease");
    acknowledged::<D>(&mut conn);
    let before = lease.on("main").expect("in force");
    std::thread::scope(|scope| {
        let url = db.url();
        let step = scope.spawn(move || advance::<D, O>(&mut D::open(&url), Step::Expand));
        wait::until("the instance says who lags", || {
            lease.refresh();
            instance::<D>(&mut conn, "lagging") == "main"
        });
        assert_eq!(instance::<D>(&mut conn, "acknowledged"), "0");
        assert_eq!(before.scope(|| A::find(&mut conn, 1)), Ok(FIRST.to_vec()));
        assert!(!step.is_finished(), "the step waits for it");
        drop(before);
        step.join().expect("nobody is left to wait for");
    });
    acknowledged::<D>(&mut conn);
    assert_eq!(instance::<D>(&mut conn, "lagging"), "");
}

on_both!(
    a_process_registers_and_leaves,
    every_phase_is_followed_and_acknowledged,
    the_runners_own_process_follows_at_once,
    a_row_that_a_runner_deleted_comes_back_with_the_phase_of_then,
    one_lease_keeps_the_process_wide_phase,
    a_snapshot_in_use_holds_the_acknowledgement_back,
);
