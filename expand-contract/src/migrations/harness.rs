//! Running migrations while other processes do the same.

use std::fmt;
use std::time::{Duration, Instant};

use diesel::connection::TransactionManager;
use diesel::migration::{Migration, MigrationVersion, Result};
use diesel_migrations::MigrationHarness;

use super::lock::{self, Lock};
use super::step::is_step;
use super::TimelineError;
use crate::backend::RunnerConnection;
use crate::error::Error;

/// A `MigrationHarness` on a connection, for several processes that start at once: one runs a migration, the others wait for
/// it and pass over it.
///
/// Diesel's own harness, which every connection has, reads which versions are applied, and then runs the others: two
/// processes do the same work, and one of them fails. Use this one in its place, also inside of `HarnessWithOutput`; the
/// source may be a [`Timeline`](super::Timeline) or any other.
///
/// Every migration has its own turn, in which the process looks again whether it was run. What keeps the others out:
///
/// | migration | PostgreSQL | SQLite |
/// |---|---|---|
/// | in a transaction | an advisory lock of the transaction | the write lock |
/// | without (`run_in_transaction = false`) | an advisory lock of the session, which ends with it | a lease on Diesel's table |
/// | a step | the runner's lease on the table | the runner's lease on the table |
///
/// A process that waits asks again and again instead of standing in the queue of a lock: a statement that stands there holds a
/// snapshot, which `CREATE INDEX CONCURRENTLY` would wait for. A lock of the session needs a connection that a pooler does not
/// hand to others between two statements. On SQLite a file that runs without a transaction should be done within a minute, or
/// hold the write lock meanwhile: a lease that is not renewed is taken over then.
///
/// A process that is killed leaves nothing behind that would stop the next. Diesel's CLI takes no part in this.
pub struct Harness<'c, C> {
    conn: &'c mut C,
    wait: Duration,
}

impl<C> fmt::Debug for Harness<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness")
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

/// How a turn ended.
enum Turn {
    Done,
    /// It belongs to someone else.
    Taken(String),
}

/// What is done in a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Run,
    Revert,
}

impl<'c, C: RunnerConnection> Harness<'c, C> {
    /// On the connection, which must not be inside a transaction.
    pub fn new(conn: &'c mut C) -> Self {
        Harness {
            conn,
            wait: Duration::from_secs(10 * 60),
        }
    }

    /// How long to wait for a migration that another process is running (10 min); then [`TimelineError::Busy`], with which a
    /// process should not begin to serve.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

impl<C> Harness<'_, C>
where
    C: RunnerConnection + MigrationHarness<C::Backend> + 'static,
{
    /// Does it, unless it is done by the time it is this process's turn.
    fn turn(
        &mut self,
        migration: &dyn Migration<C::Backend>,
        direction: Direction,
    ) -> Result<MigrationVersion<'static>> {
        let version = migration.name().version().as_owned();
        let mut wait = Wait::new(self.wait);
        loop {
            let turn = if is_step(migration) {
                self.step(migration, direction)
            } else if migration.metadata().run_in_transaction() {
                self.in_transaction(migration, direction)
            } else {
                self.in_session(migration, direction)
            };
            match turn {
                Ok(Turn::Done) => return Ok(version),
                Ok(Turn::Taken(holder)) => wait.take(holder)?,
                Err(error) if error.is::<TimelineError>() => return Err(error),
                Err(error) => {
                    // what went wrong may be that someone else had done it; a connection that is gone cannot tell
                    let applied = lock::is_applied(self.conn, &version);
                    if applied.is_ok_and(|applied| applied == (direction == Direction::Run)) {
                        return Ok(version);
                    }
                    return Err(error);
                }
            }
        }
    }

    fn work(&mut self, migration: &dyn Migration<C::Backend>, direction: Direction) -> Result<()> {
        let version = migration.name().version();
        if lock::is_applied(self.conn, &version)? == (direction == Direction::Run) {
            return Ok(());
        }
        // As Diesel's harness does it, and in no savepoint: what a script with a COMMIT of its own does is the same.
        match direction {
            Direction::Run => {
                migration.run(self.conn)?;
                lock::applied(self.conn, &version)?;
            }
            Direction::Revert => {
                migration.revert(self.conn)?;
                lock::reverted(self.conn, &version)?;
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        migration: &dyn Migration<C::Backend>,
        direction: Direction,
    ) -> Result<Turn> {
        match self.work(migration, direction) {
            Ok(()) => Ok(Turn::Done),
            Err(error) => match error.downcast::<Error>() {
                Ok(error) => match *error {
                    Error::RunnerActive { holder, .. } => Ok(Turn::Taken(holder)),
                    error => Err(Box::new(error)),
                },
                Err(error) => Err(error),
            },
        }
    }

    fn in_transaction(
        &mut self,
        migration: &dyn Migration<C::Backend>,
        direction: Direction,
    ) -> Result<Turn> {
        C::TransactionManager::begin_transaction(self.conn)?;
        let turn = match lock::for_transaction(self.conn) {
            Ok(Lock::Mine) => self.work(migration, direction).map(|()| Turn::Done),
            Ok(Lock::Taken(holder)) => Ok(Turn::Taken(holder)),
            Err(error) => Err(error.into()),
        };
        let ended = match &turn {
            Ok(Turn::Done) => C::TransactionManager::commit_transaction(self.conn),
            _ => C::TransactionManager::rollback_transaction(self.conn),
        };
        match ended {
            Ok(()) => turn,
            Err(error) => {
                // a commit that SQLite had no lock for leaves the transaction open
                let open = C::TransactionManager::transaction_manager_status_mut(self.conn)
                    .transaction_depth();
                if matches!(open, Ok(Some(_))) {
                    C::TransactionManager::rollback_transaction(self.conn).ok();
                }
                match lock::busy::<C>(error) {
                    Ok(holder) => Ok(Turn::Taken(holder)),
                    // the first error is the one to report
                    Err(error) => turn.and(Err(error.into())),
                }
            }
        }
    }

    fn in_session(
        &mut self,
        migration: &dyn Migration<C::Backend>,
        direction: Direction,
    ) -> Result<Turn> {
        let held = match lock::for_session(self.conn)? {
            (Lock::Mine, held) => held,
            (Lock::Taken(holder), _) => return Ok(Turn::Taken(holder)),
        };
        let worked = self.work(migration, direction);
        let released = held.release(self.conn);
        worked?;
        if !released? {
            return Err(Box::new(TimelineError::LostSession {
                version: migration.name().version().to_string(),
            }));
        }
        Ok(Turn::Done)
    }
}

/// The patience of one turn.
struct Wait {
    since: Instant,
    limit: Duration,
    pause: Duration,
}

impl Wait {
    fn new(limit: Duration) -> Self {
        Wait {
            since: Instant::now(),
            limit,
            pause: Duration::from_millis(5),
        }
    }

    fn take(&mut self, holder: String) -> std::result::Result<(), TimelineError> {
        let waited = self.since.elapsed();
        let Some(left) = self
            .limit
            .checked_sub(waited)
            .filter(|left| !left.is_zero())
        else {
            return Err(TimelineError::Busy {
                holder,
                waited: waited.as_secs(),
            });
        };
        std::thread::sleep(self.pause.min(left));
        self.pause = (self.pause * 2).min(Duration::from_millis(250));
        Ok(())
    }
}

impl<C> MigrationHarness<C::Backend> for Harness<'_, C>
where
    C: RunnerConnection + MigrationHarness<C::Backend> + 'static,
{
    fn run_migration(
        &mut self,
        migration: &dyn Migration<C::Backend>,
    ) -> Result<MigrationVersion<'static>> {
        self.turn(migration, Direction::Run)
    }

    fn revert_migration(
        &mut self,
        migration: &dyn Migration<C::Backend>,
    ) -> Result<MigrationVersion<'static>> {
        self.turn(migration, Direction::Revert)
    }

    /// The versions that are applied, the latest first. The first call makes Diesel's table.
    fn applied_migrations(&mut self) -> Result<Vec<MigrationVersion<'static>>> {
        let mut wait = Wait::new(self.wait);
        let mut again = 3;
        loop {
            let error = match self.conn.applied_migrations() {
                Ok(mut versions) => {
                    // PostgreSQL has sorted them by its collation, Rust sorts those that are pending
                    versions.sort_by(|a, b| b.cmp(a));
                    return Ok(versions);
                }
                Err(error) => error,
            };
            let error = error.downcast::<diesel::result::Error>()?;
            // `CREATE TABLE IF NOT EXISTS` looks first and creates then; whoever is later may find some name of the table
            // taken, under codes that Diesel does not hand on
            if again > 0 && lock::table_exists(self.conn) {
                again -= 1;
                continue;
            }
            wait.take(lock::busy::<C>(*error)?)?;
        }
    }
}
