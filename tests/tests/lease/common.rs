//! What the scenarios share. Each has a model of its own, since the phase is the process's.
#![allow(dead_code, unreachable_pub)]

use std::time::{Duration, Instant};

use diesel::{Connection, QueryResult};
use expand_contract::lease::Builder;
use expand_contract::phase::Step;
use expand_contract::pinned::Pinned;
use expand_contract::{Lease, Migrate, MigrateOn, Options, StatementError};
pub use tests::database::{Db, Lite, Postgres};
use tests::wait;

/// A table with a changed column, and its model.
macro_rules! model {
    ($name:ident) => {
        mod $name {
            #![allow(dead_code, unreachable_pub)]
            use expand_contract::prelude::*;

            diesel::table! {
                versions (id) {
                    id -> Integer,
                    tar_sha256 -> Binary,
                }
            }

            #[derive(Queryable, Selectable, Insertable, Migrate, Debug, Clone, PartialEq)]
            #[diesel(table_name = versions)]
            pub struct Version {
                pub id: i32,
                #[migrate(
                    rename_from = "checksum", retype_from = Text,
                    up(sqlite = "unhex(checksum)", postgres = "decode(checksum, 'hex')"),
                    down(sqlite = "lower(hex(tar_sha256))", postgres = "encode(tar_sha256, 'hex')"),
                    lossless
                )]
                pub tar_sha256: Vec<u8>,
            }

            pub enum App {}

            $crate::common::app!(tests::database::Lite, tests::database::Postgres);
        }
    };
}
pub(crate) use model;

macro_rules! app {
    ($($db:ty),*) => {$(
        impl $crate::common::App<$db> for App {
            type Table = versions::table;

            fn insert(
                conn: &mut <$db as tests::database::Db>::Conn,
                id: i32,
                value: &[u8],
            ) -> QueryResult<usize> {
                let version = Version { id, tar_sha256: value.to_vec() };
                diesel::insert_into(versions::table).values(&version).execute(conn)
            }

            fn find(conn: &mut <$db as tests::database::Db>::Conn, id: i32) -> QueryResult<Vec<u8>> {
                let found: Version = versions::table
                    .find(id)
                    .select(Version::as_select())
                    .first(conn)?;
                Ok(found.tar_sha256)
            }

            fn ids(conn: &mut <$db as tests::database::Db>::Conn, value: &[u8]) -> QueryResult<Vec<i32>> {
                versions::table
                    .filter(Version::tar_sha256.eq(value.to_vec()))
                    .select(versions::id)
                    .order(versions::id)
                    .load(conn)
            }
        }
    )*};
}
pub(crate) use app;

/// Statements of an application.
pub trait App<D: Db> {
    type Table: MigrateOn<D::Conn> + Pinned<D::Conn>;
    fn insert(conn: &mut D::Conn, id: i32, value: &[u8]) -> QueryResult<usize>;
    fn find(conn: &mut D::Conn, id: i32) -> QueryResult<Vec<u8>>;
    fn ids(conn: &mut D::Conn, value: &[u8]) -> QueryResult<Vec<i32>>;
}

/// The scenarios on both databases, with a model of its own each, and another one for the operator, whose steps do not tell
/// the first one's statements of the phase: as if it were in another process.
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $scenario() {
                $crate::common::model!(own);
                $crate::common::model!(operator);
                super::$scenario::<tests::database::Lite, own::App, operator::App>();
            })*
        }
        mod postgres {
            $(#[test] fn $scenario() {
                $crate::common::model!(own);
                $crate::common::model!(operator);
                super::$scenario::<tests::database::Postgres, own::App, operator::App>();
            })*
        }
    };
}
pub(crate) use on_both;

pub const FIRST: [u8; 2] = [0xca, 0xfe];

pub fn create<D: Db>(conn: &mut D::Conn) {
    D::run(
        conn,
        "CREATE TABLE versions (id integer NOT NULL PRIMARY KEY, checksum varchar(64) NOT NULL); \
         INSERT INTO versions VALUES (1, 'cafe')",
    );
}

/// A database with the table.
pub fn database<D: Db>() -> (D, D::Conn) {
    let db = D::fresh();
    let mut conn = db.connect();
    create::<D>(&mut conn);
    (db, conn)
}

/// A lease that lasts for as long as any test.
pub fn long<M>() -> Builder<M> {
    Lease::of::<M>()
        .application("web", "1.2.3")
        .duration(Duration::from_secs(600))
}

/// Opens connections as an application does, with an error where there is none to be had.
pub fn connect<D: Db>(
    db: &D,
) -> impl FnMut() -> diesel::ConnectionResult<D::Conn> + Send + 'static {
    let url = db.url();
    move || {
        let mut conn = D::Conn::establish(&url)?;
        if !D::POSTGRES {
            // a test's writers keep each other waiting
            D::run(&mut conn, "PRAGMA busy_timeout = 5000");
        }
        Ok(conn)
    }
}

pub fn fast() -> Options {
    Options::new()
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(200))
}

/// A table of the ledger.
pub fn ledger<D: Db>(name: &str) -> String {
    if D::POSTGRES {
        format!("expand_contract.{name}")
    } else {
        format!("expand_contract_{name}")
    }
}

/// A column of the only instance's row.
#[track_caller]
pub fn instance<D: Db>(conn: &mut D::Conn, column: &str) -> String {
    let sql = format!(
        "SELECT CAST({column} AS text) FROM {}",
        ledger::<D>("instances")
    );
    D::text(conn, &sql).unwrap_or_default()
}

#[track_caller]
pub fn instances<D: Db>(conn: &mut D::Conn) -> u32 {
    let sql = format!("SELECT count(*) FROM {}", ledger::<D>("instances"));
    let count = D::text(conn, &sql);
    count.and_then(|n| n.parse().ok()).expect("a number")
}

/// Waits until the only instance has acknowledged what was published last.
#[track_caller]
pub fn acknowledged<D: Db>(conn: &mut D::Conn) {
    let sql = format!("SELECT max(epoch) FROM {}", ledger::<D>("meta"));
    let epoch = D::text(conn, &sql).expect("an epoch");
    wait::until("the instance acknowledges the phase", || {
        instance::<D>(conn, "acknowledged") == epoch
    });
}

/// Steps, as in another process.
#[track_caller]
pub fn advance<D: Db, O: App<D>>(conn: &mut D::Conn, step: Step) {
    let result = O::Table::migration().options(fast()).advance_to(conn, step);
    result.expect("the step runs");
}

/// [`advance`] while the lease asks the ledger all the time, instead of every third of its duration.
pub fn advance_beside<D: Db, O: App<D>>(lease: &Lease, url: &str, step: Step) {
    std::thread::scope(|scope| {
        let step = scope.spawn(|| advance::<D, O>(&mut D::open(url), step));
        while !step.is_finished() {
            lease.refresh();
        }
        step.join().expect("it has not panicked");
    });
}

/// The `StatementError` inside of Diesel's.
pub fn said(error: &diesel::result::Error) -> Option<&StatementError> {
    use diesel::result::Error::{QueryBuilderError, SerializationError};
    match error {
        QueryBuilderError(inner) | SerializationError(inner) => inner.downcast_ref(),
        _ => None,
    }
}

/// Waits until a process that was stopped at `since` has been so for longer than its lease.
pub fn run_out(since: Instant, lease: Duration) {
    wait::until("the lease has run out", || since.elapsed() > lease);
}
