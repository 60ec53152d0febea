//! Shadow reads: a sample of an application's reads looks at both columns and compares them through the conversion.
//!
//! `verify` proves that the copy is right before reads switch. Shadow reads watch it under the application's own traffic,
//! row by row as they are read, in the phases in which both columns are written, and `switch` can ask for a number of them
//! ([`Options::clean_samples`](crate::Options::clean_samples)).
//!
//! ```
//! # use expand_contract::prelude::*;
//! # use expand_contract::shadow::{self, Sampling};
//! # use expand_contract::Options;
//! # diesel::table! { versions (id) { id -> Integer, tar_sha256 -> Text, } }
//! # #[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate)]
//! # #[diesel(table_name = versions)]
//! # struct Version { id: i32, #[migrate(rename_from = "checksum")] tar_sha256: String }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let conn = &mut SqliteConnection::establish(":memory:")?;
//! # diesel::sql_query("CREATE TABLE versions (id INTEGER PRIMARY KEY, checksum TEXT NOT NULL)").execute(conn)?;
//! // at start-up: every tenth read of the repository
//! Version::migration().shadow_reads(Sampling::every(10).on_mismatch(|found| eprintln!("{found}"))).load(conn)?;
//! VersionRepository::find(conn, &1)?;
//!
//! // a query of your own joins with one line
//! let query = versions::table.filter(versions::id.gt(100));
//! Version::migration().shadow_read(conn, || query);
//! let rows = query.select(Version::as_select()).load(conn)?;
//! # let _: Vec<Version> = rows;
//!
//! // or asks by itself
//! let differ: i64 = versions::table.filter(Version::tar_sha256.differs()).count().get_result(conn)?;
//! # assert_eq!(differ, 0);
//!
//! // now and then (a lease's watcher does it): what was counted goes to the ledger
//! shadow::report::<versions::table, _>(conn)?;
//!
//! // the operator, later
//! # let wait = Options::new;
//! let options = wait().clean_samples(10_000);
//! # let _ = options;
//! # Ok(())
//! # }
//! ```
//!
//! # What is compared
//!
//! One statement beside the sampled one reads, for the same rows, whether the two columns are consistent: by the same
//! predicate as the triggers, the copy and `verify`, evaluated by the database on one version of each row. So a write
//! between two reads cannot look like a difference. The statement asks the ledger as well, in the same snapshot, whether
//! both columns are written: a process that lags behind the phase, or a replica that lags behind the primary, compares
//! nothing where there is nothing to compare. In `Expanded` a row that is not copied yet (new NULL, old not) is no sample;
//! in `Switched` it is a difference. After a rollback from `Retired` nothing is compared until the old column is complete.
//!
//! Conversions in Rust are compared in Rust, on the two values of one row read by its key, while no row waits to be
//! converted; on SQLite for tables with a rowid.
//!
//! A sample is a row that was compared. If the statement beside fails (a value that does not convert raises), the sampled
//! read is not affected: it has a savepoint where a transaction is open, and the failure is counted in
//! [`Counts::failures`].
//!
//! While sampling is off, a read pays for one relaxed load of an atomic.

mod counts;
mod sampling;
mod verdict;

pub(crate) use counts::Pending;
pub use counts::{Counts, Mismatch, ShadowReads};
pub use sampling::Sampling;
pub(crate) use sampling::Shadow;
pub use verdict::Differs;
pub(crate) use verdict::{RustCompare, ShadowSql, QUALIFIER, SEPARATOR};
#[doc(hidden)]
pub use verdict::{Sampled, Seen, Verdict};

use diesel::connection::TransactionManager;

use crate::backend::driver::driver;
use crate::backend::session::{transaction, Session};
use crate::backend::ConnectionSession;
use crate::backend::{Converter, RunnerConnection};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::migration::{Migrate, MigrateOn};
use crate::state::PhaseCell;

/// What this process has counted and not reported yet.
pub fn counts<M: Migrate>() -> Counts {
    M::cell().shadow().counts()
}

/// Counts samples that were taken by other means, such as a [`differs`](crate::PhaseColumn::differs) run through
/// diesel-async: so many rows were compared, so many of them differed, and this is the key of one.
pub fn record<M: Migrate>(samples: u64, mismatches: u64, key: Option<String>) {
    let counted = Pending {
        round: None,
        samples,
        mismatches,
        key,
    };
    M::cell().shadow().add(counted, M::cell().definition().id);
}

/// Adds what this process has counted to its row in the ledger, which is kept when the process ends.
///
/// The row is that of the program's name and the host's. The role needs no rights but those that every role has on the
/// ledger. Waits for a runner that is publishing at this moment; on SQLite it takes the write lock.
///
/// # Errors
/// As of the connection; then the counts are kept for the next time.
pub fn report<M, C>(conn: &mut C) -> Result<(), Error>
where
    C: RunnerConnection,
    M: Migrate,
{
    report_as::<M, C>(conn, &counts::reader())
}

/// As [`report`], under a name of your own.
///
/// # Errors
/// As [`report`].
pub fn report_as<M, C>(conn: &mut C, reader: &str) -> Result<(), Error>
where
    C: RunnerConnection,
    M: Migrate,
{
    flush(
        &mut ConnectionSession::new(conn, Vec::new()),
        M::cell(),
        reader,
    )
}

/// The name under which this process reports.
pub(crate) fn reader() -> String {
    counts::reader()
}

/// Moves the counts of a migration from this process to the ledger. Also for the lease's watcher.
pub(crate) fn flush(
    s: &mut dyn Session,
    cell: &'static PhaseCell,
    reader: &str,
) -> Result<(), Error> {
    let Some(counted) = cell.shadow().take() else {
        return Ok(());
    };
    let dialect = s.dialect();
    let ledger = Ledger::new(dialect, cell.definition());
    let driver = driver(dialect)?;
    let written = transaction(s, |s| {
        // `expand` forgets what was counted before it; that must not come in behind it
        driver.pin(s, true)?;
        ledger.add_shadow_reads(s, reader, &counted)
    });
    if written.is_err() {
        cell.shadow().give_back(counted);
    }
    written
}

/// Compares the rows of `query`, if this read is to be sampled.
pub(crate) fn sample<'q, M, C, Q>(conn: &mut C, query: impl FnOnce() -> Q)
where
    C: RunnerConnection,
    M: MigrateOn<C>,
    Q: Sampled<'q, M, C>,
{
    let cell = M::cell();
    let shadow = cell.shadow();
    if !shadow.is_on() || !verdict::both_are_written(cell) {
        return;
    }
    let (true, Some(sql)) = (shadow.is_due(), cell.shadow_sql()) else {
        return;
    };
    let inside = C::TransactionManager::transaction_manager_status_mut(conn)
        .transaction_depth()
        .map(|depth| depth.is_some());
    let found = match inside {
        Ok(false) => compare::<M, C, Q>(conn, query(), &sql),
        // a comparison that raises must not be the end of the transaction
        Ok(true) => conn.transaction(|conn| compare::<M, C, Q>(conn, query(), &sql)),
        Err(error) => Err(error.into()),
    };
    match found {
        Ok(counted) => shadow.add(counted, cell.definition().id),
        Err(error) => shadow.failed(&error),
    }
}

fn compare<'q, M, C, Q>(conn: &mut C, query: Q, sql: &ShadowSql) -> Result<Pending, Error>
where
    C: RunnerConnection,
    M: MigrateOn<C>,
    Q: Sampled<'q, M, C>,
{
    let converters = M::converters();
    let mut counted = Pending::default();
    for (verdict, key, locator, round) in query.verdicts(conn)? {
        let Some(mut differs) = verdict else {
            continue;
        };
        counted.round = round;
        counted.samples += 1;
        for rust in &sql.rust {
            let mut of_change = converters.iter().filter(|c| c.change() == rust.change);
            if let (Some(converter), Some(locator)) = (of_change.next(), &locator) {
                differs = differs || differs_in_rust(conn, &**converter, rust, locator)?;
            }
        }
        if differs {
            counted.mismatches += 1;
            if counted.key.is_none() {
                counted.key = key;
            }
        }
    }
    Ok(counted)
}

fn differs_in_rust<C>(
    conn: &mut C,
    converter: &dyn Converter<C>,
    rust: &RustCompare,
    locator: &str,
) -> Result<bool, Error> {
    let mut request = rust.request.clone();
    request.range_binds = locator
        .split(SEPARATOR)
        .map(|value| Some(value.to_owned()))
        .collect();
    Ok(converter.run(conn, &request)?.changed > 0)
}
