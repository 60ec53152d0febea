//! How far the run of each step is, for others to see: one row per step, of the run that worked on it last.

use std::time::Duration;

use super::store::{text, Fields, Ledger};
use super::Lease;
use crate::backend::session::{Session, BIND};
use crate::definition::Dialect;
use crate::error::{Error, While};
use crate::phase::Step;
use crate::plan::cost::Rates;
use crate::progress::{Held, Progress, RunReport, RunState};

/// What a run writes of itself.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) progress: Progress,
    pub(crate) state: RunState,
    pub(crate) reason: Option<String>,
    /// The time that this step's walks have taken, without what they were held.
    pub(crate) worked: Duration,
    /// For how long a runner may stand still before another one takes over.
    pub(crate) patience: Duration,
    /// Counts what the run has written.
    pub(crate) seq: i64,
}

/// What a run that ended in the middle of its first walk had done of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BrokenOff {
    pub(crate) rows: u64,
    pub(crate) changed: u64,
    pub(crate) batches: u64,
    pub(crate) worked: Duration,
}

/// A run writes about once a second: one that has done so lately is not gone, however short its lease is.
const LEAST: Duration = Duration::from_secs(3);

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn number<N: ToString>(value: Option<N>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

impl Ledger {
    // finer than CURRENT_TIMESTAMP on SQLite, and on PostgreSQL of this moment instead of the transaction's beginning
    const fn now(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => "clock_timestamp()",
            Dialect::Sqlite => "strftime('%Y-%m-%d %H:%M:%f', 'now')",
        }
    }

    /// Writes how far a run is.
    pub(crate) fn tell(
        &self,
        s: &mut dyn Session,
        lease: &Lease,
        entry: &Entry,
    ) -> Result<(), Error> {
        let (runs, target) = (self.table("runs"), self.target("runs"));
        let Progress {
            step,
            sweep,
            batches,
            rows,
            changed,
            estimated_total,
            rate,
            eta,
            batch_size,
            workers,
            elapsed,
            ..
        } = &entry.progress;
        let now = self.now();
        let updates: Vec<String> = [
            "table_name",
            "runner",
            "state",
            "reason",
            "published",
            "sweep",
            "batches",
            "rows_done",
            "rows_changed",
            "rows_total",
            "rate",
            "eta_ms",
            "batch_size",
            "workers",
            "elapsed_ms",
            "worked_ms",
            "lease_ms",
            "token",
            "seq",
            "updated_at",
        ]
        .iter()
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
        let sql = format!(
            "INSERT INTO {runs} (id, step, table_name, runner, state, reason, published, generation, sweep, batches, \
             rows_done, rows_changed, rows_total, rate, eta_ms, batch_size, workers, elapsed_ms, worked_ms, lease_ms, token, \
             seq, started_at, updated_at) \
             SELECT {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {}, {}, {sweep}, {batches}, {rows}, {changed}, {}, {}, \
             {}, {batch_size}, {workers}, {}, {}, {}, {}, {}, {now}, {now} WHERE true \
             ON CONFLICT (id, generation, step) DO UPDATE SET {}, \
             started_at = CASE WHEN {target}.token = excluded.token THEN {target}.started_at ELSE excluded.started_at END",
            self.published(),
            self.def.generation,
            number(*estimated_total),
            number(*rate),
            number(eta.map(millis)),
            millis(*elapsed),
            millis(entry.worked),
            millis(entry.patience),
            lease.token,
            entry.seq,
            updates.join(", "),
        );
        let binds = [
            self.id(),
            text(step.as_str()),
            text(lease.table()),
            text(&lease.holder),
            text(entry.state.as_str()),
            entry.reason.clone(),
            self.id(),
        ];
        s.execute(&sql, &binds).during("recording progress")?;
        Ok(())
    }

    // the epoch of the migration's phase, for which a cursor holds
    fn published(&self) -> String {
        format!(
            "coalesce((SELECT published FROM {} WHERE {}), 0)",
            self.table("migrations"),
            self.me()
        )
    }

    /// What a run of the step left in the middle of its first walk, in the phase that is published still.
    pub(crate) fn broken_off(
        &self,
        s: &mut dyn Session,
        step: Step,
    ) -> Result<Option<BrokenOff>, Error> {
        let sql = format!(
            "SELECT CAST(rows_done AS text), CAST(rows_changed AS text), CAST(batches AS text), CAST(worked_ms AS text) \
             FROM {} WHERE {} AND step = {BIND} AND sweep = 1 AND state <> 'done' AND published = {}",
            self.table("runs"),
            self.me(),
            self.published()
        );
        let binds = [self.id(), text(step.as_str()), self.id()];
        let rows = s.rows(&sql, &binds).during("reading progress")?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut row = Fields::new(row);
        Ok(Some(BrokenOff {
            rows: unsigned(row.number()?),
            changed: unsigned(row.number()?),
            batches: unsigned(row.number()?),
            worked: Duration::from_millis(unsigned(row.number()?)),
        }))
    }

    /// Rows per second of the last run of each kind that came to the end of a table, of any migration.
    pub(crate) fn rates(&self, s: &mut dyn Session, name: &str) -> Result<Rates, Error> {
        // what took less than a second says little
        let sql = format!(
            "SELECT step, CAST(rows_done AS text), CAST(worked_ms AS text) FROM {} \
             WHERE table_name = {BIND} AND state = 'done' AND sweep > 0 AND worked_ms >= 1000 ORDER BY updated_at",
            self.table("runs")
        );
        let rows = s.rows(&sql, &[text(name)]).during("reading rates")?;
        let mut rates = Rates::default();
        for row in rows {
            let mut row = Fields::new(row);
            let step = row.text().parse()?;
            let (rows, millis) = (unsigned(row.number()?), unsigned(row.number()?));
            let rate = rows
                .saturating_mul(1_000)
                .checked_div(millis)
                .filter(|rate| *rate > 0);
            match step {
                Step::Backfill | Step::Rollback => rates.copy = rate.or(rates.copy),
                _ => rates.compare = rate.or(rates.compare),
            }
        }
        Ok(rates)
    }

    /// The run that worked on the migration last.
    pub(crate) fn run(&self, s: &mut dyn Session) -> Result<Option<RunReport>, Error> {
        let age = match self.dialect {
            Dialect::Postgres => "extract(epoch FROM clock_timestamp() - r.updated_at) * 1000",
            Dialect::Sqlite => "(julianday('now') - julianday(r.updated_at)) * 86400000",
        };
        let sql = format!(
            "SELECT r.step, r.state, r.reason, r.runner, CAST(r.started_at AS text), CAST(r.updated_at AS text), \
             CAST(CAST({age} AS bigint) AS text), CAST(CASE WHEN l.token = r.token THEN l.held ELSE 0 END AS text), \
             CAST(r.lease_ms AS text), CAST(r.sweep AS text), CAST(r.batches AS text), CAST(r.rows_done AS text), \
             CAST(r.rows_changed AS text), CAST(r.batch_size AS text), CAST(r.workers AS text), \
             CAST(r.elapsed_ms AS text), CAST(r.rows_total AS text), CAST(r.rate AS text), CAST(r.eta_ms AS text) \
             FROM {} r LEFT JOIN {} l ON l.table_name = r.table_name WHERE r.id = {BIND} AND r.generation = {} \
             ORDER BY r.token DESC, r.seq DESC LIMIT 1",
            self.table("runs"),
            self.table("runners"),
            self.def.generation
        );
        let rows = s.rows(&sql, &[self.id()]).during("reading progress")?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut row = Fields::new(row);
        let step: Step = row.text().parse()?;
        let state: RunState = row.text().parse()?;
        let (reason, runner) = (row.maybe(), row.text());
        let (started_at, updated_at) = (row.text(), row.text());
        // the clock may have been set back meanwhile
        let age = Duration::from_millis(unsigned(row.number()?));
        let held = row.number()? != 0;
        let patience = Duration::from_millis(unsigned(row.number()?));
        let mut progress = Progress::new(step, u32::try_from(row.number()?).unwrap_or(0), None);
        progress.batches = unsigned(row.number()?);
        progress.rows = unsigned(row.number()?);
        progress.changed = unsigned(row.number()?);
        progress.batch_size = unsigned(row.number()?);
        progress.workers = u32::try_from(row.number()?).unwrap_or(1);
        progress.elapsed = Duration::from_millis(unsigned(row.number()?));
        let mut maybe = || row.maybe().and_then(|n| n.parse::<u64>().ok());
        progress.estimated_total = maybe();
        progress.rate = maybe();
        progress.eta = maybe().map(Duration::from_millis);
        progress.held = match state {
            RunState::Throttled => reason.clone().map(Held::Throttled),
            RunState::Paused => reason.clone().map(Held::Paused),
            _ => None,
        };
        Ok(Some(RunReport {
            progress,
            state,
            reason,
            runner,
            started_at,
            updated_at,
            age,
            gone: !state.is_over() && (!held || age > patience.max(LEAST)),
        }))
    }
}
