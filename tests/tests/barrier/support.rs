//! The table, and a stand-in for an application's instance.
#![allow(unreachable_pub)]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection;

use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{Error, Gate, MigrateOn, Options, Snapshot, Status};
pub use tests::database::{Db, Lite, Postgres};

diesel::table! {
    items (id) {
        id -> Integer,
        mail -> Text,
    }
}

#[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate, Debug, Clone)]
#[diesel(table_name = items)]
#[migrate(id = "items")]
pub struct Item {
    pub id: i32,
    #[migrate(rename_from = "email")]
    pub mail: String,
}

/// What an application does with the phase it knows.
pub trait App: Db {
    fn insert(conn: &mut Self::Conn, known: &Snapshot, id: i32, mail: &str) -> QueryResult<usize>;
    fn write(conn: &mut Self::Conn, known: &Snapshot, id: i32, mail: &str) -> QueryResult<usize>;
    fn read(conn: &mut Self::Conn, known: &Snapshot, id: i32) -> QueryResult<String>;
}

macro_rules! apps {
    ($($db:ident),*) => {$(
        impl App for $db {
            fn insert(conn: &mut Self::Conn, known: &Snapshot, id: i32, mail: &str) -> QueryResult<usize> {
                let item = Item { id, mail: mail.to_owned() };
                known.scope(|| diesel::insert_into(items::table).values(&item).execute(conn))
            }

            fn write(conn: &mut Self::Conn, known: &Snapshot, id: i32, mail: &str) -> QueryResult<usize> {
                known.scope(|| {
                    let row = diesel::update(items::table.find(id));
                    row.set(Item::mail.eq(mail.to_owned())).execute(conn)
                })
            }

            fn read(conn: &mut Self::Conn, known: &Snapshot, id: i32) -> QueryResult<String> {
                known.scope(|| {
                    let row: Item = items::table.find(id).select(Item::as_select()).first(conn)?;
                    Ok(row.mail)
                })
            }
        }
    )*};
}

apps!(Lite, Postgres);

/// The scenarios as tests on both databases.
macro_rules! on_every_database {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            use crate::support::{Db as _, Lite};
            $(#[test] fn $name() { super::$name(&Lite::fresh()); })*
        }
        mod postgres {
            use crate::support::{Db as _, Postgres};
            $(#[test] fn $name() { super::$name(&Postgres::fresh()); })*
        }
    };
}

/// No patience, but for instances.
pub fn options() -> Options {
    Options::new()
        .batch_size(50)
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(50))
        .lock_timeout(Duration::from_millis(100))
}

/// No patience at all.
pub fn impatient() -> Options {
    options()
        .barrier_wait(Duration::from_millis(100))
        .snapshot_wait(Duration::from_millis(100))
}

pub fn table<D: Db>(conn: &mut D::Conn, rows: i32) {
    D::run(
        conn,
        "CREATE TABLE items (id integer NOT NULL PRIMARY KEY, email text NOT NULL)",
    );
    for id in 1..=rows {
        D::run(
            conn,
            &format!("INSERT INTO items VALUES ({id}, 'item {id}')"),
        );
    }
}

pub fn advance<D: Db>(conn: &mut D::Conn, step: Step) -> Result<Status, Error>
where
    items::table: MigrateOn<D::Conn>,
{
    advance_with::<D>(conn, options(), step)
}

pub fn advance_with<D: Db>(
    conn: &mut D::Conn,
    options: Options,
    step: Step,
) -> Result<Status, Error>
where
    items::table: MigrateOn<D::Conn>,
{
    Item::migration().options(options).advance_to(conn, step)
}

pub fn status<D: Db>(conn: &mut D::Conn) -> Status
where
    items::table: MigrateOn<D::Conn>,
{
    Item::migration().status(conn).expect("there is a ledger")
}

pub fn known<D: Db>(conn: &mut D::Conn) -> Snapshot
where
    items::table: MigrateOn<D::Conn>,
{
    Item::migration()
        .snapshot(conn)
        .expect("the phase can be read")
}

/// What stands in the way, of an outcome that must be a closed gate.
#[track_caller]
pub fn closed(outcome: Result<Status, Error>, wanted: Gate, at: Step) -> String {
    match outcome {
        Err(Error::GateClosed {
            step, gate, found, ..
        }) => {
            assert_eq!((gate, step), (wanted, at), "{found}");
            found
        }
        other => panic!("{other:?}"),
    }
}

/// A ledger table.
pub fn ledger<D: Db>(name: &str) -> String {
    let dot = if D::POSTGRES { "." } else { "_" };
    format!("expand_contract{dot}{name}")
}

/// An instance's row, which nobody renews unless told to.
#[derive(Debug, Clone)]
pub struct Instance(pub &'static str);

impl Instance {
    /// Registers it for the migration, with everything acknowledged that was published so far.
    pub fn register<D: Db>(&self, conn: &mut D::Conn, lease: Duration) {
        self.register_for::<D>(conn, lease, "items", 1);
    }

    pub fn register_for<D: Db>(
        &self,
        conn: &mut D::Conn,
        lease: Duration,
        migration: &str,
        generation: u32,
    ) {
        let (tab, line) = if D::POSTGRES {
            ("chr(9)", "chr(10)")
        } else {
            ("char(9)", "char(10)")
        };
        D::run(
            conn,
            &format!(
                "INSERT INTO {} (instance, application, version, host, pid, role_name, migrations, lagging, \
                   acknowledged, renewals, lease_ms) \
                 SELECT '{}', 'shop', '1.2', 'web-1', 77, 'app', 'another' || {tab} || '1' || {line} || '{migration}' \
                   || {tab} || '{generation}', NULL, epoch, 1, {} FROM {}",
                ledger::<D>("instances"),
                self.0,
                lease.as_millis(),
                ledger::<D>("meta"),
            ),
        );
    }

    fn set<D: Db>(&self, conn: &mut D::Conn, set: &str) {
        let instances = ledger::<D>("instances");
        D::run(
            conn,
            &format!(
                "UPDATE {instances} SET renewals = renewals + 1{set} WHERE instance = '{}'",
                self.0
            ),
        );
    }

    pub fn renew<D: Db>(&self, conn: &mut D::Conn) {
        self.set::<D>(conn, "");
    }

    pub fn acknowledge<D: Db>(&self, conn: &mut D::Conn) {
        let meta = ledger::<D>("meta");
        self.set::<D>(
            conn,
            &format!(", acknowledged = (SELECT epoch FROM {meta})"),
        );
    }

    /// As an instance does it: the epoch first, then the phase, then the acknowledgement of that epoch.
    pub fn refresh<D: Db>(&self, conn: &mut D::Conn) -> Snapshot
    where
        items::table: MigrateOn<D::Conn>,
    {
        let epoch = format!("SELECT epoch FROM {}", ledger::<D>("meta"));
        let epoch = D::text(conn, &epoch).expect("there is a ledger");
        let known = known::<D>(conn);
        let (instances, me) = (ledger::<D>("instances"), self.0);
        let sql = format!(
            "UPDATE {instances} SET renewals = renewals + 1, acknowledged = {epoch} WHERE instance = '{me}'"
        );
        patiently(|| conn.batch_execute(&sql)).expect("the row can be written");
        known
    }

    pub fn lags<D: Db>(&self, conn: &mut D::Conn, pool: &str) {
        self.set::<D>(conn, &format!(", lagging = '{pool}'"));
    }

    pub fn is_registered<D: Db>(&self, conn: &mut D::Conn) -> bool {
        let sql = format!(
            "SELECT count(*) FROM {} WHERE instance = '{}'",
            ledger::<D>("instances"),
            self.0
        );
        D::text(conn, &sql).as_deref() == Some("1")
    }
}

/// Once more as long as SQLite is busy.
pub fn patiently<T>(mut work: impl FnMut() -> QueryResult<T>) -> QueryResult<T> {
    loop {
        match work() {
            Err(error) if error.to_string().contains("database is locked") => {}
            result => return result,
        }
    }
}

/// What the clients know of each other: which number of each key is committed for sure.
#[derive(Debug)]
pub struct Floor {
    committed: Vec<AtomicU32>,
    pub stop: AtomicBool,
    pub statements: AtomicU32,
}

impl Floor {
    pub fn new(keys: i32) -> Self {
        Floor {
            committed: (0..=keys).map(|_| AtomicU32::new(0)).collect(),
            stop: AtomicBool::new(false),
            statements: AtomicU32::new(0),
        }
    }

    /// The number that the key has at least.
    pub fn of(&self, id: i32) -> u32 {
        let id = usize::try_from(id).expect("a key");
        self.committed[id].load(Ordering::SeqCst)
    }

    fn is(&self, id: i32, number: u32) {
        let id = usize::try_from(id).expect("a key");
        self.committed[id].store(number, Ordering::SeqCst);
    }
}

/// An instance at work: it writes the keys `own` and reads all of them, by the phase that it knows, which it looks up after
/// so many `rounds`. No statement may fail, and no read may show less than was committed before it began.
pub fn client<D: App>(url: &str, name: &'static str, own: &[i32], rounds: u32, floor: &Floor)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut D::open(url);
    let instance = Instance(name);
    instance.register::<D>(conn, LONG);
    let all = i32::try_from(floor.committed.len()).expect("few keys");
    let mut next = 0;
    while !floor.stop.load(Ordering::SeqCst) {
        let known = instance.refresh::<D>(conn);
        let keys = (0..rounds).flat_map(|_| own);
        for &id in keys.take_while(|_| !floor.stop.load(Ordering::SeqCst)) {
            let phase = known.stage();
            let number = floor.of(id) + 1;
            let written = patiently(|| D::write(conn, &known, id, &number.to_string()));
            assert_eq!(written, Ok(1), "{name} in {phase}");
            floor.is(id, number);
            next = next % (all - 1) + 1;
            for id in [id, next] {
                let least = floor.of(id);
                let read = patiently(|| D::read(conn, &known, id)).expect("it can be read");
                let number: u32 = read.parse().expect("a number");
                assert!(
                    number >= least,
                    "{name} in {phase}: {id} is {number}, was {least}"
                );
            }
            floor.statements.fetch_add(3, Ordering::SeqCst);
        }
    }
    // its transactions are over
    D::run(
        conn,
        &format!(
            "DELETE FROM {} WHERE instance = '{name}'",
            ledger::<D>("instances")
        ),
    );
}

/// The table of the clients, and the ledger with nothing under way.
pub fn clients_table<D: Db>(conn: &mut D::Conn, keys: i32)
where
    items::table: MigrateOn<D::Conn>,
{
    table::<D>(conn, keys);
    D::run(conn, "UPDATE items SET email = '0'");
    advance::<D>(conn, Step::Expand).expect("nobody is in the way");
    let back = Item::migration().options(options()).rollback(conn);
    back.expect("nobody is in the way");
}

/// Stops the clients, whatever happens.
#[derive(Debug)]
pub struct Stop<'f>(pub &'f Floor);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::SeqCst);
    }
}

/// A lease that does not run out during a test.
pub const LONG: Duration = Duration::from_secs(600);
