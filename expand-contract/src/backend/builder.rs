//! What cannot run in a transaction: builds of indexes on a table at work.

use super::session::Session;
use crate::catalogue::Table;
use crate::error::Error;
use crate::plan::Work;
use crate::waiting::Transaction;

/// What an action outside of a transaction comes to, by what the catalogue says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outside {
    /// The statements that are left to be run.
    pub(crate) statements: Vec<String>,
    /// The index that they build, and the name it gets in the end.
    pub(crate) built: Option<Built>,
}

/// An index that was built under a name of its builder's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Built {
    pub(crate) under: String,
    pub(crate) name: String,
}

/// How far a build is, in the server's words and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Building {
    pub(crate) phase: String,
    /// Done and in all: transactions waited for, blocks, rows.
    pub(crate) lockers: (u64, u64),
    pub(crate) blocks: (u64, u64),
    pub(crate) tuples: (u64, u64),
    pub(crate) waits_for: Option<Transaction>,
}

/// The side of a backend that builds indexes while the table is written.
pub(crate) trait Builder: Sync {
    /// What is left to be done of `work` for the runner with the token.
    fn outside(
        &self,
        s: &mut dyn Session,
        table: &Table,
        work: &[Work],
        token: i64,
    ) -> Result<Outside, Error>;
    /// Whether an index of this name is one that is being built, or was built and has no name of its own yet.
    fn is_build(&self, name: &str) -> bool;
    /// The builds on the table that have no name of their own yet, whoever's they are.
    fn left_over(&self, s: &mut dyn Session, table: &Table) -> Result<Vec<String>, Error>;
    /// One statement, with no limit in time. What was set is as before on every exit.
    fn alone(&self, s: &mut dyn Session, sql: &str) -> Result<(), Error>;
    /// The statement that drops an index that is not in use yet. `live`: in a way that needs no lock, but [`Self::alone`].
    fn drop_built(&self, table: &Table, name: &str, live: bool) -> String;
    /// The statement that gives a built index its name; an error if it is not to be used.
    fn name_built(
        &self,
        s: &mut dyn Session,
        table: &Table,
        built: &Built,
    ) -> Result<String, Error>;
    /// The server process that works for the session at this moment.
    fn process(&self, s: &mut dyn Session) -> Result<i64, Error>;
    /// How far the build of a server process is, as far as it is one.
    fn building(&self, s: &mut dyn Session, process: i64) -> Result<Option<Building>, Error>;
    /// The server processes that build an index on the table.
    fn builders(&self, s: &mut dyn Session, table: &Table) -> Result<Vec<i64>, Error>;
    /// Ends what a server process is doing.
    fn cancel(&self, s: &mut dyn Session, process: i64);
}
