//! One connection as the runner sees it: text in, text out, no type parameters.

use std::sync::Arc;

use super::conversion::{Outcome, Request};
use crate::definition::Dialect;
use crate::error::{Error, QueryResult};

/// The place of a bound value in the SQL given to a [`Session`].
///
/// A character that no SQL has a use for; every dialect's own placeholder is put in when the statement is sent.
pub(crate) const BIND: char = '\u{1}';

/// One row: every column as text.
pub type TextRow = Vec<Option<String>>;

/// A connection without its type.
pub trait Session {
    /// The database.
    fn dialect(&self) -> Dialect;
    /// Statements without values, separated by semicolons.
    fn batch(&mut self, sql: &str) -> QueryResult<()>;
    /// One statement; the number of rows it touched.
    fn execute(&mut self, sql: &str, binds: &[Option<String>]) -> QueryResult<usize>;
    /// One query, all of whose columns are text.
    fn rows(&mut self, sql: &str, binds: &[Option<String>]) -> QueryResult<Vec<TextRow>>;
    /// Begins a transaction, or a savepoint inside one.
    fn begin(&mut self) -> QueryResult<()>;
    /// Commits what `begin` began.
    fn commit(&mut self) -> QueryResult<()>;
    /// Undoes what was done since `begin`.
    fn rollback(&mut self) -> QueryResult<()>;
    /// How many transactions and savepoints are open.
    fn depth(&mut self) -> QueryResult<u32>;
    /// Runs the Rust conversion of a change on a range of rows.
    fn convert(&mut self, change: usize, request: &Request) -> Result<Outcome, Error>;
}

/// `work` in a transaction, or in a savepoint where one is open.
pub(crate) fn transaction<T>(
    session: &mut dyn Session,
    work: impl FnOnce(&mut dyn Session) -> Result<T, Error>,
) -> Result<T, Error> {
    session.begin()?;
    let mut open = Open {
        session,
        over: false,
    };
    let result = work(&mut *open.session);
    open.over = true;
    let session = &mut *open.session;
    match result {
        Ok(value) => {
            let inside = session.depth().unwrap_or(1);
            match session.commit() {
                Ok(()) => Ok(value),
                Err(error) => {
                    // a failed commit may leave the transaction open (SQLite: busy)
                    if session.depth().is_ok_and(|depth| depth >= inside) {
                        session.rollback().ok();
                    }
                    Err(error.into())
                }
            }
        }
        Err(error) => {
            // the first error is the one to report; a connection that cannot roll back is closed by its owner
            session.rollback().ok();
            Err(error)
        }
    }
}

/// A transaction that a panic of a callback or of a conversion must not leave open on a connection of a pool.
struct Open<'s> {
    session: &'s mut dyn Session,
    over: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.session.rollback().ok();
        }
    }
}

/// Opens further sessions beside the runner's own, with the same conversions. Called on the thread that uses the session.
pub(crate) type Connect = Arc<dyn Fn() -> Result<Box<dyn Session>, Error> + Send + Sync>;
