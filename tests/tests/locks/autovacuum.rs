//! Autovacuum on the table gives way after `deadlock_timeout` only, which is longer than DDL waits.

use std::time::Duration;

use expand_contract::phase::Step;
use tests::database::Db;
use tests::postgres::{PgDatabase, PgServer};
use tests::wait;

use crate::support::*;

#[test]
fn fm48_an_autovacuum_on_the_table_gives_way() {
    // a page takes it a tenth of a second
    let server = PgServer::start(&[
        ("autovacuum_naptime", "1s"),
        ("autovacuum_vacuum_threshold", "10"),
        ("autovacuum_vacuum_scale_factor", "0"),
        ("autovacuum_analyze_threshold", "1000000"),
        ("autovacuum_vacuum_cost_delay", "100ms"),
        ("autovacuum_vacuum_cost_limit", "1"),
    ]);
    let db = PgDatabase::on(&server);
    let (conn, witness) = (&mut db.connect(), &mut db.connect());
    table(conn, 20_000);
    run(conn, "DELETE FROM items WHERE id % 2 = 0");
    let at_work = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = 'items'::regclass";
    wait::until("autovacuum is at the table", || {
        Postgres::text(witness, at_work).as_deref() == Some("1")
    });
    // twice the first attempt's time, for a loaded machine
    let options = options()
        .lock_timeout(Duration::from_millis(100))
        .retries(1);
    advance(conn, options, Step::Expand).expect("autovacuum gives way");
    assert!(
        server.log().contains("canceling autovacuum task"),
        "{}",
        server.log()
    );
}

/// Whoever vacuums by hand does not give way, and is named.
#[test]
fn fm48_who_does_not_give_way_is_named() {
    let server = PgServer::start(&[("deadlock_timeout", "50ms")]);
    let db = PgDatabase::on(&server);
    let (conn, other) = (&mut db.connect(), &mut db.connect());
    table(conn, 10);
    run(
        other,
        "SET application_name = 'night job'; BEGIN; LOCK TABLE items IN SHARE UPDATE EXCLUSIVE MODE",
    );
    let outcome = advance(conn, options().lock_patience(Duration::ZERO), Step::Expand);
    let Err(expand_contract::Error::Locked {
        blockers, attempts, ..
    }) = outcome
    else {
        panic!("{outcome:?}");
    };
    let [blocker] = blockers.as_slice() else {
        panic!("{blockers:?}");
    };
    assert_eq!(attempts, 1);
    assert_eq!(blocker.transaction.pid, Some(pid_of(conn, "night job")));
    assert_eq!(blocker.lock, "ShareUpdateExclusiveLock");
    run(other, "COMMIT");
    advance(conn, options(), Step::Expand).expect("nobody is in the way");
}

fn pid_of(conn: &mut diesel::PgConnection, application: &str) -> i64 {
    let sql = format!("SELECT pid FROM pg_stat_activity WHERE application_name = '{application}'");
    let pid = Postgres::text(conn, &sql).expect("it is connected");
    pid.parse().expect("a number")
}
