//! The steps one by one, in an order that the compiler checks.

use super::{state, Migrate, MigrateOn, Migration};
use crate::backend::RunnerConnection;
use crate::error::Error;
use crate::options::Options;
use crate::phase::{Pass, Phase, Step};

impl<M: Migrate, S> Migration<M, S> {
    fn advance<C, T>(mut self, conn: &mut C, step: Step) -> Result<Migration<M, T>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.with_runner(conn, |runner| runner.step(step))?;
        Ok(Migration::in_state(self.options))
    }
}

impl<M: Migrate> Migration<M> {
    pub(super) fn new() -> Self {
        Migration::in_state(Options::default())
    }

    /// Adds the new column; from here on all code writes both. Of a rename in place, adds its marker (PostgreSQL).
    pub fn expand<C>(self, conn: &mut C) -> Result<Migration<M, state::Expanded>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Expand)
    }
}

impl<M: Migrate> Migration<M, state::Expanded> {
    /// Copies the rows that existed before.
    pub fn backfill<C>(self, conn: &mut C) -> Result<Migration<M, state::Backfilled>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Backfill)
    }
}

impl<M: Migrate> Migration<M, state::Backfilled> {
    /// Proves that the copy is right.
    pub fn verify<C>(self, conn: &mut C) -> Result<Migration<M, state::Verified>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Verify)
    }
}

impl<M: Migrate> Migration<M, state::Verified> {
    /// Proves it again; from here on all code reads the new column.
    pub fn switch<C>(self, conn: &mut C) -> Result<Migration<M, state::Switched>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Switch)
    }
}

impl<M: Migrate> Migration<M, state::Switched> {
    /// Gives the new column all that the old one has; from here on no code writes the old one.
    pub fn retire<C>(self, conn: &mut C) -> Result<Migration<M, state::Retired>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Retire)
    }
}

impl<M: Migrate> Migration<M, state::Retired> {
    /// Drops the old column, from where there is no way back; of a rename in place, gives the column its new name.
    pub fn contract<C>(self, conn: &mut C) -> Result<Migration<M, state::Contracted>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Contract)
    }
}

impl<M: Migrate> Migration<M, state::Contracted> {
    /// The second pass of a retype that keeps its name, if there is one and it is not done.
    pub fn next_pass<C>(mut self, conn: &mut C) -> Result<Option<Migration<M>>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        let stage = self.status(conn)?.stage;
        let over = stage.phase == Phase::Contracted || stage.pass == Pass::First;
        Ok((!over).then(|| Migration::in_state(self.options)))
    }
}
