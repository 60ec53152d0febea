//! Throttles by the lag of a real streaming replica.

use std::sync::Arc;
use std::time::Duration;

use diesel::{Connection, PgConnection};
use expand_contract::phase::Step;
use expand_contract::{Error, Interruption, Options, ReplicationLag, RunState, Status};
use tests::postgres::{PgDatabase, PgServer};
use tests::wait;

use crate::common::*;

struct Pair {
    primary: Arc<PgServer>,
    database: PgDatabase,
    replica: Arc<PgServer>,
}

impl Pair {
    fn start() -> Self {
        let primary = PgServer::start(&[("wal_writer_delay", "10ms")]);
        let database = PgDatabase::on(&primary);
        expanded::<Postgres>(&mut database.connect(), 5);
        let replica = primary.replica();
        replica.wait_for(&primary);
        let pair = Pair {
            primary,
            database,
            replica,
        };
        // how often a standby tells of what it has replayed while nothing new comes in
        let conn = &mut pair.on_replica();
        Postgres::run(conn, "ALTER SYSTEM SET wal_receiver_status_interval = '1s'");
        Postgres::run(conn, "SELECT pg_reload_conf()");
        pair
    }

    fn on_replica(&self) -> PgConnection {
        let url = self.replica.url(self.database.name());
        PgConnection::establish(&url).expect("the replica answers")
    }

    /// Replay stands still, more than a megabyte behind.
    fn fall_behind(&self) {
        self.replica.wait_for(&self.primary);
        let conn = &mut self.on_replica();
        Postgres::run(conn, "SELECT pg_wal_replay_pause()");
        wait::until("replay stands still", || {
            Postgres::text(conn, "SELECT pg_get_wal_replay_pause_state()").as_deref()
                == Some("paused")
        });
        Postgres::run(
            &mut self.database.connect(),
            "CREATE TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)",
        );
    }

    fn catch_up(&self) {
        Postgres::run(&mut self.on_replica(), "SELECT pg_wal_replay_resume()");
        self.replica.wait_for(&self.primary);
        Postgres::run(&mut self.database.connect(), "DROP TABLE filler");
        self.replica.wait_for(&self.primary);
    }

    /// A backfill that is held up until the replica has caught up.
    fn waits_for_the_replica(&self, options: impl FnOnce() -> Options + Send + 'static) {
        let conn = &mut self.database.connect();
        let before = copied::<Postgres>(conn);
        let url = self.database.url();
        self.fall_behind();
        let runner = std::thread::spawn(move || -> Result<Status, Error> {
            migration(options()).advance_to(&mut Postgres::open(&url), Step::Backfill)
        });
        wait::until("the backfill is throttled", || {
            let run = status::<Postgres>(conn).progress;
            run.is_some_and(|run| {
                let reason = run.reason.unwrap_or_default();
                run.state == RunState::Throttled && reason.contains("bytes")
            })
        });
        assert_eq!(copied::<Postgres>(conn), before, "no batch begins");
        self.catch_up();
        let status = runner.join().expect("it does not panic").expect("backfill");
        assert!(status.backfilled);
        assert_eq!(copied::<Postgres>(conn), 5);
    }

    /// Back to where nothing is copied.
    fn anew(&self) {
        let conn = &mut self.database.connect();
        migration(options()).rollback(conn).expect("rollback");
        migration(options())
            .advance_to(conn, Step::Expand)
            .expect("expand");
        self.replica.wait_for(&self.primary);
    }

    fn throttled(&self, options: Options) -> String {
        let conn = &mut self.database.connect();
        let options = options.throttle_wait(Duration::from_millis(100));
        let ended = migration(options).advance_to(conn, Step::Backfill);
        assert_eq!(copied::<Postgres>(conn), 0, "no batch begins");
        match ended {
            Err(Error::Interrupted(Interruption::Throttled { reason, .. })) => reason,
            other => panic!("{other:?}"),
        }
    }
}

const MEGABYTE: u64 = 1 << 20;

#[test]
fn fm39_a_lagging_replica_holds_the_backfill_up() {
    let pair = Pair::start();
    let url = pair.replica.url(pair.database.name());
    let at_replica = {
        let url = url.clone();
        move |lag: ReplicationLag| {
            let url = url.clone();
            options().replica("reporting", lag, move || PgConnection::establish(&url))
        }
    };

    // as the primary sees it, as the replica sees itself, in bytes and in time
    pair.waits_for_the_replica(|| options().replication_lag(ReplicationLag::bytes(MEGABYTE)));
    pair.anew();
    let asked = at_replica.clone();
    pair.waits_for_the_replica(move || asked(ReplicationLag::bytes(MEGABYTE)));
    pair.anew();
    let asked = at_replica.clone();
    let moment = Duration::from_millis(20);
    // held as soon as the position was seen for long enough: before the first batch it was not
    pair.waits_for_the_replica(move || {
        asked(ReplicationLag::time(moment)).replication_lag(ReplicationLag::bytes(MEGABYTE))
    });

    // none of them stands in the way of a replica that keeps up
    pair.anew();
    let options = at_replica(ReplicationLag::bytes(MEGABYTE).and_time(Duration::from_secs(30)))
        .replication_lag(ReplicationLag::bytes(MEGABYTE).and_time(Duration::from_secs(30)));
    let conn = &mut pair.database.connect();
    migration(options.throttle_wait(Duration::from_secs(20)))
        .advance_to(conn, Step::Backfill)
        .expect("it keeps up");
}

#[test]
fn fm39_a_replica_that_cannot_be_asked_holds_the_backfill_up() {
    let pair = Pair::start();
    let lag = || ReplicationLag::bytes(1 << 40);

    let reason = pair.throttled(options().replication_lag(lag().of("nobody")));
    assert!(
        reason.contains("standby `nobody` is not connected"),
        "{reason}"
    );
    let gone = options().replica("reporting", lag(), || {
        PgConnection::establish("postgresql:///?host=/nowhere")
    });
    let reason = pair.throttled(gone);
    assert!(reason.contains("reporting"), "{reason}");
    // the primary itself, and a server that has nothing to do with it
    let (itself, stranger) = (pair.database.url(), PgDatabase::new());
    let itself = options().replica("reporting", lag(), move || PgConnection::establish(&itself));
    let reason = pair.throttled(itself);
    assert!(reason.contains("is no standby"), "{reason}");
    let url = stranger.url();
    let other = options().replica("reporting", lag(), move || PgConnection::establish(&url));
    let reason = pair.throttled(other);
    assert!(reason.contains("belongs to another server"), "{reason}");

    // a role that may do all else, but not see other sessions
    let database = PgDatabase::on(&pair.primary);
    let conn = &mut database.connect();
    let name = database.name();
    Postgres::run(
        conn,
        &format!(
            "CREATE ROLE runner; GRANT CREATE ON DATABASE {name} TO runner; GRANT CREATE ON SCHEMA public TO runner; \
             SET ROLE runner"
        ),
    );
    expanded::<Postgres>(conn, 5);
    let throttled = || {
        let options = options().replication_lag(lag());
        options.throttle_wait(Duration::from_millis(100))
    };
    match migration(throttled()).advance_to(conn, Step::Backfill) {
        Err(Error::Interrupted(Interruption::Throttled { reason, .. })) => {
            assert!(reason.contains("pg_monitor"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(copied::<Postgres>(conn), 0);
    Postgres::run(
        conn,
        "RESET ROLE; GRANT pg_monitor TO runner; SET ROLE runner",
    );
    migration(throttled())
        .advance_to(conn, Step::Backfill)
        .expect("now it can see them");
    assert_eq!(copied::<Postgres>(conn), 5);
}
