//! Real streaming replicas: the phase comes from the server that is asked.

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use expand_contract::phase::Step;
use expand_contract::{pinned, Error, Lease};
use tests::postgres::{PgDatabase, PgServer};
use tests::wait;

use crate::common::*;

type Table<A> = <A as App<Postgres>>::Table;

fn text(conn: &mut PgConnection, sql: &str) -> String {
    Postgres::text(conn, sql).unwrap_or_default()
}

struct Pair {
    primary: Arc<PgServer>,
    database: PgDatabase,
    replica: Arc<PgServer>,
}

impl Pair {
    fn start() -> Self {
        let primary = PgServer::start(&[("wal_writer_delay", "10ms")]);
        let database = PgDatabase::on(&primary);
        create::<Postgres>(&mut database.connect());
        let replica = primary.replica();
        replica.wait_for(&primary);
        Pair {
            primary,
            database,
            replica,
        }
    }

    fn replica_url(&self) -> String {
        self.replica.url(self.database.name())
    }

    fn on_replica(&self) -> PgConnection {
        PgConnection::establish(&self.replica_url()).expect("the replica answers")
    }

    fn pause(&self) {
        self.replica.wait_for(&self.primary);
        let mut conn = self.on_replica();
        conn.batch_execute("SELECT pg_wal_replay_pause()")
            .expect("a replica");
        wait::until("replay stands still", || {
            text(&mut conn, "SELECT pg_get_wal_replay_pause_state()") == "paused"
        });
    }

    fn resume(&self) {
        let mut conn = self.on_replica();
        conn.batch_execute("SELECT pg_wal_replay_resume()")
            .expect("a replica");
    }
}

#[test]
fn a_lagging_replica_is_read_by_its_own_phase() {
    model!(own);
    model!(operator);
    type A = own::App;
    let pair = Pair::start();
    let mut conn = pair.database.connect();
    let mut reader = pair.on_replica();
    let (url, replica_url) = (pair.database.url(), pair.replica_url());
    let lease = Lease::of::<Table<A>>()
        .duration(Duration::from_secs(1))
        .patience(Duration::from_secs(60))
        .pool("replica", move || PgConnection::establish(&replica_url))
        .start(move || PgConnection::establish(&url))
        .expect("a lease");
    let mut id = 1;
    let value = |id: i32| vec![9, u8::try_from(id).expect("few")];
    for (step, to) in [
        (Step::Expand, "expanded"),
        (Step::Rollback, "original"),
        (Step::Expand, "expanded"),
        (Step::Switch, "switched"),
        (Step::Rollback, "expanded"),
        (Step::Switch, "switched"),
        (Step::Retire, "retired"),
        (Step::Rollback, "switched"),
        (Step::Retire, "retired"),
        (Step::Contract, "contracted"),
    ] {
        pair.pause();
        let before = text(
            &mut conn,
            "SELECT acknowledged FROM expand_contract.instances",
        );
        let url = pair.database.url();
        std::thread::scope(|scope| {
            let runner = scope.spawn(move || {
                let mut conn = PgConnection::establish(&url).expect("the server answers");
                advance::<Postgres, operator::App>(&mut conn, step);
            });
            let published = format!(
                "SELECT count(*) FROM expand_contract.migrations WHERE phase = '{to}' \
                 AND published > (SELECT acknowledged FROM expand_contract.instances)"
            );
            wait::until("the phase is published", || {
                // before the first step there is no ledger row
                text(&mut conn, &published) == "1"
            });
            lease.refresh();
            wait::until("the instance says whose fault it is", || {
                text(&mut conn, "SELECT lagging FROM expand_contract.instances") == "replica"
            });
            let here = lease.on("main").expect("in force");
            let here = here.of::<Table<A>>().expect("the lease is for it").stage();
            assert_eq!(here.phase.as_str(), to);

            // the primary in the new phase, the replica in that of its own past
            id += 1;
            assert_eq!(
                <A as App<Postgres>>::insert(&mut conn, id, &value(id)),
                Ok(1)
            );
            assert_eq!(<A as App<Postgres>>::find(&mut conn, id), Ok(value(id)));
            let there = lease.on("replica").expect("in force");
            there.scope(|| {
                for seen in 1..id {
                    let wanted = if seen == 1 {
                        FIRST.to_vec()
                    } else {
                        value(seen)
                    };
                    assert_eq!(
                        <A as App<Postgres>>::find(&mut reader, seen),
                        Ok(wanted.clone()),
                        "{to}"
                    );
                    assert_eq!(
                        <A as App<Postgres>>::ids(&mut reader, &wanted),
                        Ok(vec![seen]),
                        "{to}"
                    );
                }
            });
            drop(there);
            let held = text(
                &mut conn,
                "SELECT acknowledged FROM expand_contract.instances",
            );
            assert_eq!(held, before, "{to}");
            pair.resume();
            runner.join().expect("the step runs");
        });
        lease.refresh();
        acknowledged::<Postgres>(&mut conn);
        wait::until("nobody lags", || {
            text(
                &mut conn,
                "SELECT coalesce(lagging, '') FROM expand_contract.instances",
            )
            .is_empty()
        });
        pair.replica.wait_for(&pair.primary);
        let there = lease.on("replica").expect("in force");
        assert_eq!(
            there.scope(|| <A as App<Postgres>>::find(&mut reader, id)),
            Ok(value(id))
        );
    }
}

#[test]
fn a_replica_out_of_reach_does_not_keep_the_lease_from_starting() {
    model!(own);
    type A = own::App;
    let (db, mut conn) = database::<Postgres>();
    let lease = long::<Table<A>>()
        .patience(Duration::from_secs(5))
        .pool("replica", || {
            PgConnection::establish("postgresql:///?host=/nowhere")
        })
        .start(connect(&db))
        .expect("a lease");
    assert_eq!(<A as App<Postgres>>::find(&mut conn, 1), Ok(FIRST.to_vec()));
    let error = lease
        .on("replica")
        .expect_err("nobody is there")
        .to_string();
    assert!(error.contains("replica could not be reached"), "{error}");
    // statements that cannot be built hold nothing up
    acknowledged::<Postgres>(&mut conn);
}

#[test]
fn pinned_transactions_read_on_a_standby_and_write_nothing() {
    model!(own);
    model!(operator);
    type A = own::App;
    let pair = Pair::start();
    let mut conn = pair.database.connect();
    let mut read_only = pair.database.connect();
    read_only
        .batch_execute("SET default_transaction_read_only = on")
        .expect("the setting exists");
    let mut standby = pair.on_replica();
    let mut check = || {
        pair.replica.wait_for(&pair.primary);
        for conn in [&mut read_only, &mut standby] {
            let found: Result<(), Error> = pinned::transaction::<Table<A>, _, _, _>(conn, |conn| {
                let written = conn.batch_execute("CREATE TABLE written (x integer)");
                Err(written.expect_err("the transaction is read-only").into())
            });
            assert!(found
                .expect_err("it was undone")
                .to_string()
                .contains("read-only"));
            let found: Result<_, Error> = pinned::transaction::<Table<A>, _, _, _>(conn, |conn| {
                let gate = text(
                    conn,
                    "SELECT string_agg(mode, ',') FROM pg_locks WHERE pid = pg_backend_pid() \
                     AND relation = to_regclass('expand_contract.gate')",
                );
                Ok((gate, <A as App<Postgres>>::find(conn, 1)?))
            });
            let (gate, value) = found.expect("a pinned transaction needs no write");
            assert_eq!(value, FIRST.to_vec());
            if text(
                conn,
                "SELECT coalesce(to_regclass('expand_contract.gate')::text, '')",
            )
            .is_empty()
            {
                assert_eq!(gate, "");
            } else {
                assert_eq!(gate, "AccessShareLock");
            }
        }
    };
    check();
    let own_transaction = |servers: &Pair| {
        servers.replica.wait_for(&servers.primary);
        for conn in [&mut servers.database.connect(), &mut servers.on_replica()] {
            let within = pinned::within::<Table<A>, _, Vec<u8>, Error>;
            let read = |conn: &mut PgConnection| Ok(<A as App<Postgres>>::find(conn, 1)?);
            let found = conn
                .build_transaction()
                .read_only()
                .run(|conn| within(conn, read));
            assert_eq!(found.expect("it writes nothing"), FIRST.to_vec());
            // a snapshot that is kept may be older than the gate
            let found = conn
                .build_transaction()
                .read_only()
                .repeatable_read()
                .run(|conn| within(conn, read));
            let error = found.expect_err("it must not be trusted").to_string();
            assert!(error.contains("READ COMMITTED"), "{error}");
        }
    };
    own_transaction(&pair);
    for step in [
        Step::Expand,
        Step::Switch,
        Step::Rollback,
        Step::Retire,
        Step::Contract,
    ] {
        advance::<Postgres, operator::App>(&mut conn, step);
        check();
        own_transaction(&pair);
    }
}
