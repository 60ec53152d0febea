//! What an operator asks of a run in another process.

use super::{Migrate, MigrateOn, Migration};
use crate::backend::RunnerConnection;
use crate::error::Error;
use crate::request::RequestKind;

impl<M: Migrate, S> Migration<M, S> {
    /// Asks whoever runs a step of this migration, in whichever process, to wait: before its next batch, and before each
    /// action. It keeps the lease meanwhile, so that nobody else begins.
    ///
    /// The request stands until [`proceed`](Self::proceed) lifts it: a runner that is started again, or for the first time,
    /// waits as well ([`Options::pause_wait`](crate::Options::pause_wait) limits that). Who, when and why is in
    /// [`Status::request`](crate::Status::request); whether the run has come to a stop, in
    /// [`Status::progress`](crate::Status::progress). A statement under way is not interrupted: a batch is over within a
    /// moment, an index build may take long. What old-only writers queue waits too. Takes the place of a request that stands.
    ///
    /// The role needs to write to the ledger, whose owner is the role that runs the steps (others: `GRANT INSERT, UPDATE ON
    /// expand_contract.requests`). Creates the ledger where there is none, so that a migration can be paused before it
    /// begins.
    ///
    /// # Errors
    /// The connection is inside a transaction, or the role may not.
    pub fn pause<C>(&mut self, conn: &mut C, reason: &str) -> Result<(), Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.look(conn, |runner| runner.ask(RequestKind::Pause, reason))
    }

    /// Asks whoever runs a step of this migration, in whichever process, to end it: before its next batch or action, or while
    /// it waits for instances or transactions. The step fails there with
    /// [`Interruption::Cancelled`](crate::Interruption::Cancelled).
    ///
    /// Nothing is lost and nothing is undone: what was done stays. The request stands until [`proceed`](Self::proceed) lifts
    /// it, so a supervisor that starts the runner again does not start the work again; a rollback is a run as well. The rest
    /// is as for [`pause`](Self::pause).
    ///
    /// # Errors
    /// The connection is inside a transaction, or the role may not.
    pub fn cancel<C>(&mut self, conn: &mut C, reason: &str) -> Result<(), Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.look(conn, |runner| runner.ask(RequestKind::Cancel, reason))
    }

    /// Lifts the request to pause or to cancel. A run that is paused goes on within a second; one that was cancelled has to
    /// be started again. Whether there was a request.
    ///
    /// # Errors
    /// The connection is inside a transaction, or the role may not.
    pub fn proceed<C>(&mut self, conn: &mut C) -> Result<bool, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.look(conn, |runner| runner.lift())
    }
}
