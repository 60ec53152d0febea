//! The other end of a request: whoever makes or lifts one, without the lease.

use super::action::while_busy;
use super::Runner;
use crate::backend::session::{transaction, Session};
use crate::error::Error;
use crate::ledger::{self, Ledger};
use crate::request::RequestKind;

impl Runner<'_> {
    /// Makes a request.
    pub(crate) fn ask(&mut self, kind: RequestKind, reason: &str) -> Result<(), Error> {
        let by = self.options.who();
        self.unleased(kind.as_str(), |s, ledger| ledger.ask(s, kind, &by, reason))
    }

    /// Lifts the one that stands. Whether there was one.
    pub(crate) fn lift(&mut self) -> Result<bool, Error> {
        let by = self.options.who();
        self.unleased("proceed", |s, ledger| ledger.lift(s, &by))
    }

    // a transaction that no lease protects: it touches nothing that a runner has in hand
    fn unleased<T>(
        &mut self,
        what: &str,
        work: impl Fn(&mut dyn Session, &Ledger) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.s.depth()? > 0 {
            return Err(Error::InsideTransaction {
                what: what.to_owned(),
            });
        }
        ledger::ensure(self.s)?;
        let (driver, ledger) = (self.driver, &self.ledger);
        while_busy(driver, self.options.retries, || {
            transaction(self.s, |s| {
                driver.settle(s)?;
                work(s, ledger)
            })
        })
    }
}
