//! Diesel's table of what was run, and what keeps two processes from running one migration, by database.

use diesel::migration::MigrationVersion;
use diesel::result::Error as Diesel;

use crate::backend::driver::driver;
use crate::backend::session::{Session, BIND};
use crate::backend::ConnectionSession;
use crate::backend::{RunnerBackend, RunnerConnection};
use crate::definition::{Dialect, TableName};
use crate::error::{Error, While};
use crate::ledger::{self, Lease};
use crate::options::Options;

/// Diesel's table, found by the search path as Diesel finds it.
const APPLIED: &str = "__diesel_schema_migrations";

/// The number of the advisory locks, as SQL.
const KEY: &str = "hashtext('expand_contract.diesel_migrations')";

/// Whose turn it is.
pub(super) enum Lock {
    Mine,
    /// Someone else's; who, as far as the role may see.
    Taken(String),
}

fn session<C: RunnerConnection>(conn: &mut C) -> ConnectionSession<&mut C, C> {
    ConnectionSession::new(conn, Vec::new())
}

/// Whether Diesel's table is there, as far as the connection can tell.
pub(super) fn table_exists<C: RunnerConnection>(conn: &mut C) -> bool {
    let sql = format!("SELECT 'x' FROM {APPLIED} LIMIT 1");
    session(conn).rows(&sql, &[]).is_ok()
}

/// Whether the version is in Diesel's table.
pub(super) fn is_applied<C: RunnerConnection>(
    conn: &mut C,
    version: &MigrationVersion<'_>,
) -> Result<bool, Error> {
    let sql = format!("SELECT 'x' FROM {APPLIED} WHERE version = {BIND}");
    let rows = session(conn)
        .rows(&sql, &[Some(version.to_string())])
        .during("looking whether a migration was run")?;
    Ok(!rows.is_empty())
}

/// Notes that the version was run; a step's may be there already, since it waits for nobody who does the same.
pub(super) fn applied<C: RunnerConnection>(
    conn: &mut C,
    version: &MigrationVersion<'_>,
) -> Result<(), Error> {
    let sql =
        format!("INSERT INTO {APPLIED} (version) VALUES ({BIND}) ON CONFLICT (version) DO NOTHING");
    session(conn)
        .execute(&sql, &[Some(version.to_string())])
        .during("noting that a migration was run")?;
    Ok(())
}

/// Forgets the version.
pub(super) fn reverted<C: RunnerConnection>(
    conn: &mut C,
    version: &MigrationVersion<'_>,
) -> Result<(), Error> {
    let sql = format!("DELETE FROM {APPLIED} WHERE version = {BIND}");
    session(conn)
        .execute(&sql, &[Some(version.to_string())])
        .during("noting that a migration was undone")?;
    Ok(())
}

fn holder(s: &mut dyn Session) -> String {
    let holders = format!(
        "SELECT 'process ' || l.pid || coalesce(' (' || nullif(a.application_name, '') || ')', '') \
         FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid() \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND (l.classid::bigint << 32 | l.objid::bigint) = {KEY}::bigint"
    );
    let rows = s.rows(&holders, &[]).unwrap_or_default();
    let holder = rows.into_iter().flatten().flatten().next();
    holder.unwrap_or_else(|| "another process".to_owned())
}

fn answers_yes(s: &mut dyn Session, function: &str) -> Result<bool, Error> {
    let sql = format!("SELECT {function}({KEY})::text");
    let rows = s.rows(&sql, &[]).during("locking out other processes")?;
    Ok(rows
        .into_iter()
        .flatten()
        .flatten()
        .any(|yes| yes == "true"))
}

/// Inside a transaction, as its first statement; it is let go with the transaction.
pub(super) fn for_transaction<C: RunnerConnection>(conn: &mut C) -> Result<Lock, Error> {
    let mut session = session(conn);
    let s: &mut dyn Session = &mut session;
    match s.dialect() {
        Dialect::Postgres => match answers_yes(s, "pg_try_advisory_xact_lock")? {
            true => Ok(Lock::Mine),
            false => Ok(Lock::Taken(holder(s))),
        },
        // a transaction that begins with a write waits for the lock as long as the connection is set to, and has read
        // nothing by then that could be out of date
        Dialect::Sqlite => {
            match s.execute(&format!("DELETE FROM {APPLIED} WHERE version IS NULL"), &[]) {
                Ok(_) => Ok(Lock::Mine),
                Err(error) => busy::<C>(error).map(Lock::Taken),
            }
        }
    }
}

/// What has to be given back after a migration without a transaction.
pub(super) enum Held {
    Nothing,
    Advisory,
    Lease(Lease),
}

impl Held {
    /// `false`: it was not this session's any more.
    pub(super) fn release<C: RunnerConnection>(self, conn: &mut C) -> Result<bool, Error> {
        let mut session = session(conn);
        match self {
            Held::Nothing => Ok(true),
            Held::Advisory => answers_yes(&mut session, "pg_advisory_unlock"),
            Held::Lease(lease) => {
                lease.release(&mut session);
                Ok(true)
            }
        }
    }
}

/// For a migration that runs without a transaction.
pub(super) fn for_session<C: RunnerConnection>(conn: &mut C) -> Result<(Lock, Held), Error> {
    let mut session = session(conn);
    let s: &mut dyn Session = &mut session;
    let dialect = s.dialect();
    match dialect {
        Dialect::Postgres => match answers_yes(s, "pg_try_advisory_lock")? {
            true => Ok((Lock::Mine, Held::Advisory)),
            false => Ok((Lock::Taken(holder(s)), Held::Nothing)),
        },
        // inside a transaction of the caller's, which has or gets the write lock
        Dialect::Sqlite if s.depth()? > 0 => Ok((Lock::Mine, Held::Nothing)),
        Dialect::Sqlite => match lease(s) {
            Ok(lease) => Ok((Lock::Mine, Held::Lease(lease))),
            Err(Error::RunnerActive { holder, .. }) => Ok((Lock::Taken(holder), Held::Nothing)),
            Err(error) if driver(dialect)?.is_busy(&error) => {
                Ok((Lock::Taken(WRITER.to_owned()), Held::Nothing))
            }
            Err(error) => Err(error),
        },
    }
}

fn lease(s: &mut dyn Session) -> Result<Lease, Error> {
    let driver = driver(s.dialect())?;
    let name = TableName {
        schema: None,
        name: APPLIED.to_owned(),
    };
    let table = driver.columns(s, &name)?;
    let table = table.ok_or_else(|| Error::TableNotFound {
        table: name.to_string(),
    })?;
    ledger::ensure(s)?;
    let options = Options::new();
    Lease::acquire(s, driver, &table, &options.who(), options.lease)
}

const WRITER: &str = "another process that writes to the database";

/// Who is in the way if an error only means that someone is; otherwise the error.
pub(super) fn busy<C: RunnerConnection>(source: Diesel) -> Result<String, Error> {
    let error = Error::Database {
        context: "waiting for the right to run a migration".to_owned(),
        source,
    };
    match driver(<C::Backend as RunnerBackend>::DIALECT)?.is_busy(&error) {
        true => Ok(WRITER.to_owned()),
        false => Err(error),
    }
}
