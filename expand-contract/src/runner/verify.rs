//! Compares the columns in batches along the key.

use std::time::Instant;

use super::backfill::{Batch, Job};
use super::pace::Done;
use super::{Facts, Runner};
use crate::backend::session::{transaction, Session};
use crate::backend::Direction;
use crate::error::{Error, While};
use crate::ledger::Lease;
use crate::phase::Step;

impl Job<'_> {
    fn compare(&self, s: &mut dyn Session) -> Result<Batch, Error> {
        let range = self.range(s)?;
        let mut batch = Batch {
            last: range.last,
            ..Batch::default()
        };
        if let Some(differs) = self.cx.differs()? {
            let locator = self.driver.locator(self.cx.table, &range);
            let sql = format!(
                "SELECT {} FROM {} WHERE {} AND ({differs})",
                locator.key,
                self.cx.table.sql(),
                range.sql
            );
            let rows = s.rows(&sql, &range.binds).during("comparing a batch")?;
            batch.changed += rows.len() as u64;
            batch.samples.extend(rows.into_iter().flatten().flatten());
        }
        self.compare_rust(s, &range, &mut batch)?;
        self.driver.passed(s, self.ledger, self.slot, &range)?;
        Ok(batch)
    }

    fn compare_rust(
        &self,
        s: &mut dyn Session,
        range: &crate::backend::driver::Range,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        for change in self.cx.rust_changes() {
            let outcome = s.convert(change.index, &self.request(change, range)?)?;
            batch.changed += outcome.changed;
            batch.samples.extend(outcome.samples);
        }
        Ok(())
    }

    // some row's conversion raises: that row differs
    fn compare_one_by_one(&self, s: &mut dyn Session) -> Result<Batch, Error> {
        let range = self.range(s)?;
        let mut batch = Batch {
            last: range.last,
            ..Batch::default()
        };
        if let Some(differs) = self.cx.differs()? {
            let (keys, condition) = self.rows_of(s, &range)?;
            let sql = format!(
                "SELECT 'x' FROM {} WHERE {condition} AND ({differs})",
                self.cx.table.sql()
            );
            for (key, locator) in keys {
                let one = transaction(s, |s| s.rows(&sql, &locator).during("comparing a row"));
                if !one.is_ok_and(|rows| rows.is_empty()) {
                    batch.changed += 1;
                    batch.samples.push(key);
                }
            }
        }
        self.compare_rust(s, &range, &mut batch)?;
        self.driver.passed(s, self.ledger, self.slot, &range)?;
        Ok(batch)
    }
}

impl Runner<'_> {
    /// Compares all rows and stores the result; rows that differ twice are an error.
    pub(super) fn compare_rows(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        step: Step,
    ) -> Result<(), Error> {
        let ledger = self.ledger.clone();
        let cx = self.context(facts);
        let rust = cx.rust_changes().next().is_some();
        let job = Job {
            driver: self.driver,
            ledger: &ledger,
            cx: &cx,
            direction: Direction::Verify,
            slot: "verify",
            size: if rust {
                self.batch_size().min(1_000)
            } else {
                self.batch_size()
            },
            samples: self.options.samples,
        };
        let mut found = self.walk(lease, &job, step, 1)?;
        if found.changed > 0 {
            // what differed for a moment only is not reported
            found = self.walk(lease, &job, step, 2)?;
        }
        self.in_transaction(lease, |s| ledger.verified(s, found.changed))?;
        if found.changed == 0 {
            return Ok(());
        }
        Err(Error::Mismatches {
            table: facts.table.name.to_string(),
            count: found.changed,
            samples: found.samples,
        })
    }

    fn walk(
        &mut self,
        lease: &Lease,
        job: &Job<'_>,
        step: Step,
        sweep: u32,
    ) -> Result<Batch, Error> {
        self.in_transaction(lease, |s| job.ledger.clear_cursor(s, job.slot))?;
        let mut all = Batch::default();
        let mut pace = self.pace(step, sweep, job.cx.table.estimate);
        loop {
            self.permitted(lease, &mut pace)?;
            let start = Instant::now();
            let batch = match self.in_transaction(lease, |s| job.compare(s)) {
                Err(Error::Database { .. }) => {
                    self.in_transaction(lease, |s| job.compare_one_by_one(s))?
                }
                result => result?,
            };
            self.let_others_in(start);
            all.changed += batch.changed;
            all.samples.extend(batch.samples);
            all.samples.truncate(job.samples);
            let done = Done {
                rows: u64::from(job.size),
                changed: batch.changed,
            };
            self.report(lease, &mut pace, done)?;
            if batch.last {
                return Ok(all);
            }
        }
    }
}
