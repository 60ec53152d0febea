//! How far a run is: for the callback in its own process, and for others by way of the ledger.

use std::fmt;
use std::time::Duration;

use crate::phase::{Step, UnknownName};

/// Why the next batch has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Held {
    /// A throttle says so; what it said.
    Throttled(String),
    /// An operator has asked for it; who, since when and why.
    Paused(String),
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Throttled(reason) => write!(f, "throttled: {reason}"),
            Held::Paused(reason) => write!(f, "paused: {reason}"),
        }
    }
}

/// How far a copy or comparison is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Which time through the table, from 1; 0: not on a walk through the table, but along the queue of rows that writers
    /// of one column left, or before an action.
    pub sweep: u32,
    /// Batches of this sweep so far.
    pub batches: u64,
    /// Rows looked at in this sweep so far, also by a run from which this one took over (the last batch may count as full).
    pub rows: u64,
    /// Rows written (or found to differ) in this sweep so far.
    pub changed: u64,
    /// About how many rows the table has, where the database knows.
    pub estimated_total: Option<u64>,
    /// Rows per second, smoothed over about a quarter of a minute; the time in which the run was held does not count. None
    /// before the first batch.
    pub rate: Option<u64>,
    /// How long the rest of this sweep takes at this rate. None where the number of rows is not known, or was exceeded.
    pub eta: Option<Duration>,
    /// Rows of the last batch.
    pub batch_size: u64,
    /// How many batches are under way at once.
    pub workers: u32,
    /// How long this run has been at this sweep, by its monotonic clock, the time in which it was held included.
    pub elapsed: Duration,
    /// Why the next batch has to wait, if it has to.
    pub held: Option<Held>,
}

impl Progress {
    pub(crate) fn new(step: Step, sweep: u32, estimated_total: Option<u64>) -> Self {
        Progress {
            step,
            sweep,
            batches: 0,
            rows: 0,
            changed: 0,
            estimated_total,
            rate: None,
            eta: None,
            batch_size: 0,
            workers: 1,
            elapsed: Duration::ZERO,
            held: None,
        }
    }

    /// The share of the table that is done, from 0 to 1; none where the number of rows is not known.
    pub fn fraction(&self) -> Option<f64> {
        let total = self.estimated_total.filter(|total| *total > 0)?;
        #[allow(clippy::cast_precision_loss)]
        Some((self.rows as f64 / total as f64).min(1.0))
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.rows)?;
        if let Some(total) = self.estimated_total {
            write!(f, " of about {total}")?;
        }
        write!(f, " rows, {} changed", self.changed)?;
        if self.sweep > 1 {
            write!(f, ", sweep {}", self.sweep)?;
        }
        if let Some(rate) = self.rate {
            write!(f, ", {rate} rows/s")?;
        }
        if let Some(eta) = self.eta {
            write!(f, ", about {} s left", eta.as_secs())?;
        }
        match &self.held {
            Some(held) => write!(f, ", {held}"),
            None => Ok(()),
        }
    }
}

/// What a run was doing when it wrote to the ledger last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunState {
    /// It works.
    Running,
    /// It waits because of a throttle.
    Throttled,
    /// It waits because an operator asked for it.
    Paused,
    /// It came to the end of the copy or comparison.
    Done,
    /// It ended early, with an error.
    Stopped,
}

impl RunState {
    /// All states.
    pub const ALL: [RunState; 5] = [
        RunState::Running,
        RunState::Throttled,
        RunState::Paused,
        RunState::Done,
        RunState::Stopped,
    ];

    /// The name under which the ledger has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Throttled => "throttled",
            RunState::Paused => "paused",
            RunState::Done => "done",
            RunState::Stopped => "stopped",
        }
    }

    /// Whether the run had ended.
    pub const fn is_over(self) -> bool {
        matches!(self, RunState::Done | RunState::Stopped)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for RunState {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let mut all = RunState::ALL.into_iter();
        all.find(|state| state.as_str() == name)
            .ok_or_else(|| UnknownName(name.to_owned()))
    }
}

/// What the ledger says of the run that worked last, whichever process it is in. A run writes about once a second.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunReport {
    /// How far it is.
    pub progress: Progress,
    /// What it was doing.
    pub state: RunState,
    /// Why it waits, or what ended it.
    pub reason: Option<String>,
    /// Who runs it.
    pub runner: String,
    /// When it began this copy or comparison, as the database prints it.
    pub started_at: String,
    /// When it wrote this, as the database prints it.
    pub updated_at: String,
    /// How long ago that was, by the database's clock alone.
    pub age: Duration,
    /// It had not ended, but nothing is left of it: its lease was given back or taken over, or it has written nothing for
    /// longer than its lease. The next run goes on where it stopped.
    pub gone: bool,
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.progress, self.runner)?;
        if self.gone {
            write!(f, ", gone since {}", self.updated_at)?;
        } else if self.state.is_over() {
            write!(f, ", {} at {}", self.state, self.updated_at)?;
        }
        f.write_str(")")?;
        match (&self.reason, &self.progress.held) {
            (Some(reason), None) => write!(f, ": {reason}"),
            _ => Ok(()),
        }
    }
}
