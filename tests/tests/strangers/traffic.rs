//! The safety net is put in place and taken away under traffic, and no statement of anybody fails.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use expand_contract::phase::{Phase, Step};
use expand_contract::prelude::*;
use expand_contract::{MigrateOn, Moment, Options};
use tests::database::{Db, Lite, Postgres};
use tests::wait;

// columns and models of their own: the phase is the process's
diesel::table! {
    busy (id) {
        id -> Integer,
        owner -> Integer,
        name -> Text,
        size -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = busy)]
#[migrate(id = "busy-columns")]
struct Busy {
    id: i32,
    owner: i32,
    #[migrate(rename_from = "label")]
    name: String,
    #[migrate(
        rename_from = "length",
        retype_from = Integer,
        up(sqlite = "CAST(length AS INTEGER)", postgres = "length::bigint"),
        down(sqlite = "CAST(size AS INTEGER)", postgres = "size::integer"),
        lossless
    )]
    size: i64,
}

/// The previous release: knows nothing of any of this.
mod before {
    diesel::table! {
        busy (id) {
            id -> Integer,
            owner -> Integer,
            label -> Text,
            length -> Integer,
        }
    }
}

/// The phase is the process's, and so is the database that it is of.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const TABLE: &str =
    "CREATE TABLE busy (id integer PRIMARY KEY, owner integer NOT NULL, label text NOT NULL, \
     length integer NOT NULL DEFAULT 0)";

/// Who may send statements, and what came of them.
#[derive(Default)]
struct Traffic {
    /// Statements hold it for reading; whoever changes what they may say waits for those under way.
    library: RwLock<()>,
    old_release: RwLock<()>,
    stop: AtomicBool,
    sent: AtomicU64,
    failed: Mutex<Vec<String>>,
}

impl Traffic {
    fn sent(&self, outcome: QueryResult<usize>, who: &str) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Ok(1) => {}
            other => self
                .failed
                .lock()
                .expect("nobody panics")
                .push(format!("{who}: {other:?}")),
        }
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Until every client had its turn a few times.
    fn flow(&self, statements: u64) {
        let before = self.sent.load(Ordering::Relaxed);
        wait::until("traffic flows", || {
            self.sent.load(Ordering::Relaxed) >= before + statements
        });
    }
}

/// Insert, update, delete, again and again, with statements that the connection has prepared once.
macro_rules! client {
    ($traffic:expr, $conn:expr, $gate:ident, $who:expr, $id:expr, $insert:expr, $update:expr, $table:path) => {{
        let (traffic, conn, this): (&Traffic, _, i32) = ($traffic, $conn, $id);
        use $table as table;
        let (insert, update) = ($insert, $update);
        let mut round = 0;
        while traffic.goes_on() {
            round += 1;
            {
                let _turn = traffic.$gate.read();
                let outcome = diesel::insert_into(table::table)
                    .values(insert(round))
                    .execute(conn);
                traffic.sent(outcome, concat!($who, " insert"));
            }
            for _ in 0..3 {
                round += 1;
                let _turn = traffic.$gate.read();
                let outcome = diesel::update(table::table.find(this))
                    .set(update(round))
                    .execute(conn);
                traffic.sent(outcome, concat!($who, " update"));
            }
            let _turn = traffic.$gate.read();
            let outcome = diesel::delete(table::table.find(this)).execute(conn);
            traffic.sent(outcome, concat!($who, " delete"));
        }
    }};
}

macro_rules! scenario {
    ($db:ty, $db_value:expr, clients: $clients:expr, cycles: $cycles:expr) => {{
        let _alone = ONE_AT_A_TIME.lock();
        let db: $db = $db_value;
        let traffic = Arc::new(Traffic::default());
        let conn = &mut db.connect();
        <$db>::run(conn, TABLE);
        for id in 1000..1200 {
            <$db>::run(
                conn,
                &format!(
                    "INSERT INTO busy (id, owner, label, length) VALUES ({id}, 0, 'row', {id})"
                ),
            );
        }
        Busy::migration().load(conn).expect("the table is there");
        std::thread::scope(|scope| {
            for n in 0..$clients {
                let (traffic, db) = (&*traffic, &db);
                scope.spawn(move || {
                    let conn = &mut db.connect();
                    patient(conn);
                    use before::busy::{id, label, length, owner};
                    let key = n + 1;
                    let text = |round: i32| format!("old {round}");
                    client!(
                        traffic,
                        conn,
                        old_release,
                        "the old release's",
                        key,
                        |round: i32| (
                            id.eq(key),
                            owner.eq(1),
                            label.eq(text(round)),
                            length.eq(round)
                        ),
                        |round: i32| (label.eq(text(round)), length.eq(round)),
                        before::busy
                    );
                });
                scope.spawn(move || {
                    let conn = &mut db.connect();
                    patient(conn);
                    let key = n + 101;
                    let record = |round: i32| Busy {
                        id: key,
                        owner: 2,
                        name: format!("new {round}"),
                        size: round.into(),
                    };
                    client!(
                        traffic,
                        conn,
                        library,
                        "the library's",
                        key,
                        record,
                        record,
                        busy
                    );
                });
            }
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                for _ in 0..$cycles {
                    cycle::<$db>(conn, &traffic);
                }
            }));
            traffic.stop.store(true, Ordering::Relaxed);
            if let Err(panic) = outcome {
                std::panic::resume_unwind(panic);
            }
        });
        let failed = std::mem::take(&mut *traffic.failed.lock().expect("nobody panics"));
        assert_eq!(failed, Vec::<String>::new());
        let rows = "SELECT count(*) FROM busy WHERE owner = 0 AND length = id";
        assert_eq!(<$db>::text(conn, rows).as_deref(), Some("200"));
    }};
}

trait Patient {
    fn patient(&mut self);
}

impl Patient for PgConnection {
    fn patient(&mut self) {}
}

impl Patient for SqliteConnection {
    fn patient(&mut self) {
        Lite::run(self, "PRAGMA busy_timeout = 60000");
    }
}

fn patient<C: Patient>(conn: &mut C) {
    conn.patient();
}

/// There and back, then there and to the end.
fn cycle<D: Db>(conn: &mut D::Conn, traffic: &Arc<Traffic>)
where
    busy::table: MigrateOn<D::Conn>,
    D::Conn: Patient,
{
    patient(conn);
    let flow = || traffic.flow(60);
    for steps in [
        &[Step::Expand, Step::Rollback][..],
        &[Step::Switch, Step::Rollback, Step::Rollback],
        &[Step::Expand, Step::Switch],
    ] {
        for step in steps {
            forward::<D>(conn, traffic, *step);
            flow();
        }
    }
    // the old release has gone by now; a step behind this lets its columns go
    let gone = traffic.old_release.write().expect("nobody panics");
    for step in [Step::Retire, Step::Rollback, Step::Retire, Step::Contract] {
        forward::<D>(conn, traffic, step);
        traffic.flow(20);
    }
    let migration = "SELECT count(*) FROM busy WHERE name IS NULL";
    assert_eq!(D::text(conn, migration).as_deref(), Some("0"));
    // everything from the start
    let quiet = traffic.library.write().expect("nobody panics");
    let dot = if D::POSTGRES { '.' } else { '_' };
    let retype = if D::POSTGRES {
        "ALTER TABLE busy RENAME name TO label; ALTER TABLE busy RENAME size TO length; \
         ALTER TABLE busy ALTER length TYPE integer"
    } else {
        "ALTER TABLE busy RENAME name TO label; ALTER TABLE busy RENAME size TO length"
    };
    D::run(
        conn,
        &format!("{retype}; DELETE FROM expand_contract{dot}migrations"),
    );
    let status = Busy::migration().load(conn).expect("the table is there");
    assert_eq!(status.stage.phase, Phase::Original);
    drop((gone, quiet));
    flow();
}

fn forward<D: Db>(conn: &mut D::Conn, traffic: &Arc<Traffic>, step: Step)
where
    busy::table: MigrateOn<D::Conn>,
{
    let in_flight = Arc::clone(traffic);
    let options = Options::new()
        .batch_size(50)
        .grace(Duration::ZERO)
        .quiet_period(Duration::ZERO)
        .retries(200)
        // what a barrier does: statements that were built for the phase before have ended
        .on_action(move |event| {
            if event.moment == Moment::After {
                drop(in_flight.library.write());
            }
            ControlFlow::Continue(())
        });
    let moved = Busy::migration().options(options).advance_to(conn, step);
    if let Err(error) = moved {
        panic!("{step}: {error}");
    }
}

#[test]
fn fm04_no_statement_fails_while_the_net_comes_and_goes_on_postgres() {
    scenario!(Postgres, Postgres::fresh(), clients: 4, cycles: 4);
}

#[test]
fn fm04_no_statement_fails_while_the_net_comes_and_goes_on_sqlite() {
    scenario!(Lite, Lite::fresh(), clients: 1, cycles: 2);
}
