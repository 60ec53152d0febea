//! Drains the queue of rows that only a Rust function can convert, and asks of it what `switch` has to know.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::job::{reason, Job};
use super::{triggers, Facts, Runner};
use crate::backend::driver::Driver;
use crate::backend::session::Session;
use crate::backend::Direction;
use crate::backoff::backoff;
use crate::definition::Conversion;
use crate::error::{Error, PoisonRow, While};
use crate::gate::Gate;
use crate::ledger::{Entry, Lease, Ledger, Written};
use crate::phase::{Phase, Step};
use crate::plan::Context;
use crate::progress::Progress;

/// What a drain of the queue did, and what it left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Rows that were converted.
    pub converted: u64,
    /// Rows that wait still: written meanwhile, locked by a transaction under way (none is waited for), not convertible, or
    /// refused by the database.
    pub left: u64,
    /// Since when the first of them waits, as the database prints it.
    pub oldest: Option<String>,
    /// The first of those that do not convert, by key ([`Options::samples`](crate::Options::samples) of them).
    pub poison: Vec<PoisonRow>,
    /// What the database said of the first row that it would not let be written.
    pub refused: Option<String>,
}

/// What a batch of entries came to.
#[derive(Debug, Default)]
struct Worked {
    entries: u64,
    converted: u64,
    /// The last entry that was looked at.
    last: i64,
    poison: Vec<PoisonRow>,
    refused: Option<String>,
}

/// What draining needs.
struct Drain<'d> {
    driver: &'static dyn Driver,
    ledger: &'d Ledger,
    cx: &'d Context<'d>,
}

impl Drain<'_> {
    /// Of the keys those whose rows are there, and those whose rows nobody else can write until the transaction is over. A
    /// row that somebody else has locked is not waited for.
    fn lock(&self, s: &mut dyn Session, keys: &[&str]) -> Result<[BTreeSet<String>; 2], Error> {
        let table = self.cx.table;
        let range = self.driver.queued(s, table, keys)?;
        let key = self.cx.rules.row_key(table, &format!("{}.", table.sql()));
        let sql = format!("SELECT {key} FROM {} WHERE {}", table.sql(), range.sql);
        let mut read = |clause: &str| {
            let rows = s.rows(&format!("{sql}{clause}"), &range.binds);
            let rows = rows.during("looking for the rows of the queue")?;
            Ok::<BTreeSet<String>, Error>(rows.into_iter().flatten().flatten().collect())
        };
        let free = read(self.cx.rules.lock_free_rows())?;
        // by another statement, which sees what those had done that let go in between
        Ok([read("")?, free])
    }

    /// Converts the rows of the entries, each in the direction of its last write, and takes off the queue those that are
    /// right now or gone.
    fn work_off(&self, s: &mut dyn Session, entries: &[Entry]) -> Result<Worked, Error> {
        let mut worked = Worked {
            entries: entries.len() as u64,
            last: entries.last().map_or(0, |entry| entry.entry),
            ..Worked::default()
        };
        let keys: BTreeSet<&str> = entries.iter().map(|entry| entry.row_key.as_str()).collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let [found, free] = self.lock(s, &keys)?;
        let gone: Vec<&Entry> = entries
            .iter()
            .filter(|entry| !found.contains(&entry.row_key))
            .collect();
        self.ledger.unqueue(s, &gone)?;

        // a row has more than one entry only where rows have exchanged their keys; the last of them counts
        let mut latest: BTreeMap<(usize, &str), Written> = BTreeMap::new();
        let entries: Vec<&Entry> = entries
            .iter()
            .filter(|entry| free.contains(&entry.row_key))
            .collect();
        for entry in &entries {
            latest.insert((entry.change, &entry.row_key), entry.side);
        }
        let current =
            |entry: &&Entry| latest.get(&(entry.change, &entry.row_key)) == Some(&entry.side);
        let (entries, superseded): (Vec<&Entry>, Vec<&Entry>) =
            entries.into_iter().partition(current);
        self.ledger.unqueue(s, &superseded)?;
        for change in self.cx.rust_changes() {
            for written in Written::ALL {
                let of_side =
                    |entry: &&&Entry| entry.change == change.index && entry.side == written;
                let entries: Vec<&Entry> = entries.iter().filter(of_side).copied().collect();
                let keys: BTreeSet<&str> =
                    entries.iter().map(|entry| entry.row_key.as_str()).collect();
                if keys.is_empty() {
                    continue;
                }
                let keys: Vec<&str> = keys.into_iter().collect();
                let job = Job {
                    driver: self.driver,
                    ledger: self.ledger,
                    cx: self.cx,
                    direction: match written {
                        Written::Old => Direction::Forward,
                        Written::New => Direction::Reverse,
                    },
                    walk: "queue",
                };
                let range = self.driver.queued(s, self.cx.table, &keys)?;
                let mut request = job.request(change, &range)?;
                request.queue_key = Some(job.queue_key());
                let outcome = job.convert(s, change, &request)?;
                worked.converted += outcome.changed;
                let settled: BTreeSet<&str> = outcome.settled.iter().map(String::as_str).collect();
                let done: Vec<&Entry> = entries
                    .into_iter()
                    .filter(|entry| settled.contains(entry.row_key.as_str()))
                    .collect();
                self.ledger.unqueue(s, &done)?;
                self.ledger.quarantine(s, &outcome.poison)?;
                worked.poison.extend(outcome.poison);
            }
        }
        Ok(worked)
    }
}

/// Where a walk along the queue is.
#[derive(Debug, Default)]
pub(super) struct Walk {
    after: i64,
    end: i64,
}

impl Runner<'_> {
    /// How many rows are in the queue, and since when. Reads only.
    pub(crate) fn waiting(&mut self) -> Result<(u64, Option<String>), Error> {
        let rust = |change: &crate::definition::ChangeDef| change.conversion == Conversion::Rust;
        if !self.def.changes.iter().any(rust) {
            return Ok((0, None));
        }
        self.ledger.queue_length(self.s)
    }

    fn drain_size(&self) -> u32 {
        self.batch_size().min(1_000)
    }

    /// The next batch of a walk; none at its end.
    fn drain_batch(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        walk: &mut Walk,
    ) -> Result<Option<Worked>, Error> {
        let (driver, ledger) = (self.driver, self.ledger.clone());
        let cx = self.context(facts);
        let drain = Drain {
            driver,
            ledger: &ledger,
            cx: &cx,
        };
        let mut size = self.drain_size();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let start = Instant::now();
            let (after, end) = (walk.after, walk.end);
            let batch = self.in_transaction(lease, |s| {
                let mut entries = ledger.queued(s, after, size)?;
                entries.retain(|entry| entry.entry <= end);
                if entries.is_empty() {
                    return Ok(None);
                }
                drain.work_off(s, &entries).map(Some)
            });
            self.let_others_in(start);
            match batch {
                Ok(Some(worked)) => {
                    walk.after = worked.last;
                    return Ok(Some(worked));
                }
                Ok(None) => {
                    walk.after = walk.end;
                    return Ok(None);
                }
                // a value that the column does not take: down to that row, which stays
                Err(Error::Database { .. }) if size > 1 => {
                    size = (size / 10).max(1);
                    std::thread::sleep(backoff(attempt));
                }
                Err(error @ Error::Database { .. }) => {
                    let next = ledger.queued(self.s, after, 1)?;
                    let Some(next) = next.first() else {
                        return Err(error);
                    };
                    walk.after = next.entry;
                    return Ok(Some(Worked {
                        entries: 1,
                        refused: Some(format!("{}: {}", next.row_key, reason(&error))),
                        ..Worked::default()
                    }));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One batch, in between the batches of a copy: a row must not wait for the whole of it.
    pub(super) fn drain_between(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        walk: &mut Walk,
    ) -> Result<(), Error> {
        if walk.after >= walk.end {
            *walk = Walk {
                after: 0,
                end: self.ledger.queue_end(self.s)?,
            };
        }
        if walk.end > 0 {
            self.drain_batch(lease, facts, walk)?;
        }
        Ok(())
    }

    /// Works off what is in the queue at this moment.
    pub(super) fn drain(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        step: Step,
    ) -> Result<Drained, Error> {
        self.silently(facts, triggers::Written::Both, |runner| {
            runner.drain_all(lease, facts, step)
        })
    }

    fn drain_all(&mut self, lease: &Lease, facts: &Facts, step: Step) -> Result<Drained, Error> {
        let ledger = self.ledger.clone();
        let mut drained = Drained::default();
        let mut walk = Walk {
            after: 0,
            end: ledger.queue_end(self.s)?,
        };
        let mut progress = Progress::new(step, 0, None);
        while walk.after < walk.end {
            let Some(worked) = self.drain_batch(lease, facts, &mut walk)? else {
                break;
            };
            drained.converted += worked.converted;
            drained.poison.extend(worked.poison);
            drained.poison.truncate(self.options.samples);
            drained.refused = drained.refused.or(worked.refused);
            progress.batches += 1;
            progress.rows += worked.entries;
            progress.changed = drained.converted;
            if let Some(callback) = &mut self.options.progress {
                callback(&progress);
            }
        }
        (drained.left, drained.oldest) = ledger.queue_length(self.s)?;
        Ok(drained)
    }

    /// Drains the queue by itself, for as long as there are writers that know one column only.
    pub(crate) fn drain_now(&mut self) -> Result<Drained, Error> {
        self.leased("drain", |runner, lease| {
            let position = runner.checked_position()?;
            if !matches!(position.stage.phase, Phase::Expanded | Phase::Switched) {
                return Err(Error::OtherPhase {
                    migration: runner.def.id.to_owned(),
                    stage: position.stage,
                    expected: Phase::Expanded,
                });
            }
            runner.ready(lease, Step::Backfill)?;
            let facts = runner.facts()?;
            runner.drain(lease, &facts, Step::Backfill)
        })
    }

    /// Drains the queue, and goes on only if it is empty and, before `switch`, nobody has written one column only for the
    /// quiet period: such a writer's statements are refused afterwards.
    pub(super) fn queue_gates(
        &mut self,
        lease: &Lease,
        facts: &Facts,
        step: Step,
    ) -> Result<(), Error> {
        let drained = self.drain(lease, facts, step)?;
        if drained.left > 0 {
            let remedy = "correct the rows that do not convert, end the transactions that hold the others, and run it again";
            self.closed(lease, step, Gate::Queue, waiting(&drained), remedy)?;
        }
        let quiet = self.options.quiet_period;
        if step != Step::Switch || quiet.is_zero() {
            return Ok(());
        }
        let Some(last) = self.ledger.last_write(self.s)? else {
            return Ok(());
        };
        if last.ago >= quiet {
            return Ok(());
        }
        let columns: Vec<&str> = facts
            .changes
            .iter()
            .map(|change| match last.side {
                Written::Old => change.from,
                Written::New => change.to,
            })
            .collect();
        let who = match (last.application.as_str(), last.role.as_str()) {
            ("", "") => String::new(),
            ("", role) => format!(" by role {role}"),
            (application, role) => format!(" by {application} (role {role})"),
        };
        let found = format!(
            "the {} column only (one of {}) was written{who} at {}, {} ago",
            last.side.as_str(),
            columns.join(", "),
            last.at,
            seconds(last.ago)
        );
        let remedy = format!(
            "stop that writer, whose statements are refused from here on, and run it again once {} have passed \
             (`Options::quiet_period`)",
            seconds(quiet)
        );
        self.closed(lease, step, Gate::Strangers, found, &remedy)
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

fn waiting(drained: &Drained) -> String {
    let mut found = format!(
        "{} rows wait to be converted, the first since {}",
        drained.left,
        drained.oldest.as_deref().unwrap_or("now")
    );
    for row in &drained.poison {
        found.push_str(&format!("; {}: {}", row.key, row.reason));
    }
    if let Some(refused) = &drained.refused {
        found.push_str(&format!("; {refused}"));
    }
    found
}
