//! One connection at work on batches: the runner's own, or one of several.

use super::action::while_busy;
use super::Runner;
use crate::backend::driver::Driver;
use crate::backend::session::{transaction, Session};
use crate::error::Error;
use crate::ledger::Lease;

/// A connection and what its transactions begin with.
pub(super) struct Hand<'h> {
    pub(super) s: &'h mut dyn Session,
    pub(super) driver: &'static dyn Driver,
    pub(super) lease: &'h Lease,
    pub(super) retries: u32,
    /// No triggers of the user's are to fire.
    pub(super) silent: bool,
    /// Others work beside it, and the lease is renewed for all of them by the runner.
    pub(super) beside: bool,
}

impl Hand<'_> {
    /// A transaction fenced by the lease, tried again while the database is busy.
    pub(super) fn transaction<T>(
        &mut self,
        mut work: impl FnMut(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        while_busy(self.driver, self.retries, || self.once(&mut work))
    }

    /// The same, tried once.
    pub(super) fn once<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (driver, lease) = (self.driver, self.lease);
        let (silent, beside) = (self.silent, self.beside);
        transaction(self.s, |s| {
            driver.settle(s)?;
            if silent {
                driver.silence(s)?;
            }
            match beside {
                true => lease.share(s)?,
                false => lease.fence(s)?,
            }
            work(s)
        })
    }

    /// Whether the connection can still be used, outside of a transaction.
    pub(super) fn is_alive(&mut self) -> bool {
        self.s.rows("SELECT 'x'", &[]).is_ok()
    }
}

impl Runner<'_> {
    /// The runner's own connection.
    pub(super) fn hand<'h>(&'h mut self, lease: &'h Lease) -> Hand<'h> {
        Hand {
            s: self.s,
            driver: self.driver,
            lease,
            retries: self.options.retries,
            silent: self.silent,
            beside: false,
        }
    }
}
