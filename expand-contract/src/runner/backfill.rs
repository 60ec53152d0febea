//! Copies rows in batches along the key, forwards or back, until nothing is left to copy.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::drain::Walk;
use super::hand::Hand;
use super::job::Job;
use super::steering::Steering;
use super::walk::{Batch, Errand};
use super::{Facts, Runner};
use crate::backend::driver::Segment;
use crate::backend::Direction;
use crate::definition::Dialect;
use crate::error::{Error, While};
use crate::ledger::Lease;
use crate::phase::Step;

/// How often the table is walked at most: rows that a writer keeps changing are for verify to report.
const SWEEPS: u32 = 5;
/// A Rust conversion has a batch's rows in memory, and sends them back in one statement.
const MOST_IN_RUST: u32 = 20_000;

/// Blocks that are looked at for rows that were not copied.
struct Blocks {
    next: u64,
    end: u64,
}

impl Runner<'_> {
    /// Walks the table until there is nothing to copy.
    pub(super) fn copy_rows(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        step: Step,
        reverse: bool,
    ) -> Result<(), Error> {
        let ledger = self.ledger.clone();
        let cx = self.context(facts);
        let rust = cx.rust_changes().next().is_some();
        let job = Job {
            driver: self.driver,
            ledger: &ledger,
            cx: &cx,
            direction: match reverse {
                true => Direction::Reverse,
                false => Direction::Forward,
            },
            walk: match reverse {
                true => "reverse",
                false => "forward",
            },
        };
        let mut queue = rust.then(Walk::default);
        for sweep in 1..=SWEEPS {
            let (changed, whole) = self.sweep(lease, facts, (&job, &mut queue), step, sweep)?;
            let (poison, _) = ledger.quarantined(self.s, 0)?;
            // a walk may have begun in the middle, where a killed runner left off
            if whole && changed == 0 && (poison == 0 || sweep > 1) {
                break;
            }
            // the end of the cursor is no proof: a key may have moved behind it
            if poison == 0 && !rust && self.is_copied(lease, &job, step, sweep + 1)? {
                break;
            }
        }
        if rust {
            self.drain(lease, facts, step)?;
        }
        let (count, rows) = ledger.quarantined(self.s, self.options.samples)?;
        if count > 0 {
            return Err(Error::Poison {
                table: facts.table.name.to_string(),
                count,
                rows,
            });
        }
        Ok(())
    }

    /// How large the batches of a copy are to be.
    pub(super) fn copy_size(&mut self, rust: bool) -> Result<Steering, Error> {
        let timeout = self.driver.deadlock_timeout(self.s)?;
        let most = match (rust, self.s.dialect()) {
            (true, Dialect::Postgres) => self.batch_size().min(MOST_IN_RUST),
            _ => self.batch_size(),
        };
        Ok(Steering::new(most, self.options.target_time, timeout))
    }

    // how many rows were written, and whether they were looked for in the whole table
    fn sweep(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        (job, queue): (&Job<'_>, &mut Option<Walk>),
        step: Step,
        sweep: u32,
    ) -> Result<(u64, bool), Error> {
        let (segments, whole) = self.segments(lease, job.course())?;
        if whole {
            // what a killed runner has found stays on record until a walk comes to it again
            self.in_transaction(lease, |s| job.ledger.release_quarantine(s))?;
        }
        let mut pace = self.pace(step, sweep, job.cx.table.estimate);
        let size = self.copy_size(queue.is_some())?;
        let errand = Errand {
            parts: segments,
            batch: &|hand: &mut Hand<'_>, segment: &mut Segment, size: &mut Steering| {
                job.batch(hand, segment, size)
            },
            again: &|hand: &mut Hand<'_>, segment: &Segment| {
                hand.transaction(|s| job.ledger.segment(s, &segment.slot))
            },
            size,
            samples: 0,
        };
        let all = self.go_through(lease, &mut pace, errand, &mut |runner| match queue {
            Some(walk) => runner.drain_between(lease, facts, walk),
            None => Ok(()),
        })?;
        Ok((all.changed, whole))
    }

    /// Whether every row is seen to be copied, in the order in which the rows lie: much less work than another walk along
    /// the key. `false`: not by this way.
    fn is_copied(
        &mut self,
        lease: &Lease,
        job: &Job<'_>,
        step: Step,
        sweep: u32,
    ) -> Result<bool, Error> {
        let reverse = job.direction == Direction::Reverse;
        let Some((_, left)) = job.cx.copy(reverse)? else {
            return Ok(false);
        };
        // what no walk has come to has NULL in its new column; whether other values are right is for `verify` to ask
        let news = job.cx.changes.iter();
        let news = news.map(|change| format!("{} IS NULL", job.cx.table.dialect.quote(change.to)));
        let left = match reverse {
            true => left,
            false => format!("({}) AND {left}", news.collect::<Vec<_>>().join(" OR ")),
        };
        let Some(blocks) = self.driver.blocks(self.s, job.cx.table)? else {
            return Ok(false);
        };
        let parts = self.parts() as u64;
        let bound = |part: u64| blocks * part / parts;
        let parts = (0..parts).map(|part| Blocks {
            next: bound(part),
            end: bound(part + 1),
        });
        let found = AtomicBool::new(false);
        let table = job.cx.table.sql();
        let look = |hand: &mut Hand<'_>, part: &mut Blocks, size: &mut Steering| {
            let start = Instant::now();
            let to = part.next.saturating_add(u64::from(size.rows()));
            let end = to.min(part.end);
            let range = job.driver.in_blocks(part.next, end);
            let sql = format!(
                "SELECT count(*)::text, count(*) FILTER (WHERE {left})::text FROM {table} WHERE {range}"
            );
            let counts = hand.transaction(|s| {
                s.rows(&sql, &[])
                    .during("looking for rows that are not copied")
            });
            let rows = match counts {
                Ok(rows) => rows,
                // a value that does not convert is for a walk along the key to name
                Err(Error::Database { .. }) if hand.is_alive() => Vec::new(),
                Err(error) => return Err(error),
            };
            size.took(start.elapsed());
            part.next = end;
            let mut counts = rows.into_iter().flatten().flatten().map(|n| n.parse().ok());
            let mut next = || counts.next().flatten();
            let (rows, left): (Option<u64>, Option<u64>) = (next(), next());
            if left != Some(0) {
                found.store(true, Ordering::SeqCst);
            }
            Ok(Batch {
                rows: rows.unwrap_or(0),
                last: part.next >= part.end || found.load(Ordering::SeqCst),
                ..Batch::default()
            })
        };
        let errand = Errand {
            parts: parts.filter(|part| part.next < part.end).collect(),
            batch: &look,
            again: &|_: &mut Hand<'_>, part: &Blocks| {
                Ok(Some(Blocks {
                    next: part.next,
                    end: part.end,
                }))
            },
            // a block has some dozens of rows
            size: Steering::new(u32::MAX, self.options.target_time, None),
            samples: 0,
        };
        let mut pace = self.pace(step, sweep, job.cx.table.estimate);
        self.go_through(lease, &mut pace, errand, &mut |_| Ok(()))?;
        Ok(!found.load(Ordering::SeqCst))
    }
}
