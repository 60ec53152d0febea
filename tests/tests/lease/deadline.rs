//! Until when a statement may be built, and what happens then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use diesel::{Connection, ConnectionError};
use expand_contract::phase::Step;
use expand_contract::{Lease, StatementError};
use tests::postgres::{PgDatabase, PgServer};
use tests::wait;

use crate::common::*;

fn without_the_ledger_statements_fail_by_name_and_then_recover<D: Db, A: App<D>, O: App<D>>() {
    let (db, mut conn) = database::<D>();
    let reachable = Arc::new(AtomicBool::new(true));
    let (mut open, gate) = (connect(&db), Arc::clone(&reachable));
    let lease = Lease::of::<A::Table>()
        .duration(Duration::from_millis(600))
        .patience(Duration::ZERO)
        .start(move || match gate.load(Ordering::SeqCst) {
            true => open(),
            false => Err(ConnectionError::BadConnection("the cable is cut".into())),
        })
        .expect("a lease");
    advance::<D, O>(&mut conn, Step::Expand);
    acknowledged::<D>(&mut conn);

    reachable.store(false, Ordering::SeqCst);
    // what ends the connection that is there
    let hidden = "hidden_instances";
    let (shown, schema) = match D::POSTGRES {
        true => ("instances", "expand_contract."),
        false => ("expand_contract_instances", ""),
    };
    D::run(
        &mut conn,
        &format!("ALTER TABLE {schema}{shown} RENAME TO {hidden}"),
    );
    wait::until("statements fail", || A::find(&mut conn, 1).is_err());
    let error = A::find(&mut conn, 1).expect_err("the lease has run out");
    match said(&error) {
        Some(StatementError::LeaseExpired { migration, .. }) => {
            assert_eq!(*migration, "versions/tar_sha256")
        }
        other => panic!("{other:?}"),
    }
    // each kind of statement
    assert!(A::insert(&mut conn, 2, &[2]).is_err());
    assert!(A::ids(&mut conn, &FIRST).is_err());
    wait::until("the watcher tries to connect", || {
        let error = A::find(&mut conn, 1).expect_err("the lease has run out");
        error.to_string().contains("the cable is cut")
    });
    let health = lease.health();
    assert!(!health.in_force && health.trouble.is_some(), "{health:?}");
    let error = lease.on("main").expect_err("the lease has run out");
    assert!(
        matches!(error, StatementError::LeaseExpired { .. }),
        "{error}"
    );
    // nothing was sent
    assert_eq!(
        D::text(&mut conn, "SELECT count(*) FROM versions").as_deref(),
        Some("1")
    );

    D::run(
        &mut conn,
        &format!("ALTER TABLE {schema}{hidden} RENAME TO {shown}"),
    );
    reachable.store(true, Ordering::SeqCst);
    wait::until("statements work again", || A::find(&mut conn, 1).is_ok());
    assert_eq!(instances::<D>(&mut conn), 1);
}

fn past_the_deadline_a_statement_waits_for_the_renewal<D: Db, A: App<D>, O: App<D>>() {
    let (db, mut conn) = database::<D>();
    let mut holder = db.connect();
    let lease = Lease::of::<A::Table>()
        .duration(Duration::from_millis(600))
        .patience(Duration::from_secs(60))
        .start(connect(&db))
        .expect("a lease");
    acknowledged::<D>(&mut conn);
    // no renewal gets through
    D::run(
        &mut holder,
        match D::POSTGRES {
            true => "BEGIN; LOCK TABLE expand_contract.instances IN ACCESS EXCLUSIVE MODE",
            false => "BEGIN IMMEDIATE",
        },
    );
    wait::until("the lease runs out", || !lease.health().in_force);
    let (sender, begun) = std::sync::mpsc::channel();
    let found = std::thread::scope(|scope| {
        let statement = scope.spawn(|| {
            sender.send(()).expect("the test waits");
            A::find(&mut conn, 1)
        });
        begun.recv().expect("the statement begins");
        D::run(&mut holder, "COMMIT");
        statement.join().expect("no panic")
    });
    assert_eq!(found, Ok(FIRST.to_vec()));
}

on_both!(
    without_the_ledger_statements_fail_by_name_and_then_recover,
    past_the_deadline_a_statement_waits_for_the_renewal,
);

#[test]
fn a_renewal_is_one_query() {
    model!(own);
    let server = PgServer::start(&[("log_statement", "all"), ("log_line_prefix", "%a|")]);
    let database = PgDatabase::on(&server);
    let mut conn = database.connect();
    create::<Postgres>(&mut conn);
    let url = format!("{}&application_name=watcher", database.url());
    let lease = Lease::of::<<own::App as App<Postgres>>::Table>()
        .duration(Duration::from_millis(300))
        .patience(Duration::from_secs(60))
        .start(move || diesel::PgConnection::establish(&url))
        .expect("a lease");
    wait::until("it was renewed a few times", || {
        let renewals = instance::<Postgres>(&mut conn, "renewals");
        renewals.parse::<u32>().expect("a number") >= 12
    });
    lease.shutdown().expect("the row can be deleted");
    let log = server.log();
    let sent: Vec<&str> = log
        .lines()
        .filter_map(|line| line.strip_prefix("watcher|LOG:  "))
        .filter(|line| line.starts_with("statement:") || line.starts_with("execute"))
        .collect();
    let is_renewal = |line: &&str| line.contains("UPDATE expand_contract.instances");
    let renewals = sent.iter().filter(|line| is_renewal(line)).count();
    assert!(renewals >= 12, "{log}");
    let first = sent.iter().position(&is_renewal).expect("one");
    // the first one learns of the phase, which is not in the ledger yet; the last statement is the farewell
    let steady = &sent[first..sent.len() - 1];
    let second = steady.iter().skip(1).position(&is_renewal).expect("one") + 1;
    assert!(steady[second..].iter().all(is_renewal), "{steady:#?}");
}
