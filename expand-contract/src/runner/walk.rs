//! A walk over the table: its parts, one after the other or several at once.

use std::time::Instant;

use super::hand::Hand;
use super::pace::{Done, Pace};
use super::steering::Steering;
use super::Runner;
use crate::backend::driver::{Driver, Key, Range, Segment};
use crate::catalogue::Table;
use crate::definition::Dialect;
use crate::error::Error;
use crate::ledger::{Lease, Ledger};

/// Parts of a walk for each worker: the last of them are done by all, and a dense part holds nobody up for long.
const PARTS_PER_WORKER: usize = 8;

/// What came of one batch, or of many.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Rows it was to have.
    pub(super) rows: u64,
    /// Rows written, or found to differ.
    pub(super) changed: u64,
    /// Keys of rows that differ.
    pub(super) samples: Vec<String>,
    /// The part is done.
    pub(super) last: bool,
}

impl Segment {
    /// Goes on behind the range, in which a batch has changed so many rows of those that it was to have.
    pub(super) fn pass(&mut self, range: &Range, batch: &Batch) {
        let number = |key: &Key| key.first()?.as_ref()?.parse::<i64>().ok();
        let span = || {
            let (after, upper) = (self.after.as_ref()?, range.upper.as_ref()?);
            number(upper)?.checked_sub(number(after)?)
        };
        let most = i64::try_from(batch.rows).unwrap_or(i64::MAX);
        let (full, narrow) = (batch.changed >= batch.rows / 10 * 9, most + most / 10);
        self.dense = full && span().is_some_and(|span| span <= narrow);
        self.after = Some(range.upper.clone().unwrap_or_default());
    }
}

/// One batch of a part, which moves on.
pub(super) type OneBatch<'e, P> =
    dyn Fn(&mut Hand<'_>, &mut P, &mut Steering) -> Result<Batch, Error> + Sync + 'e;
/// Where a part really is, once a connection was lost in the middle of a batch; none: it is done.
pub(super) type Again<'e, P> = dyn Fn(&mut Hand<'_>, &P) -> Result<Option<P>, Error> + Sync + 'e;
/// What the runner does on its own connection between two batches.
pub(super) type Between<'e> = dyn FnMut(&mut Runner<'_>) -> Result<(), Error> + 'e;

/// What is to be done with the parts of a walk.
pub(super) struct Errand<'e, P> {
    pub(super) parts: Vec<P>,
    pub(super) batch: &'e OneBatch<'e, P>,
    pub(super) again: &'e Again<'e, P>,
    pub(super) size: Steering,
    /// How many keys to keep of rows that differ.
    pub(super) samples: usize,
}

/// What a walk goes along.
#[derive(Clone, Copy)]
pub(super) struct Course<'c> {
    pub(super) driver: &'static dyn Driver,
    pub(super) ledger: &'c Ledger,
    pub(super) table: &'c Table,
    /// Its name among the ledger's cursors.
    pub(super) walk: &'static str,
}

impl Runner<'_> {
    /// How many connections work at once.
    pub(super) fn workers(&self) -> usize {
        match self.s.dialect() {
            Dialect::Postgres => self.options.workers.max(1) as usize,
            // there is one writer at a time
            Dialect::Sqlite => 1,
        }
    }

    /// Refuses what needs further connections where there is no way to them.
    pub(super) fn check_workers(&self) -> Result<(), Error> {
        if self.workers() > 1 && self.options.connect.is_none() {
            return Err(Error::NoConnections {
                what: format!("{} workers", self.workers()),
                instead: "leave `Options::workers` at 1",
            });
        }
        Ok(())
    }

    /// How many rows a batch has at most.
    pub(super) fn batch_size(&self) -> u32 {
        let default = match self.s.dialect() {
            Dialect::Postgres => 100_000,
            Dialect::Sqlite => 10_000,
        };
        self.options.batch_size.unwrap_or(default)
    }

    /// Into how many parts a walk is cut.
    pub(super) fn parts(&self) -> usize {
        match self.workers() {
            1 => 1,
            workers => workers * PARTS_PER_WORKER,
        }
    }

    /// The segments that are left of a walk, or those of a new one up to the last key there is now: what is inserted behind
    /// it is written by those who write both columns, and would keep a walk from ending. And whether the walk is new.
    pub(super) fn segments(
        &mut self,
        lease: &Lease,
        course: Course<'_>,
    ) -> Result<(Vec<Segment>, bool), Error> {
        let (workers, parts) = (self.workers(), self.parts());
        let Course {
            driver,
            ledger,
            table,
            walk,
        } = course;
        self.in_transaction(lease, |s| {
            let mut left = ledger.unfinished(s, walk)?;
            let new = left.segments.is_empty() && !left.endless;
            if left.segments.is_empty() {
                let width = table.cursor.len();
                if !ledger.set_end_from(s, walk, &driver.last_key(table), width)? {
                    ledger.clear_walk(s, walk)?;
                    return Ok((Vec::new(), true));
                }
                left = ledger.unfinished(s, walk)?;
            }
            let mut segments = left.segments;
            if segments.len() < workers {
                segments = driver.split(s, ledger, table, walk, segments, parts)?;
            }
            Ok((segments, new))
        })
    }

    /// Does all parts, batch by batch, and comes back when all are done or one has failed.
    pub(super) fn go_through<P: Send>(
        &mut self,
        lease: &Lease,
        pace: &mut Pace,
        errand: Errand<'_, P>,
        between: &mut Between<'_>,
    ) -> Result<Batch, Error> {
        if self.workers() > 1 && errand.parts.len() > 1 {
            return self.go_together(lease, pace, errand, between);
        }
        let mut size = errand.size;
        let mut all = Batch::default();
        for mut part in errand.parts {
            loop {
                self.permitted(lease, pace)?;
                let start = Instant::now();
                let batch = (errand.batch)(&mut self.hand(lease), &mut part, &mut size)?;
                self.let_others_in(start);
                let last = batch.last;
                self.gather(lease, pace, &mut all, batch, errand.samples)?;
                between(self)?;
                if last {
                    break;
                }
            }
        }
        Ok(all)
    }

    /// Adds a batch to the rest, and tells of it.
    pub(super) fn gather(
        &mut self,
        lease: &Lease,
        pace: &mut Pace,
        all: &mut Batch,
        batch: Batch,
        samples: usize,
    ) -> Result<(), Error> {
        all.rows += batch.rows;
        all.changed += batch.changed;
        all.samples.extend(batch.samples);
        all.samples.truncate(samples);
        let done = Done {
            rows: batch.rows,
            changed: batch.changed,
        };
        self.report(lease, pace, done)
    }

    /// SQLite: a batch keeps all writers out, and they do not queue but ask now and then, so the lock must be free as long
    /// as it was taken.
    pub(super) fn let_others_in(&self, start: Instant) {
        if self.s.dialect() == Dialect::Sqlite {
            std::thread::sleep(start.elapsed());
        }
    }
}
