//! One batch of a copy: at once, or, where that fails, row by row.

use std::time::{Duration, Instant};

use super::hand::Hand;
use super::steering::Steering;
use super::walk::{Batch, Course};
use crate::backend::driver::{Driver, Range, Segment};
use crate::backend::session::{transaction, Session};
use crate::backend::{Direction, Outcome, Request};
use crate::backoff::backoff;
use crate::error::{Error, PoisonRow, While};
use crate::ledger::{Ledger, Written};
use crate::plan::{Active, Context};

/// What a batch needs.
#[derive(Clone, Copy)]
pub(super) struct Job<'j> {
    pub(super) driver: &'static dyn Driver,
    pub(super) ledger: &'j Ledger,
    pub(super) cx: &'j Context<'j>,
    pub(super) direction: Direction,
    /// The walk's name among the ledger's cursors.
    pub(super) walk: &'static str,
}

impl<'j> Job<'j> {
    /// What the walk goes along.
    pub(super) fn course(&self) -> Course<'j> {
        Course {
            driver: self.driver,
            ledger: self.ledger,
            table: self.cx.table,
            walk: self.walk,
        }
    }
}

/// The rows of a range, one by one.
pub(super) struct Rows {
    /// The key for people, and the values that find the row.
    pub(super) keys: Vec<(String, Vec<Option<String>>)>,
    /// The condition on those values.
    pub(super) condition: String,
}

impl Job<'_> {
    /// The next range of a segment.
    pub(super) fn range(
        &self,
        s: &mut dyn Session,
        segment: &Segment,
        rows: u32,
    ) -> Result<Range, Error> {
        self.driver
            .advance(s, self.ledger, self.cx.def.id, self.cx.table, segment, rows)
    }

    pub(super) fn request(&self, change: &Active, range: &Range) -> Result<Request, Error> {
        let quote = |name: &str| self.cx.table.dialect.quote(name);
        let locator = self.driver.locator(self.cx.table, range);
        let (old, new) = (quote(change.from), quote(change.to));
        let frozen = &change.frozen;
        let rules = self.cx.rules;
        let new_type = self.cx.new_type(change)?;
        Ok(Request {
            direction: self.direction,
            table: self.cx.table.sql(),
            same_old: rules.same_around(&old, &frozen.old_type, &frozen.collate),
            same_new: rules.same_around(&new, &new_type, &self.cx.new_collate(change)),
            // an array of arrays is no array of values
            arrays: ![&frozen.old_type, &new_type]
                .iter()
                .any(|t| t.ends_with(']')),
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
            samples: 0,
            apart: false,
            limit: None,
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

    // `limit`: how long all of it may take; `apart`: the database's refusal of one row is that row's alone
    fn rust(
        &self,
        s: &mut dyn Session,
        range: &Range,
        limit: Option<Duration>,
        apart: bool,
    ) -> Result<u64, Error> {
        let start = Instant::now();
        let mut changed = 0;
        for change in self.cx.rust_changes() {
            let limit = limit.map(|limit| limit.saturating_sub(start.elapsed()));
            if let Some(limit) = limit {
                self.driver.bound(s, limit)?;
            }
            let request = Request {
                apart,
                limit,
                ..self.request(change, range)?
            };
            let outcome = self.convert(s, change, &request)?;
            changed += outcome.changed;
            self.ledger.quarantine(s, &outcome.poison)?;
        }
        Ok(changed)
    }

    /// The next batch of a segment, in as many rows as fit.
    pub(super) fn batch(
        &self,
        hand: &mut Hand<'_>,
        segment: &mut Segment,
        size: &mut Steering,
    ) -> Result<Batch, Error> {
        // Diesel hands on no error codes: a lock that was not had in time, a batch that took too long and a value that
        // does not convert look alike. So try again a few times, with less, then look at every row.
        for attempt in 1..=3 {
            let (rows, limit) = (size.rows(), size.limit());
            let start = Instant::now();
            match hand.transaction(|s| self.at_once(s, segment, rows, limit)) {
                Ok((range, batch)) => {
                    size.took(start.elapsed());
                    segment.pass(&range, &batch);
                    return Ok(batch);
                }
                Err(error @ Error::Database { .. }) => {
                    if !hand.is_alive() {
                        return Err(error);
                    }
                    size.failed();
                    // as small as it gets: what is in the way is a single row
                    if size.rows() == rows && limit.is_some() {
                        break;
                    }
                    std::thread::sleep(backoff(attempt));
                }
                Err(error) => return Err(error),
            }
        }
        let (range, batch) = match size.limit() {
            Some(_) => self.row_by_row(hand, segment, size.rows())?,
            None => hand.transaction(|s| self.one_by_one(s, segment, size.rows()))?,
        };
        segment.pass(&range, &batch);
        Ok(batch)
    }

    // the whole range in one statement, which lets go of its rows within the limit
    fn at_once(
        &self,
        s: &mut dyn Session,
        segment: &Segment,
        rows: u32,
        limit: Option<Duration>,
    ) -> Result<(Range, Batch), Error> {
        let range = self.range(s, segment, rows)?;
        let start = Instant::now();
        if let Some(limit) = limit {
            self.driver.bound(s, limit)?;
        }
        let mut batch = Batch {
            rows: u64::from(rows),
            last: range.last,
            ..Batch::default()
        };
        if let Some(update) = self.update()? {
            let sql = format!("{update}{}", range.sql);
            let written = s.execute(&sql, &range.binds).during("copying a batch")?;
            batch.changed += written as u64;
        }
        let left = limit.map(|limit| limit.saturating_sub(start.elapsed()));
        batch.changed += self.rust(s, &range, left, false)?;
        self.finish(s, segment, &range, &batch)?;
        Ok((range, batch))
    }

    // row by row, each under a savepoint: only the rows that do not convert stay behind
    fn one_by_one(
        &self,
        s: &mut dyn Session,
        segment: &Segment,
        rows: u32,
    ) -> Result<(Range, Batch), Error> {
        let range = self.range(s, segment, rows)?;
        let mut batch = Batch {
            rows: u64::from(rows),
            last: range.last,
            ..Batch::default()
        };
        if let Some(update) = self.update()? {
            let Rows { keys, condition } = self.rows_of(s, &range)?;
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
        batch.changed += self.rust(s, &range, None, true)?;
        self.finish(s, segment, &range, &batch)?;
        Ok((range, batch))
    }

    // each row in a transaction of its own: whoever waits for one row and holds none is in nobody's way
    fn row_by_row(
        &self,
        hand: &mut Hand<'_>,
        segment: &Segment,
        rows: u32,
    ) -> Result<(Range, Batch), Error> {
        let (range, found) = hand.transaction(|s| {
            let range = self.range(s, segment, rows)?;
            let found = self.rows_of(s, &range)?;
            Ok((range, found))
        })?;
        let mut batch = Batch {
            rows: u64::from(rows),
            last: range.last,
            ..Batch::default()
        };
        let condition = &found.condition;
        let update = self.update()?.map(|update| format!("{update}{condition}"));
        let wait = format!(
            "SELECT 'x' FROM {} WHERE {condition}{}",
            self.cx.table.sql(),
            self.driver.for_update()
        );
        let mut poison = Vec::new();
        for (key, locator) in found.keys {
            let row = Range {
                sql: condition.clone(),
                binds: locator,
                upper: None,
                last: false,
            };
            match self.one_row(hand, &wait, update.as_deref(), &row) {
                Ok(changed) => batch.changed += changed,
                Err(error @ Error::Database { .. }) => {
                    if !hand.is_alive() {
                        return Err(error);
                    }
                    poison.push(PoisonRow::new(key, reason(&error)));
                }
                Err(error) => return Err(error),
            }
        }
        hand.transaction(|s| {
            self.ledger.quarantine(s, &poison)?;
            self.finish(s, segment, &range, &batch)
        })?;
        Ok((range, batch))
    }

    // a row that somebody else has is waited for again; a value that does not convert is known at once
    fn one_row(
        &self,
        hand: &mut Hand<'_>,
        wait: &str,
        update: Option<&str>,
        row: &Range,
    ) -> Result<u64, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut locked = false;
            let result = hand.transaction(|s| {
                s.rows(wait, &row.binds).during("waiting for a row")?;
                locked = true;
                let mut changed = 0;
                if let Some(update) = update {
                    changed += s.execute(update, &row.binds).during("copying a row")? as u64;
                }
                Ok(changed + self.rust(s, row, None, false)?)
            });
            match result {
                Err(Error::Database { .. }) if !locked && attempt <= 5 => {
                    std::thread::sleep(backoff(attempt));
                }
                result => return result,
            }
        }
    }

    /// The rows of a range.
    pub(super) fn rows_of(&self, s: &mut dyn Session, range: &Range) -> Result<Rows, Error> {
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
        Ok(Rows {
            keys: rows.collect(),
            condition: locator.condition,
        })
    }

    fn finish(
        &self,
        s: &mut dyn Session,
        segment: &Segment,
        range: &Range,
        batch: &Batch,
    ) -> Result<(), Error> {
        self.driver.passed(s, self.ledger, segment, range)?;
        self.ledger.progress(s, self.walk, batch.changed)
    }
}

/// The innermost message.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Database { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}
