//! A comparison, and, where the caller wants it, another copy of what differs.

use super::triggers::Written;
use super::{Facts, Runner};
use crate::error::Error;
use crate::ledger::Lease;
use crate::phase::{Phase, Step};

impl Runner<'_> {
    /// Compares all rows. Under [`Options::repair`](crate::Options::repair) those that differ are copied again, by the rules
    /// of every copy, and compared once more.
    pub(super) fn prove_rows(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        step: Step,
    ) -> Result<(), Error> {
        let result = self.compare_rows(lease, facts, step, 0);
        // only there the old column is what everybody reads, and so the one to copy from
        let repairs = self.options.control.repair
            && facts.position.stage.phase == Phase::Expanded
            && matches!(result, Err(Error::Mismatches { .. }));
        if !repairs {
            return result;
        }
        let before = self.telling.changed;
        self.silently(facts, Written::New, |runner| {
            runner.copy_rows(lease, facts, step, false)
        })?;
        let repaired = self.telling.changed - before;
        let ledger = self.ledger.clone();
        self.in_transaction(lease, |s| ledger.backfilled(s))?;
        self.compare_rows(lease, facts, step, repaired)
    }
}
