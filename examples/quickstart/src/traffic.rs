//! Two writers and a reader that never stop, and what became of their statements.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::model::NewVersion;
use crate::packages::Package;
use crate::store::Store;

/// The statements of one leg of the journey.
#[derive(Debug, Default)]
pub struct Leg {
    statements: AtomicU64,
    failed: AtomicU64,
    slowest_micros: AtomicU64,
}

impl Leg {
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub fn slowest(&self) -> Duration {
        Duration::from_micros(self.slowest_micros.load(Ordering::Relaxed))
    }
}

/// What the threads share.
pub struct Traffic<'a> {
    pub packages: &'a [Package],
    pub rows: i64,
    legs: Vec<Leg>,
    leg: AtomicUsize,
    stop: AtomicBool,
    /// The first few errors, for the report.
    errors: Mutex<Vec<String>>,
}

impl<'a> Traffic<'a> {
    pub fn new(packages: &'a [Package], rows: i64, legs: usize) -> Self {
        Traffic {
            packages,
            rows,
            legs: (0..legs).map(|_| Leg::default()).collect(),
            leg: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            errors: Mutex::default(),
        }
    }

    pub fn enter(&self, leg: usize) {
        self.leg.store(leg, Ordering::Relaxed);
    }

    pub fn leg(&self, leg: usize) -> &Leg {
        &self.legs[leg]
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub fn errors(&self) -> Vec<String> {
        self.errors
            .lock()
            .map(|errors| errors.clone())
            .unwrap_or_default()
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn run<T>(&self, what: &str, statement: impl FnOnce() -> Result<T, String>) -> Option<T> {
        let leg = &self.legs[self.leg.load(Ordering::Relaxed)];
        let start = Instant::now();
        let result = statement();
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        leg.slowest_micros.fetch_max(micros, Ordering::Relaxed);
        leg.statements.fetch_add(1, Ordering::Relaxed);
        result
            .map_err(|error| {
                leg.failed.fetch_add(1, Ordering::Relaxed);
                if let Ok(mut errors) = self.errors.lock() {
                    if errors.len() < 5 {
                        errors.push(format!("{what}: {error}"));
                    }
                }
            })
            .ok()
    }

    /// Inserts, updates, upserts and batches, on rows that the other writer leaves alone.
    pub fn write<S: Store>(&self, url: &str, writer: i64) {
        let Some(mut store) = self.run("connect", || S::open(url).map_err(text)) else {
            return;
        };
        let mut fresh = self.rows + writer;
        let mut pick = Pick::new(writer.unsigned_abs() + 1);
        while !self.stopped() {
            let record = |i: i64| {
                let (package, copy) = crate::nth(self.packages, i);
                NewVersion {
                    name: &package.name,
                    num: &package.num,
                    copy,
                    downloads: 0,
                    tar_sha256: &package.sha256,
                }
            };
            self.run("insert", || store.insert(&record(fresh)).map_err(text));
            fresh += 2;
            let batch: Vec<NewVersion<'_>> = (0..20).map(|i| record(fresh + 2 * i)).collect();
            fresh += 40;
            self.run("batch", || store.insert_batch(&batch).map_err(text));
            for _ in 0..10 {
                // rows of the first load, odd ones for one writer and even ones for the other
                let id = pick.below(self.rows / 2) * 2 + writer + 1;
                let (package, _) = crate::nth(self.packages, id - 1);
                self.run("rewrite", || {
                    store.rewrite(id, &package.sha256).map_err(text)
                });
                if let Some(mut version) = self.run("find", || store.find(id).map_err(text)) {
                    version.downloads += 1;
                    self.run("update", || store.save(&version).map_err(text));
                }
                self.run("upsert", || store.upsert(&record(id - 1)).map_err(text));
            }
        }
    }

    /// Reads by key and by digest; a row that is not what `Cargo.lock` says counts as failed.
    pub fn read<S: Store>(&self, url: &str) {
        let Some(mut store) = self.run("connect", || S::open(url).map_err(text)) else {
            return;
        };
        let mut pick = Pick::new(17);
        while !self.stopped() {
            let id = pick.below(self.rows) + 1;
            let (package, copy) = crate::nth(self.packages, id - 1);
            self.run("read", || {
                let version = store.find(id).map_err(text)?;
                (version.tar_sha256 == package.sha256)
                    .then_some(())
                    .ok_or_else(|| format!("row {id} is wrong"))
            });
            self.run("filter", || {
                let ids = store.with_digest(&package.sha256, copy).map_err(text)?;
                ids.contains(&id)
                    .then_some(())
                    .ok_or_else(|| format!("row {id} was not found by its digest"))
            });
        }
    }

    /// Compares every row with `Cargo.lock`; the number of rows, or the first that differs.
    pub fn check<S: Store>(&self, store: &mut S) -> Result<usize, String> {
        let known: HashMap<(&str, &str), &[u8]> = self
            .packages
            .iter()
            .map(|p| ((p.name.as_str(), p.num.as_str()), p.sha256.as_slice()))
            .collect();
        let (mut after, mut rows) = (0, 0);
        loop {
            let page = store.page(after, 5_000).map_err(text)?;
            let Some(last) = page.last() else {
                return Ok(rows);
            };
            after = last.id;
            rows += page.len();
            for version in &page {
                if known.get(&(version.name.as_str(), version.num.as_str()))
                    != Some(&version.tar_sha256.as_slice())
                {
                    return Err(format!(
                        "row {} is not what Cargo.lock says of {} {}",
                        version.id, version.name, version.num
                    ));
                }
            }
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Numbers that look random and are the same in every run.
struct Pick(u64);

impl Pick {
    fn new(seed: u64) -> Self {
        Pick(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn below(&mut self, end: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % end.max(1).unsigned_abs()).unwrap_or(0)
    }
}
