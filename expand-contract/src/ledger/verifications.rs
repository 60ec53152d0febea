//! What comparisons came to: the last one decides, all of them stay on record.

use super::store::{text, Fields, Ledger, Row};
use super::Lease;
use crate::backend::session::{Session, BIND};
use crate::error::{Error, While};
use crate::phase::Step;
use crate::verification::Verification;

/// A comparison of all rows that was just made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared {
    pub(crate) step: Step,
    pub(crate) rows: u64,
    pub(crate) mismatches: u64,
    /// Rows that were copied again before.
    pub(crate) repaired: u64,
}

impl Ledger {
    /// Stores the result of a comparison.
    pub(crate) fn verified(
        &self,
        s: &mut dyn Session,
        lease: &Lease,
        compared: Compared,
    ) -> Result<(), Error> {
        let Compared {
            step,
            rows,
            mismatches,
            repaired,
        } = compared;
        let migrations = self.table("migrations");
        let sql = format!(
            // rows that differ are for another backfill to repair
            "UPDATE {migrations} SET verified = {0}, mismatches = {mismatches}, verified_hash = {BIND}, \
             backfilled = CASE WHEN {0} = 1 THEN backfilled ELSE 0 END, updated_at = CURRENT_TIMESTAMP WHERE {1}",
            i32::from(mismatches == 0),
            self.me()
        );
        s.execute(&sql, &[text(&self.hash()), self.id()])
            .during("storing the result of a comparison")?;
        let sql = format!(
            "INSERT INTO {} (id, step, definition_hash, runner, generation, token, rows_compared, mismatches, repaired) \
             VALUES ({BIND}, {BIND}, {BIND}, {BIND}, {}, {}, {rows}, {mismatches}, {repaired})",
            self.table("verifications"),
            self.def.generation,
            lease.token
        );
        let binds = [
            self.id(),
            text(step.as_str()),
            text(&self.hash()),
            text(&lease.holder),
        ];
        s.execute(&sql, &binds)
            .during("storing the result of a comparison")?;
        Ok(())
    }

    /// The result of the last comparison. `row`: what the ledger says of the migration now.
    pub(crate) fn verification(
        &self,
        s: &mut dyn Session,
        row: &Row,
    ) -> Result<Option<Verification>, Error> {
        let sql = format!(
            "SELECT step, CAST(rows_compared AS text), CAST(mismatches AS text), CAST(repaired AS text), runner, \
             CAST(at AS text) FROM {} WHERE {} ORDER BY verification DESC LIMIT 1",
            self.table("verifications"),
            self.me()
        );
        let rows = s.rows(&sql, &[self.id()]).during("reading comparisons")?;
        let Some(found) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut found = Fields::new(found);
        let step = found.text().parse()?;
        let mut number = || Ok::<_, Error>(u64::try_from(found.number()?).unwrap_or(0));
        Ok(Some(Verification {
            step,
            rows: number()?,
            mismatches: number()?,
            repaired: number()?,
            by: found.text(),
            at: found.text(),
            // what makes it stale takes the result off the migration's row
            stale: row.mismatches.is_none() || !row.same_definition,
        }))
    }
}
