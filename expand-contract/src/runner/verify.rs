//! Compares the columns in batches along the key.

use std::collections::BTreeSet;
use std::time::Instant;

use super::hand::Hand;
use super::job::{Job, Rows};
use super::steering::Steering;
use super::walk::{Batch, Errand};
use super::{Facts, Runner};
use crate::backend::driver::{Range, Segment};
use crate::backend::session::{transaction, Session};
use crate::backend::{Direction, Request};
use crate::definition::Dialect;
use crate::error::{Error, While};
use crate::ledger::{Compared, Lease};
use crate::phase::Step;

impl Job<'_> {
    /// The next batch of a segment. A row that differs counts if it does so again in a later snapshot: what differed for a
    /// moment only is nothing to report.
    fn compare(
        &self,
        hand: &mut Hand<'_>,
        segment: &mut Segment,
        size: &mut Steering,
    ) -> Result<Batch, Error> {
        let rows = size.rows();
        let start = Instant::now();
        // one write lock for the whole file: between two reads of a transaction nothing changes
        let alone = self.cx.table.dialect == Dialect::Sqlite;
        let ((range, compared), mut differ) = look(hand, |s, one_by_one| {
            let range = self.range(s, segment, rows)?;
            let compared = self.rows_in(s, &range, rows)?;
            let differ = self.differing(s, &range, one_by_one)?;
            if differ.is_empty() || alone {
                self.driver.passed(s, self.ledger, segment, &range)?;
            }
            Ok(((range, compared), differ))
        })?;
        if !differ.is_empty() && !alone {
            let again = look(hand, |s, one_by_one| {
                let again = self.differing(s, &range, one_by_one)?;
                self.driver.passed(s, self.ledger, segment, &range)?;
                Ok(again)
            })?;
            differ = differ.intersection(&again).cloned().collect();
        }
        size.took(start.elapsed());
        // how many rows there were is part of the result: they are counted
        segment.pass(&range, &Batch::default());
        Ok(Batch {
            rows: compared,
            changed: differ.len() as u64,
            samples: differ.into_iter().collect(),
            last: range.last,
        })
    }

    // how many rows a range has that was to have so many: the result of a comparison says how many there were
    fn rows_in(&self, s: &mut dyn Session, range: &Range, rows: u32) -> Result<u64, Error> {
        if !range.last {
            return Ok(u64::from(rows));
        }
        let sql = format!(
            "SELECT CAST(count(*) AS text) FROM {} WHERE {}",
            self.cx.table.sql(),
            range.sql
        );
        let found = s.rows(&sql, &range.binds).during("counting a batch")?;
        let count = found.into_iter().flatten().flatten().next();
        Ok(count.and_then(|n| n.parse().ok()).unwrap_or(0))
    }

    // the keys of the rows of a range that differ
    fn differing(
        &self,
        s: &mut dyn Session,
        range: &Range,
        one_by_one: bool,
    ) -> Result<BTreeSet<String>, Error> {
        let mut found = self.differing_in_rust(s, range)?;
        let Some(differs) = self.cx.differs()? else {
            return Ok(found);
        };
        let table = self.cx.table.sql();
        if one_by_one {
            let Rows { keys, condition } = self.rows_of(s, range)?;
            let sql = format!("SELECT 'x' FROM {table} WHERE {condition} AND ({differs})");
            for (key, locator) in keys {
                let one = transaction(s, |s| s.rows(&sql, &locator).during("comparing a row"));
                if !one.is_ok_and(|rows| rows.is_empty()) {
                    found.insert(key);
                }
            }
            return Ok(found);
        }
        let key = self.driver.locator(self.cx.table, range).key;
        let sql = format!(
            "SELECT {key} FROM {table} WHERE {} AND ({differs})",
            range.sql
        );
        let rows = s.rows(&sql, &range.binds).during("comparing a batch")?;
        found.extend(rows.into_iter().flatten().flatten());
        Ok(found)
    }

    fn differing_in_rust(
        &self,
        s: &mut dyn Session,
        range: &Range,
    ) -> Result<BTreeSet<String>, Error> {
        let mut found = BTreeSet::new();
        for change in self.cx.rust_changes() {
            let request = Request {
                samples: usize::MAX,
                ..self.request(change, range)?
            };
            found.extend(s.convert(change.index, &request)?.samples);
        }
        Ok(found)
    }
}

// `work` in a transaction; once more, row by row, where some row's conversion raises: that row differs
fn look<T>(
    hand: &mut Hand<'_>,
    mut work: impl FnMut(&mut dyn Session, bool) -> Result<T, Error>,
) -> Result<T, Error> {
    match hand.transaction(|s| work(s, false)) {
        Err(Error::Database { .. }) if hand.is_alive() => hand.transaction(|s| work(s, true)),
        result => result,
    }
}

impl Runner<'_> {
    /// Compares all rows and stores the result; rows that differ, and differ still when they are read again, are an error.
    /// `repaired`: how many were copied again before.
    pub(super) fn compare_rows(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        step: Step,
        repaired: u64,
    ) -> Result<(), Error> {
        let ledger = self.ledger.clone();
        let cx = self.context(facts);
        let job = Job {
            driver: self.driver,
            ledger: &ledger,
            cx: &cx,
            direction: Direction::Verify,
            walk: "verify",
        };
        let found = self.compare_all(lease, &job, step)?;
        let compared = Compared {
            step,
            rows: found.rows,
            mismatches: found.changed,
            repaired,
        };
        self.in_transaction(lease, |s| ledger.verified(s, lease, compared))?;
        if found.changed == 0 {
            return Ok(());
        }
        Err(Error::Mismatches {
            table: facts.table.name.to_string(),
            count: found.changed,
            samples: found.samples,
        })
    }

    // every time from the start: what a killed runner has found is not stored
    fn compare_all(&mut self, lease: &Lease, job: &Job<'_>, step: Step) -> Result<Batch, Error> {
        self.in_transaction(lease, |s| job.ledger.clear_walk(s, job.walk))?;
        let (segments, _) = self.segments(lease, job.course())?;
        let mut pace = self.pace(step, 1, job.cx.table.estimate);
        let errand = Errand {
            parts: segments,
            batch: &|hand: &mut Hand<'_>, segment: &mut Segment, size: &mut Steering| {
                job.compare(hand, segment, size)
            },
            again: &|hand: &mut Hand<'_>, segment: &Segment| {
                hand.transaction(|s| job.ledger.segment(s, &segment.slot))
            },
            // reads lock no rows
            size: Steering::new(self.batch_size(), self.options.target_time, None),
            samples: self.options.samples,
        };
        self.go_through(lease, &mut pace, errand, &mut |_| Ok(()))
    }
}
