//! What became of the statements, by leg of the journey.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use comfy_table::{presets, CellAlignment, Table};
use rolling_deploy::history::Verdict;

/// Who sent a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    ReleaseN,
    ReleaseNPlus1,
    Stranger,
}

impl Source {
    pub const ALL: [Source; 3] = [Source::ReleaseN, Source::ReleaseNPlus1, Source::Stranger];

    pub const fn name(self) -> &'static str {
        match self {
            Source::ReleaseN => "release N",
            Source::ReleaseNPlus1 => "release N+1",
            Source::Stranger => "strangers",
        }
    }
}

#[derive(Debug, Default)]
struct Leg {
    statements: [AtomicU64; 3],
    failed: AtomicU64,
    stale: AtomicU64,
    lost: AtomicU64,
    torn: AtomicU64,
    slowest_micros: AtomicU64,
}

/// A statement under way.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    leg: usize,
    at: Instant,
}

/// The counts of all legs.
pub struct Stats {
    names: Vec<&'static str>,
    legs: Vec<Leg>,
    now: AtomicUsize,
    complaints: Mutex<Vec<String>>,
}

/// So many are told; the rest is counted.
const TOLD: usize = 10;

impl Stats {
    pub fn new(names: &[&'static str]) -> Self {
        Stats {
            names: names.to_vec(),
            legs: names.iter().map(|_| Leg::default()).collect(),
            now: AtomicUsize::new(0),
            complaints: Mutex::default(),
        }
    }

    pub fn enter(&self, leg: usize) {
        self.now.store(leg, Relaxed);
    }

    /// A statement is about to be sent; it belongs to the leg in which it was.
    pub fn start(&self) -> Started {
        Started {
            leg: self.now.load(Relaxed),
            at: Instant::now(),
        }
    }

    /// It was answered.
    pub fn answered(&self, started: Started, source: Source) {
        let leg = &self.legs[started.leg];
        leg.statements[source as usize].fetch_add(1, Relaxed);
        let micros = u64::try_from(started.at.elapsed().as_micros()).unwrap_or(u64::MAX);
        leg.slowest_micros.fetch_max(micros, Relaxed);
    }

    pub fn failed(&self, started: Started, what: impl FnOnce() -> String) {
        self.legs[started.leg].failed.fetch_add(1, Relaxed);
        self.complain(started.leg, what);
    }

    pub fn judged(&self, started: Started, verdict: Verdict, what: impl FnOnce() -> String) {
        let leg = &self.legs[started.leg];
        match verdict {
            Verdict::Right => return,
            Verdict::Stale => leg.stale.fetch_add(1, Relaxed),
            Verdict::Lost => leg.lost.fetch_add(1, Relaxed),
            Verdict::Torn => leg.torn.fetch_add(1, Relaxed),
        };
        self.complain(started.leg, || format!("{verdict:?}: {}", what()));
    }

    fn complain(&self, leg: usize, what: impl FnOnce() -> String) {
        let mut complaints = self
            .complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if complaints.len() < TOLD {
            complaints.push(format!("{}: {}", self.names[leg], what()));
        }
    }

    /// The first few things that went wrong.
    pub fn complaints(&self) -> Vec<String> {
        self.complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many statements failed, or were stale, lost or torn.
    pub fn wrong(&self) -> u64 {
        let of = |leg: &Leg| {
            [&leg.failed, &leg.stale, &leg.lost, &leg.torn]
                .map(|count| count.load(Relaxed))
                .iter()
                .sum::<u64>()
        };
        self.legs.iter().map(of).sum()
    }

    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_BORDERS_ONLY);
        let mut header = vec!["phase".to_owned()];
        header.extend(Source::ALL.map(|source| source.name().to_owned()));
        header.extend(["failed", "stale", "lost", "torn", "slowest ms"].map(str::to_owned));
        table.set_header(header);
        for (name, leg) in self.names.iter().zip(&self.legs) {
            let mut row = vec![(*name).to_owned()];
            row.extend(
                leg.statements
                    .iter()
                    .chain([&leg.failed, &leg.stale, &leg.lost, &leg.torn])
                    .map(|count| count.load(Relaxed).to_string()),
            );
            let slowest = Duration::from_micros(leg.slowest_micros.load(Relaxed));
            row.push(format!("{:.1}", slowest.as_secs_f64() * 1e3));
            table.add_row(row);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}
