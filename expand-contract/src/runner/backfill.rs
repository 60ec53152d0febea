//! Copies rows in batches along the key, forwards or back.

use std::time::{Duration, Instant};

use super::action::backoff;
use super::drain::Walk;
use super::pace::Done;
use super::steering::Steering;
use super::{Facts, Runner};
use crate::backend::driver::{Driver, Range};
use crate::backend::session::{transaction, Session};
use crate::backend::{Direction, Outcome, Request};
use crate::definition::Dialect;
use crate::error::{Error, PoisonRow, While};
use crate::ledger::{Lease, Ledger, Written};
use crate::phase::Step;
use crate::plan::{Active, Context};

/// How often the table is walked at most: rows that a writer keeps changing are for verify to report.
const SWEEPS: u32 = 5;

/// What came of one batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) changed: u64,
    pub(super) samples: Vec<String>,
    pub(super) last: bool,
}

/// What a batch needs.
#[derive(Clone, Copy)]
pub(super) struct Job<'j> {
    pub(super) driver: &'static dyn Driver,
    pub(super) ledger: &'j Ledger,
    pub(super) cx: &'j Context<'j>,
    pub(super) direction: Direction,
    pub(super) slot: &'static str,
    pub(super) size: u32,
    pub(super) samples: usize,
}

impl Job<'_> {
    pub(super) fn range(&self, s: &mut dyn Session) -> Result<Range, Error> {
        self.driver.advance(
            s,
            self.ledger,
            self.cx.def.id,
            self.cx.table,
            self.slot,
            self.size,
        )
    }

    pub(super) fn request(&self, change: &Active, range: &Range) -> Result<Request, Error> {
        let quote = |name: &str| self.cx.table.dialect.quote(name);
        let locator = self.driver.locator(self.cx.table, range);
        let (old, new) = (quote(change.from), quote(change.to));
        let frozen = &change.frozen;
        let rules = self.cx.rules;
        Ok(Request {
            direction: self.direction,
            table: self.cx.table.sql(),
            same_old: rules.same_around(&old, &frozen.old_type, &frozen.collate),
            same_new: rules.same_around(
                &new,
                &self.cx.new_type(change)?,
                &self.cx.new_collate(change),
            ),
            old,
            new,
            range: range.sql.clone(),
            range_binds: range.binds.clone(),
            locator: locator.select,
            row: locator.condition,
            key: locator.key,
            lossless: change.def.lossless,
            not_null: frozen.not_null,
            queue_key: None,
            // what waits in the queue for the other direction is not for this one; of what waits at all it is known that
            // it differs
            free: self.ledger.unqueued_sql(
                change.index,
                match self.direction {
                    Direction::Forward => Some(Written::New),
                    Direction::Reverse => Some(Written::Old),
                    Direction::Verify => None,
                },
                &self.queue_key(),
            )?,
            samples: self.samples,
        })
    }

    /// The key of a row in the queue, as SQL.
    pub(super) fn queue_key(&self) -> String {
        let table = self.cx.table;
        self.cx.rules.row_key(table, &format!("{}.", table.sql()))
    }

    /// Runs a Rust conversion that the triggers are to let pass.
    pub(super) fn convert(
        &self,
        s: &mut dyn Session,
        change: &Active,
        request: &Request,
    ) -> Result<Outcome, Error> {
        self.ledger.copying(s, change.index, true)?;
        let outcome = s.convert(change.index, request)?;
        self.ledger.copying(s, change.index, false)?;
        Ok(outcome)
    }

    fn update(&self) -> Result<Option<String>, Error> {
        let reverse = self.direction == Direction::Reverse;
        Ok(self.cx.copy(reverse)?.map(|(set, condition)| {
            format!(
                "UPDATE {} SET {set} WHERE {condition} AND ",
                self.cx.table.sql()
            )
        }))
    }

    fn rust(&self, s: &mut dyn Session, range: &Range, batch: &mut Batch) -> Result<(), Error> {
        for change in self.cx.rust_changes() {
            let outcome = self.convert(s, change, &self.request(change, range)?)?;
            batch.changed += outcome.changed;
            self.ledger.quarantine(s, &outcome.poison)?;
        }
        Ok(())
    }

    // the whole range in one statement, which lets go of its rows within the limit
    fn at_once(&self, s: &mut dyn Session, limit: Option<Duration>) -> Result<Batch, Error> {
        let range = self.range(s)?;
        if let Some(limit) = limit {
            self.driver.bound(s, limit)?;
        }
        let mut batch = Batch {
            last: range.last,
            ..Batch::default()
        };
        if let Some(update) = self.update()? {
            let sql = format!("{update}{}", range.sql);
            let written = s.execute(&sql, &range.binds).during("copying a batch")?;
            batch.changed += written as u64;
        }
        self.rust(s, &range, &mut batch)?;
        self.finish(s, &range, &batch)?;
        Ok(batch)
    }

    // row by row, each under a savepoint: only the rows that do not convert stay behind
    fn one_by_one(&self, s: &mut dyn Session) -> Result<Batch, Error> {
        let range = self.range(s)?;
        let mut batch = Batch {
            last: range.last,
            ..Batch::default()
        };
        if let Some(update) = self.update()? {
            let (keys, condition) = self.rows_of(s, &range)?;
            let sql = format!("{update}{condition}");
            let mut poison = Vec::new();
            for (key, locator) in keys {
                let one = transaction(s, |s| s.execute(&sql, &locator).during("copying a row"));
                match one {
                    Ok(written) => batch.changed += written as u64,
                    Err(error) => poison.push(PoisonRow::new(key, reason(&error))),
                }
            }
            self.ledger.quarantine(s, &poison)?;
        }
        self.rust(s, &range, &mut batch)?;
        self.finish(s, &range, &batch)?;
        Ok(batch)
    }

    /// Keys and locators of the rows of a range, and the condition that finds one of them.
    #[allow(clippy::type_complexity)]
    pub(super) fn rows_of(
        &self,
        s: &mut dyn Session,
        range: &Range,
    ) -> Result<(Vec<(String, Vec<Option<String>>)>, String), Error> {
        let locator = self.driver.locator(self.cx.table, range);
        let sql = format!(
            "SELECT {}, {} FROM {} WHERE {}",
            locator.key,
            locator.select.join(", "),
            self.cx.table.sql(),
            range.sql
        );
        let rows = s
            .rows(&sql, &range.binds)
            .during("reading the keys of a batch")?;
        let rows = rows.into_iter().map(|row| {
            let mut row = row.into_iter();
            let key = row.next().flatten().unwrap_or_default();
            (key, row.collect())
        });
        Ok((rows.collect(), locator.condition))
    }

    fn finish(&self, s: &mut dyn Session, range: &Range, batch: &Batch) -> Result<(), Error> {
        self.driver.passed(s, self.ledger, self.slot, range)?;
        self.ledger.progress(s, self.slot, batch.changed)
    }
}

/// The innermost message.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Database { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

impl Runner<'_> {
    /// Walks the table until a walk finds nothing to copy.
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
            direction: if reverse {
                Direction::Reverse
            } else {
                Direction::Forward
            },
            slot: if reverse { "reverse" } else { "forward" },
            size: if rust {
                self.batch_size().min(1_000)
            } else {
                self.batch_size()
            },
            samples: self.options.samples,
        };
        let mut walk = rust.then(Walk::default);
        for sweep in 1..=SWEEPS {
            self.in_transaction(lease, |s| ledger.release_quarantine(s))?;
            let changed = self.sweep(lease, facts, (&job, &mut walk), step, sweep)?;
            let (poison, _) = ledger.quarantined(self.s, 0)?;
            // a first walk may have begun in the middle, where a killed runner left off
            if changed == 0 && (poison == 0 || sweep > 1) {
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

    fn sweep(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        (job, queue): (&Job<'_>, &mut Option<Walk>),
        step: Step,
        sweep: u32,
    ) -> Result<u64, Error> {
        let mut pace = self.pace(step, sweep, job.cx.table.estimate);
        let timeout = self.driver.deadlock_timeout(self.s)?;
        let rust = job.cx.rust_changes().next().is_some();
        let mut size = Steering::new(job.size, rust, timeout);
        loop {
            self.permitted(lease, &mut pace)?;
            let start = Instant::now();
            let (batch, rows) = self.batch(lease, job, &mut size)?;
            self.let_others_in(start);
            let done = Done {
                rows: u64::from(rows),
                changed: batch.changed,
            };
            self.report(lease, &mut pace, done)?;
            if let Some(walk) = queue {
                self.drain_between(lease, facts, walk)?;
            }
            if batch.last {
                return Ok(pace.progress.changed);
            }
        }
    }

    pub(super) fn batch_size(&self) -> u32 {
        let default = match self.s.dialect() {
            Dialect::Postgres => 10_000,
            Dialect::Sqlite => 2_000,
        };
        self.options.batch_size.unwrap_or(default)
    }

    /// SQLite: a batch keeps all writers out, and they do not queue but ask now and then, so the lock must be free as long
    /// as it was taken.
    pub(super) fn let_others_in(&self, start: Instant) {
        if self.s.dialect() == Dialect::Sqlite {
            std::thread::sleep(start.elapsed());
        }
    }

    // a batch, and how many rows it was to have
    fn batch(
        &mut self,
        lease: &Lease,
        job: &Job<'_>,
        size: &mut Steering,
    ) -> Result<(Batch, u32), Error> {
        let mut job = *job;
        // Diesel hands on no error codes: a lock that was not had in time, a batch that took too long and a value that
        // does not convert look alike. So try again a few times, with less, then look at every row.
        for attempt in 1..=3 {
            job.size = size.rows();
            let start = Instant::now();
            match self.in_transaction(lease, |s| job.at_once(s, size.limit())) {
                Err(Error::Database { .. }) => {
                    size.failed();
                    std::thread::sleep(backoff(attempt));
                }
                result => {
                    size.took(start.elapsed());
                    return Ok((result?, job.size));
                }
            }
        }
        job.size = size.rows();
        let batch = match size.limit() {
            Some(_) => self.row_by_row(lease, &job)?,
            None => self.in_transaction(lease, |s| job.one_by_one(s))?,
        };
        Ok((batch, job.size))
    }

    // each row in a transaction of its own: whoever waits for one row and holds none is in nobody's way
    fn row_by_row(&mut self, lease: &Lease, job: &Job<'_>) -> Result<Batch, Error> {
        let (range, keys, condition) = self.in_transaction(lease, |s| {
            let range = job.range(s)?;
            let (keys, condition) = job.rows_of(s, &range)?;
            Ok((range, keys, condition))
        })?;
        let mut batch = Batch {
            last: range.last,
            ..Batch::default()
        };
        let mut poison = Vec::new();
        if let Some(update) = job.update()? {
            let update = format!("{update}{condition}");
            let wait = format!(
                "SELECT 'x' FROM {} WHERE {condition}{}",
                job.cx.table.sql(),
                self.driver.for_update()
            );
            for (key, locator) in keys {
                match self.one_row(lease, &wait, &update, &locator) {
                    Ok(written) => batch.changed += written as u64,
                    Err(error @ Error::Database { .. }) => {
                        poison.push(PoisonRow::new(key, reason(&error)));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        self.in_transaction(lease, |s| {
            let mut found = Batch::default();
            job.ledger.quarantine(s, &poison)?;
            job.rust(s, &range, &mut found)?;
            found.changed += batch.changed;
            job.finish(s, &range, &found)?;
            Ok(found.changed)
        })
        .map(|changed| Batch { changed, ..batch })
    }

    // a row that somebody else has is waited for again; a value that does not convert is known at once
    fn one_row(
        &mut self,
        lease: &Lease,
        wait: &str,
        update: &str,
        locator: &[Option<String>],
    ) -> Result<usize, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut locked = false;
            let result = self.in_transaction(lease, |s| {
                s.rows(wait, locator).during("waiting for a row")?;
                locked = true;
                s.execute(update, locator).during("copying a row")
            });
            match result {
                Err(Error::Database { .. }) if !locked && attempt <= 5 => {
                    std::thread::sleep(backoff(attempt));
                }
                result => return result,
            }
        }
    }
}
