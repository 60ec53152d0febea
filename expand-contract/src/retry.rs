//! Statements of a process that is behind: the phase is read again and the work is done again.
//!
//! A process may be two phases behind (its lease ran out while it slept, or it has no lease). The safety net keeps such a
//! statement from doing harm; what is left is that it fails, whole, because it names a column that is gone. Databases say
//! that in codes and texts of their own, which Diesel does not hand on. So the error is not looked at: after *any* error
//! the phase is read again on the same connection, and only if it is not the one that the statement was built for, the
//! work is done again. An error that has nothing to do with the phase is returned as it is, after one small query.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use diesel::connection::TransactionManager;
use diesel::query_source::Column;
use diesel::result::{DatabaseErrorKind, Error as DieselError, QueryResult};

use crate::backend::RunnerConnection;
use crate::catalogue::Index;
use crate::error::Error;
use crate::migration::{with_looker, MigrateOn};
use crate::options::Options;
use crate::phase::Phase;
use crate::pinned::{scoped, Pinned};
use crate::query::{watch, Change, Migrating};
use crate::state::{Current, PhaseCell, Snapshot};

/// How often work is done in all when the phase keeps moving: there are six steps in a migration.
const ATTEMPTS: u32 = 6;

/// How often an upsert is done in all while two unique indexes exist: each time another client was faster.
const UPSERTS: u32 = 20;

/// How often it is done in all when the database says neither why nor what: so a deadlock looks through Diesel.
const UNKNOWN: u32 = 8;

/// Runs `work` in a transaction with the phase that the process knows; if it fails and the phase has moved, again with the
/// new one.
///
/// `M` is a migration (its table, `versions::table`) or a tuple of them. After any error of `work`, of `BEGIN` or of
/// `COMMIT` the transaction is rolled back and the phase read on the same connection: one query of the ledger, which takes
/// no lock that anybody waits for. If it is not the phase that the attempt was built for, `work` runs again in a new
/// transaction, at most six times in all, a few milliseconds apart; otherwise the error is returned as it is. So `work`
/// must bear to run twice: what it does besides the database is not undone. A process that has not loaded the phase yet
/// is a process that is behind.
///
/// The phase that was read becomes the process's, unless that knows a later one (a lagging replica says what holds for
/// itself). Inside [`Snapshot::scope`](crate::Snapshot::scope), where the connection is to another database than the
/// process's, it does not: the new attempt alone runs in it.
///
/// **Inside an open transaction** a savepoint is used, and the phase is read there. That is enough for what can go wrong: a
/// transaction that has written to or read from the table holds a lock that keeps the runner from dropping anything, so
/// the statement that fails is its first on that table, and nothing before it depended on the phase. Under `REPEATABLE
/// READ` and `SERIALIZABLE` the ledger is seen as of the transaction's beginning: the error comes out, and it is for the
/// outermost transaction, which should be one of this function, to begin anew.
///
/// ```
/// # use expand_contract::prelude::*;
/// # use expand_contract::phase;
/// # diesel::table! { versions (id) { id -> Integer, tar_sha256 -> Text, } }
/// # #[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate)]
/// # #[diesel(table_name = versions)]
/// # struct Version { id: i32, #[migrate(rename_from = "checksum")] tar_sha256: String }
/// fn correct(conn: &mut SqliteConnection, id: i32, sha: &str) -> QueryResult<usize> {
///     phase::transaction::<versions::table, _, _, _>(conn, |conn| {
///         diesel::update(versions::table.find(id)).set(Version::tar_sha256.eq(sha)).execute(conn)
///     })
/// }
/// # let conn = &mut SqliteConnection::establish(":memory:").unwrap();
/// # diesel::sql_query("CREATE TABLE versions (id INTEGER PRIMARY KEY, checksum TEXT NOT NULL)").execute(conn).unwrap();
/// # assert_eq!(correct(conn, 1, "a"), Ok(0));
/// ```
///
/// # diesel-async
///
/// The statements run on its connections unchanged; reading the ledger needs one of Diesel's own (for a moment, in
/// `spawn_blocking`). The loop is then the application's:
///
/// ```
/// # use expand_contract::prelude::*;
/// # use expand_contract::Snapshot;
/// # fn again(error: diesel::result::Error, fresh: Snapshot) -> QueryResult<Snapshot> {
/// // after an error: `fresh` is `Version::migration().snapshot(conn)` on a connection to the same server
/// if fresh.is_in_force() {
///     return Err(error);
/// }
/// fresh.adopt(); // for the statements to come; this one again with `statement.at(&fresh)`
/// # Ok(fresh)
/// # }
/// ```
///
/// # Errors
/// Those of `work`, and the connection's. [`crate::pinned::transaction`] never fails because of the phase, at the price of
/// a lock.
pub fn transaction<M, C, T, E>(
    conn: &mut C,
    mut work: impl FnMut(&mut C) -> Result<T, E>,
) -> Result<T, E>
where
    C: RunnerConnection,
    M: Pinned<C>,
    E: From<DieselError>,
{
    following::<M, _, _, _>(
        conn,
        |conn| conn.transaction(|conn| work(conn)),
        |_, _, _, _| false,
    )
}

/// As [`transaction`], for a single statement: without a transaction of its own, where none is open.
///
/// # Errors
/// Those of `work`, and the connection's.
pub fn retry<M, C, T, E>(conn: &mut C, work: impl FnMut(&mut C) -> Result<T, E>) -> Result<T, E>
where
    C: RunnerConnection,
    M: Pinned<C>,
    E: From<DieselError>,
{
    if in_transaction(conn)? {
        return transaction::<M, C, T, E>(conn, work);
    }
    following::<M, _, _, _>(conn, work, |_, _, _, _| false)
}

/// Runs an upsert that conflicts on a changed unique column, in every phase and while its unique index is handed over.
///
/// The statement names its arbiter with [`target`](crate::PhaseColumn::target). Around `retire` and its rollback both
/// columns have a unique index for a while, and an upsert that finds no conflict on its arbiter can then violate the other
/// one, because a second client was faster. So an error is looked at: if it is the violation of the index that is the
/// arbiter's twin on the other column, the statement is sent again, at most twenty times in all, a few milliseconds apart.
/// Two indexes can also make PostgreSQL end one of two upserts as a deadlock, which Diesel does not tell from other errors:
/// while the indexes are handed over, an error without a kind is tried again, at most eight times in all.
///
/// A violation of any other constraint is returned at once; so is one of the arbiter itself, by a `SET` to the value of
/// another row, unless the twin is there too and is violated first. Otherwise as [`retry`]; inside an open transaction each attempt has a savepoint, until the migration is over.
///
/// ```
/// # use expand_contract::prelude::*;
/// # use expand_contract::phase;
/// # diesel::table! { versions (id) { id -> Integer, num -> Text, tar_sha256 -> Text, } }
/// # #[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate)]
/// # #[diesel(table_name = versions)]
/// # struct Version { id: i32, num: String, #[migrate(rename_from = "checksum")] tar_sha256: String }
/// fn publish(conn: &mut SqliteConnection, version: &Version) -> QueryResult<usize> {
///     phase::upsert(conn, Version::tar_sha256, |conn| {
///         let target = Version::tar_sha256.target().map_err(|e| diesel::result::Error::QueryBuilderError(e.into()))?;
///         diesel::insert_into(versions::table)
///             .values(version)
///             .on_conflict(target)
///             .do_update()
///             .set(versions::num.eq(&version.num))
///             .execute(conn)
///     })
/// }
/// # let conn = &mut SqliteConnection::establish(":memory:").unwrap();
/// # diesel::sql_query("CREATE TABLE versions (id INTEGER PRIMARY KEY, num TEXT, checksum TEXT NOT NULL UNIQUE)").execute(conn).unwrap();
/// # assert_eq!(publish(conn, &Version { id: 1, num: "1".into(), tar_sha256: "a".into() }), Ok(1));
/// ```
///
/// # Errors
/// Those of `work`, and the connection's.
pub fn upsert<K, C, T>(
    conn: &mut C,
    _column: K,
    work: impl FnMut(&mut C) -> QueryResult<T>,
) -> QueryResult<T>
where
    C: RunnerConnection,
    K: Migrating,
    <K::Change as Column>::Table: MigrateOn<C>,
{
    upsert_on::<K::Change, C, T>(conn, work)
}

pub(crate) fn upsert_on<Ch, C, T>(
    conn: &mut C,
    mut work: impl FnMut(&mut C) -> QueryResult<T>,
) -> QueryResult<T>
where
    C: RunnerConnection,
    Ch: Change,
    Ch::Table: MigrateOn<C>,
{
    let over = Ch::cell()
        .get()
        .is_some_and(|known| known.stage.phase == Phase::Contracted);
    let inside = in_transaction(conn)?;
    if over && inside {
        return work(conn);
    }
    following::<Ch::Table, _, _, _>(
        conn,
        |conn| {
            if inside {
                // a violation would be the end of the transaction
                conn.transaction(|conn| work(conn))
            } else {
                work(conn)
            }
        },
        |conn, error, built, attempt| match built.last() {
            Some(current) if attempt < UPSERTS => {
                attempt < patience::<Ch, C>(conn, error, current).unwrap_or(0)
            }
            _ => false,
        },
    )
}

/// A statement of the repository: retried where that needs no savepoint.
pub(crate) fn statement<M, C, T>(
    conn: &mut C,
    mut work: impl FnMut(&mut C) -> QueryResult<T>,
) -> QueryResult<T>
where
    C: RunnerConnection,
    M: Pinned<C>,
{
    if in_transaction(conn)? {
        return work(conn);
    }
    following::<M, _, _, _>(conn, work, |_, _, _, _| false)
}

fn in_transaction<C: RunnerConnection>(conn: &mut C) -> QueryResult<bool> {
    let depth = C::TransactionManager::transaction_manager_status_mut(conn).transaction_depth()?;
    Ok(depth.is_some())
}

/// What an attempt was built for: per migration the phase that was known when it began, and those of its statements that
/// brought another one along.
struct Built {
    known: Vec<Option<Current>>,
    cells: Vec<&'static PhaseCell>,
    statements: Vec<(&'static PhaseCell, Current)>,
}

impl Built {
    fn all(&self) -> impl Iterator<Item = (usize, Option<Current>)> + '_ {
        let known = self.known.iter().copied().enumerate();
        known.chain(self.statements.iter().filter_map(|(cell, current)| {
            let of = self
                .cells
                .iter()
                .position(|known| std::ptr::eq(*known, *cell));
            Some((of?, Some(*current)))
        }))
    }

    /// Of its last statement, in the first migration.
    fn last(&self) -> Option<Current> {
        let of_first = self.all().filter(|(of, _)| *of == 0);
        of_first.last().and_then(|(_, current)| current)
    }
}

/// Runs `run`, again and again while the phase moves under it, or `again` says so.
///
/// `again` is told the error, what the attempt was built for, and how many there were.
fn following<M, C, T, E>(
    conn: &mut C,
    mut run: impl FnMut(&mut C) -> Result<T, E>,
    mut again: impl FnMut(&mut C, &E, &Built, u32) -> bool,
) -> Result<T, E>
where
    C: RunnerConnection,
    M: Pinned<C>,
{
    let cells = M::cells();
    // the first attempt follows the process, statement by statement, so that it holds up no phase that the process has
    // acknowledged; the others are built for what was read for them
    let mut fresh: Vec<Snapshot> = Vec::new();
    let (mut attempt, mut moves) = (0, 1);
    loop {
        attempt += 1;
        let ((known, result), statements) = watch(|| {
            scoped(&fresh, || {
                let known: Vec<Option<Current>> = cells.iter().map(|cell| cell.get()).collect();
                (known, run(conn))
            })
        });
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let built = Built {
            known,
            cells: cells.clone(),
            statements,
        };
        match phases::<M, C>(conn, &built) {
            Ok((_, true)) if moves >= ATTEMPTS => return Err(error),
            Ok((snapshots, true)) => {
                moves += 1;
                let inside = in_transaction(conn).unwrap_or(true);
                for snapshot in &snapshots {
                    // a scope is for another database than the process's
                    match (snapshot.cell().is_scoped(), inside) {
                        (true, _) => {}
                        (false, true) => drop(snapshot.adopt()),
                        (false, false) => snapshot.adopt_and_wait(),
                    }
                }
                fresh = snapshots;
            }
            Ok(_) if again(conn, &error, &built, attempt) => match M::snapshots(conn) {
                Ok(snapshots) => fresh = snapshots,
                Err(_) => return Err(error),
            },
            // a connection that cannot be asked is lost, or its transaction is
            Ok(_) | Err(_) => return Err(error),
        }
        std::thread::sleep(pause(attempt));
    }
}

/// Whether the phases are other ones than an attempt was built for; if so, those that they are.
fn phases<M, C>(conn: &mut C, built: &Built) -> Result<(Vec<Snapshot>, bool), Error>
where
    C: RunnerConnection,
    M: Pinned<C>,
{
    // a savepoint, where a transaction is open: to fail here must not be its end
    conn.transaction(|conn| {
        let now = M::stages(conn)?;
        let same = |(of, current): (usize, Option<Current>)| {
            current.map(|current| (current.stage, current.old_incomplete)) == now.get(of).copied()
        };
        if built.all().all(same) {
            return Ok((Vec::new(), false));
        }
        Ok((M::snapshots(conn)?, true))
    })
}

/// How often in all an upsert with this error is worth sending.
///
/// Often, if it has violated a unique index that has a twin on the change's other column, which is what the statement has
/// as arbiter. A few times, if the database has not said what it is while there are twins: an upsert that updates waits for
/// one that inserts and has an entry in the arbiter already, and that one for the other to end, to know whether the twin is
/// violated; PostgreSQL ends one of the two.
///
/// A build is taken for the twin though it may be the copy of an index over more columns: a violation of that by a statement
/// that does not mean it is possible only where the arbiter has columns that it has not, and is returned, if late.
fn patience<Ch, C>(conn: &mut C, error: &DieselError, built_for: Current) -> Result<u32, Error>
where
    C: RunnerConnection,
    Ch: Change,
    Ch::Table: MigrateOn<C>,
{
    let (kind, info) = match error {
        DieselError::DatabaseError(kind, info) => (kind, info),
        _ => return Ok(0),
    };
    if !matches!(
        kind,
        DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::Unknown
    ) {
        return Ok(0);
    }
    let route = Ch::definition().route();
    let old_is_arbiter = built_for.arbiter(route) == built_for.stage.ends(route).0;
    conn.transaction(|conn| {
        with_looker::<Ch::Table, C, _>(conn, &mut Options::default(), |runner| {
            let facts = runner.facts()?;
            let Some(change) = facts.changes.iter().find(|c| c.index == Ch::INDEX) else {
                return Ok(0);
            };
            let dialect = facts.table.dialect;
            let on = |column: &'static str| {
                let indexes = facts.table.indexes.iter();
                indexes.filter(move |index| index.unique && index.covers(column, dialect))
            };
            // one of a pair may be gone again by now, and is remembered
            let mut twins = on(change.to).next().is_some()
                && (on(change.from).next().is_some() || !facts.saved.is_empty());
            // The other one refuses rows from the middle of its build on, under a name that nobody's own index has. It may
            // have got its own by now.
            if let Some(builder) = runner.driver.builder() {
                if info
                    .constraint_name()
                    .is_some_and(|violated| builder.is_build(violated))
                {
                    return Ok(UPSERTS);
                }
                twins = twins || !builder.left_over(runner.s, &facts.table)?.is_empty();
            }
            let violated = match (kind, info.constraint_name()) {
                (DatabaseErrorKind::UniqueViolation, Some(violated)) => violated,
                // SQLite gives no name
                (DatabaseErrorKind::UniqueViolation, None) if twins => return Ok(UPSERTS),
                (DatabaseErrorKind::Unknown, _) if twins => return Ok(UNKNOWN),
                _ => return Ok(0),
            };
            let saved = facts.saved.iter().map(|saved| &saved.name);
            let mut originals = on(change.from).flat_map(names).chain(saved);
            let is_twin = originals.any(|original| {
                if old_is_arbiter {
                    runner.rules.copy_name(original, true) == violated
                } else {
                    original == violated
                }
            });
            // a partition that came later has names from the server, and those that are gone are not on record
            let parts = if old_is_arbiter {
                change.to
            } else {
                change.from
            };
            let is_part = twins
                && facts.table.partitions.is_some()
                && (on(parts).flat_map(names).any(|name| name == violated)
                    || !facts
                        .table
                        .indexes
                        .iter()
                        .flat_map(names)
                        .any(|name| name == violated));
            Ok(if is_twin || is_part { UPSERTS } else { 0 })
        })
    })
}

/// The index's name, and those of its parts on partitions.
fn names(index: &Index) -> impl Iterator<Item = &String> {
    let parts = index.parts.iter().map(|part| &part.name);
    std::iter::once(&index.name).chain(parts)
}

/// A few milliseconds, more with every attempt, each time a little different from other clients'.
fn pause(attempt: u32) -> Duration {
    let base = 1_000u64 << attempt.min(6);
    // keyed at random for every instance
    let noise = RandomState::new().build_hasher().finish();
    Duration::from_micros(base / 2 + noise % base)
}

impl Snapshot {
    /// Whether this is the phase for which this thread builds statements: of the innermost scope, else the process's.
    pub fn is_in_force(&self) -> bool {
        let cell: &'static PhaseCell = self.cell();
        cell.get() == Some(self.current())
    }
}
