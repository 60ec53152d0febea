//! Through PgBouncer in transaction mode: each transaction may have another server process.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use diesel::{Connection, PgConnection};
use expand_contract::phase::{Phase, Step};
use expand_contract::prelude::*;
use expand_contract::{Error, Lease, Moment};
use tests::database::Db;
use tests::postgres::{PgBouncer, PgDatabase, PgServer};
use tests::process::{self, TestProcess};

use crate::settings::settings;
use crate::support::*;

const POOL: usize = 4;

/// A database, and a pooler with few connections to it.
fn pooled() -> (PgDatabase, PgBouncer) {
    let server = PgServer::shared();
    let pooler = PgBouncer::start(&server, u32::try_from(POOL).expect("few"));
    (PgDatabase::on(&server), pooler)
}

/// The application's clients, who keep the pool busy while `work` runs.
fn among_clients<T>(db: &PgDatabase, pooler: &PgBouncer, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for key in 1..=6 {
            let (mut conn, stop) = (pooler.connect(db), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let sql = format!("UPDATE others SET note = 'client {key}' WHERE id = {key}");
                    run(&mut conn, &sql);
                }
            });
        }
        let stopped = Stop(&stop);
        let value = work();
        drop(stopped);
        value
    })
}

struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Every connection of the pool is as a fresh one, and holds nothing.
#[track_caller]
fn nothing_is_stranded(db: &PgDatabase, pooler: &PgBouncer) {
    let fresh = settings(&mut db.connect());
    let mut conns: Vec<PgConnection> = (0..POOL).map(|_| pooler.connect(db)).collect();
    for conn in &mut conns {
        // each keeps a server process for itself
        run(conn, "BEGIN");
        let left: Vec<String> = settings(conn)
            .lines()
            .filter(|line| !fresh.lines().any(|known| known == *line))
            .map(str::to_owned)
            .collect();
        assert_eq!(left, [""; 0]);
        let prepared = "SELECT string_agg(statement, '; ') FROM pg_prepared_statements";
        assert_eq!(Postgres::text(conn, prepared), None);
    }
    let conn = &mut db.connect();
    let held = "SELECT string_agg(locktype || ' ' || mode, '; ') FROM pg_locks \
                JOIN pg_database d ON d.oid = database WHERE datname = current_database() \
                AND (locktype = 'advisory' OR relation IN (SELECT oid FROM pg_class \
                WHERE relname IN ('items', 'runners', 'gate')))";
    assert_eq!(Postgres::text(conn, held), None);
}

#[test]
fn fm20_a_whole_migration_through_pgbouncer() {
    let (db, pooler) = pooled();
    table(&mut db.connect(), 300);
    let conn = &mut pooler.connect(&db);
    Item::migration().prepare(conn).expect("it can be created");
    // an instance that each step waits for
    let url = pooler.url(&db);
    let lease = Lease::of::<items::table>()
        .duration(Duration::from_secs(60))
        .scoped()
        .start(move || PgConnection::establish(&url))
        .expect("it registers");
    among_clients(&db, &pooler, || {
        beside(&db, conn, options(), Step::Retire).expect("it gets through");
        let url = db.url();
        let mut migration = Item::migration()
            .options(options())
            .connect_with(move || PgConnection::establish(&url));
        while migration.rollback(conn).expect("it goes back").stage.phase != Phase::Original {}
        beside(&db, conn, options(), Step::Contract).expect("it gets through");
    });
    lease.shutdown().expect("its row can be deleted");
    let rows = "SELECT count(*) FROM items WHERE mail = 'item ' || id";
    assert_eq!(
        Postgres::text(&mut db.connect(), rows).as_deref(),
        Some("300")
    );
    nothing_is_stranded(&db, &pooler);
}

/// The values that Rust converts are written by statements that Diesel would keep prepared.
mod rust {
    use super::*;

    diesel::table! {
        prices (id) {
            id -> Integer,
            cents -> BigInt,
        }
    }

    fn up(price: String) -> Result<i64, std::num::ParseIntError> {
        price.parse()
    }

    fn down(cents: i64) -> Result<String, std::convert::Infallible> {
        Ok(cents.to_string())
    }

    #[derive(Migrate, Debug)]
    #[diesel(table_name = prices)]
    struct Price {
        #[allow(dead_code)]
        id: i32,
        #[allow(dead_code)]
        #[migrate(rename_from = "price", retype_from = Text, old_type = String, up_with = up, down_with = down)]
        cents: i64,
    }

    #[test]
    fn fm20_a_rust_conversion_through_pgbouncer() {
        let (db, pooler) = pooled();
        table(&mut db.connect(), 10);
        run(
            &mut db.connect(),
            "CREATE TABLE prices (id integer PRIMARY KEY, price text NOT NULL); \
             INSERT INTO prices SELECT i, i::text FROM generate_series(1, 400) i",
        );
        let conn = &mut pooler.connect(&db);
        among_clients(&db, &pooler, || {
            let mut migration = Price::migration().options(options());
            let outcome = migration.advance_to(conn, Step::Contract);
            outcome.expect("it gets through");
        });
        let rows = "SELECT count(*) FROM prices WHERE cents = id";
        assert_eq!(
            Postgres::text(&mut db.connect(), rows).as_deref(),
            Some("400")
        );
        nothing_is_stranded(&db, &pooler);
    }
}

/// Killed between two actions, and in the middle of one.
#[test]
fn fm20_a_runner_killed_behind_pgbouncer_strands_nothing() {
    let (db, pooler) = pooled();
    table(&mut db.connect(), 300);
    let mut nth = 0;
    loop {
        let role = format!("{nth}\n{}\n{}", pooler.url(&db), db.url());
        let mut child = TestProcess::spawn("pooler::child_migrates", &role);
        let point = child.wait_for_point("stopped");
        if point == "done" {
            break;
        }
        child.kill();
        nothing_is_stranded(&db, &pooler);
        // the next one begins behind what this one has done
        nth = (nth + 1) % 4;
    }
    let status = Item::migration().status(&mut db.connect());
    assert_eq!(
        status.expect("there is a ledger").stage.phase,
        Phase::Contracted
    );
    nothing_is_stranded(&db, &pooler);
}

#[test]
#[ignore = "the child of `fm20_a_runner_killed_behind_pgbouncer_strands_nothing`"]
fn child_migrates() {
    let Some(role) = process::role() else {
        return;
    };
    let mut lines = role.splitn(3, '\n');
    let mut left: u32 = lines
        .next()
        .and_then(|nth| nth.parse().ok())
        .expect("a number");
    let by_pooler = lines.next().expect("a URL");
    let direct = lines.next().expect("a URL").to_owned();
    let conn = &mut PgConnection::establish(by_pooler).expect("it may connect");
    let options = options().on_action(move |event| {
        if event.moment == Moment::After {
            if left == 0 {
                process::at_point("stopped", &event.action);
            }
            left = left.saturating_sub(1);
        }
        ControlFlow::Continue(())
    });
    let mut migration = Item::migration()
        .options(options)
        .connect_with(move || PgConnection::establish(&direct));
    migration
        .advance_to(conn, Step::Contract)
        .expect("nobody is in the way");
    process::at_point("stopped", "done");
}

/// An index build needs a server process of its own. It is refused before anything of the step is done.
#[test]
fn fm20_an_index_build_through_pgbouncer_is_refused() {
    let (db, pooler) = pooled();
    table(&mut db.connect(), 100);
    let conn = &mut pooler.connect(&db);
    beside(&db, conn, options(), Step::Expand).expect("it gets through");
    let before = Postgres::schema(&mut db.connect());
    let refused = |outcome: Result<(), Error>| {
        let Err(error @ Error::Pooled { .. }) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(error.to_string().contains("connect_with"), "{error}");
    };
    let through = || {
        let url = pooler.url(&db);
        let mut migration = Item::migration()
            .options(options())
            .connect_with(move || PgConnection::establish(&url));
        let conn = &mut pooler.connect(&db);
        migration.advance_to(conn, Step::Backfill).map(drop)
    };
    // nobody else is there, so that each transaction would have the same process
    refused(through());
    among_clients(&db, &pooler, || refused(through()));
    let copied = "SELECT count(*) FROM items WHERE mail IS NOT NULL";
    assert_eq!(
        Postgres::text(&mut db.connect(), copied).as_deref(),
        Some("0")
    );
    // one connection alone gives itself away as soon as somebody else has the process that it had
    let mut other = pooler.connect(&db);
    let takes = options().on_action(move |event| {
        if event.moment == Moment::Before && event.action == "copy" {
            run(&mut other, "BEGIN; SELECT 1");
        }
        ControlFlow::Continue(())
    });
    refused(advance(conn, takes, Step::Backfill));
    assert_eq!(Postgres::schema(&mut db.connect()), before);
    nothing_is_stranded(&db, &pooler);
    beside(&db, conn, options(), Step::Contract).expect("it gets through");
}

/// One connection only: the smallest pool there is.
#[test]
fn fm20_a_pool_of_one() {
    let server = PgServer::shared();
    let (db, pooler) = (PgDatabase::on(&server), PgBouncer::start(&server, 1));
    table(&mut db.connect(), 20);
    let conn = &mut pooler.connect(&db);
    let url = pooler.url(&db);
    let mut migration = Item::migration()
        .options(options())
        .connect_with(move || PgConnection::establish(&url));
    let outcome = migration.advance_to(conn, Step::Contract);
    assert!(matches!(outcome, Err(Error::Pooled { .. })), "{outcome:?}");
    beside(&db, conn, options(), Step::Contract).expect("it gets through");
}
