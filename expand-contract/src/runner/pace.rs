//! Between two batches: whether the next one may begin, and who is told how far it is.

use std::time::{Duration, Instant};

use super::Runner;
use crate::error::{Error, Interruption};
use crate::ledger::{BrokenOff, Lease, RunEntry};
use crate::phase::Step;
use crate::progress::{Held, Progress, RunState};
use crate::request::{Request, RequestKind};

/// Whether the next batch may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permit {
    Go,
    /// Not yet: ask again after that long.
    Wait(Duration),
}

/// What one batch did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    /// Rows it looked at.
    pub(super) rows: u64,
    /// Rows that it wrote, or that differed.
    pub(super) changed: u64,
}

/// One walk along the table, as far as it is.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) progress: Progress,
    began: Instant,
    /// When the last batch or the last wait was over.
    mark: Instant,
    speed: Speed,
    /// The ledger was asked what an earlier run had done of this walk.
    begun: bool,
}

/// Rows per second, in which what is longer ago counts less.
#[derive(Debug, Clone, Copy, Default)]
struct Speed {
    rows: f64,
    seconds: f64,
}

impl Speed {
    /// After so many seconds of work, what came before counts by 1/e.
    const MEMORY: f64 = 15.0;

    #[allow(clippy::cast_precision_loss)]
    fn add(&mut self, rows: u64, time: Duration) {
        let seconds = time.as_secs_f64();
        let keep = (-seconds / Self::MEMORY).exp();
        self.rows = self.rows * keep + rows as f64;
        self.seconds = self.seconds * keep + seconds;
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn per_second(self) -> Option<u64> {
        (self.seconds > 0.0).then(|| (self.rows / self.seconds).round() as u64)
    }

    fn time_for(self, rows: u64) -> Option<Duration> {
        #[allow(clippy::cast_precision_loss)]
        let seconds = rows as f64 * self.seconds / self.rows;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// What a run has told and why it waits, over all walks of a step.
#[derive(Debug, Default)]
pub(super) struct Telling {
    hold: Option<Hold>,
    /// The latest, and when it was written to the ledger.
    last: Option<(RunEntry, Instant)>,
    seq: i64,
    /// It is about a walk of this run.
    walk: bool,
    worked: Duration,
    /// Rows that walks of this run have changed.
    pub(super) changed: u64,
    /// Rows that the walk under way, or the last one, has looked at.
    pub(super) rows: u64,
}

/// What the next batch waits for.
#[derive(Debug, Clone)]
enum Wait {
    Request(Request),
    Throttle(String),
    /// As for a throttle, but it is known to end.
    Hours(String),
}

impl Wait {
    fn same_kind(&self, other: &Wait) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    fn held(&self) -> Held {
        match self {
            Wait::Request(request) => Held::Paused(request.to_string()),
            Wait::Throttle(reason) | Wait::Hours(reason) => Held::Throttled(reason.clone()),
        }
    }
}

/// A wait under way.
#[derive(Debug, Clone)]
struct Hold {
    wait: Wait,
    since: Instant,
    renewed: Instant,
    told: Instant,
}

impl Pace {
    fn new(progress: Progress) -> Self {
        let now = Instant::now();
        Pace {
            progress,
            began: now,
            mark: now,
            speed: Speed::default(),
            begun: false,
        }
    }

    /// The time since the last batch or wait.
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        let lap = now - self.mark;
        self.mark = now;
        self.progress.elapsed = now - self.began;
        lap
    }

    fn count(&mut self, done: Done, lap: Duration) {
        let progress = &mut self.progress;
        progress.batches += 1;
        progress.rows += done.rows;
        progress.changed += done.changed;
        progress.batch_size = done.rows;
        self.speed.add(done.rows, lap);
        progress.rate = self.speed.per_second();
        let total = progress.estimated_total;
        let left = total.and_then(|total| total.checked_sub(progress.rows));
        progress.eta = left.and_then(|left| self.speed.time_for(left));
    }
}

impl Runner<'_> {
    /// What is told is written to the ledger about that often.
    const TOLD_EVERY: Duration = Duration::from_secs(1);

    /// At the beginning of a walk. `total`: about how many rows there are.
    pub(super) fn pace(&mut self, step: Step, sweep: u32, total: Option<u64>) -> Pace {
        if sweep <= 1 {
            self.telling.worked = Duration::ZERO;
        }
        self.telling.rows = 0;
        Pace::new(Progress::new(step, sweep, total))
    }

    /// Before a batch: asked on the runner's own thread, outside of a transaction.
    pub(super) fn permit(&mut self, lease: &Lease, pace: &mut Pace) -> Result<Permit, Error> {
        if !pace.begun {
            self.begin(lease, pace)?;
        }
        let wait = match self.requested()? {
            Some(request) => Some(Wait::Request(request)),
            None => self.throttled().map(|throttled| match throttled.ends {
                true => Wait::Hours(throttled.reason),
                false => Wait::Throttle(throttled.reason),
            }),
        };
        match wait {
            Some(wait) => self.hold(lease, pace, wait).map(Permit::Wait),
            None => {
                self.go_on(lease, pace)?;
                Ok(Permit::Go)
            }
        }
    }

    /// Waits for the permit.
    pub(super) fn permitted(&mut self, lease: &Lease, pace: &mut Pace) -> Result<(), Error> {
        while let Permit::Wait(time) = self.permit(lease, pace)? {
            std::thread::sleep(time);
        }
        Ok(())
    }

    /// After a batch: on the runner's own thread, outside of a transaction.
    pub(super) fn report(
        &mut self,
        lease: &Lease,
        pace: &mut Pace,
        done: Done,
    ) -> Result<(), Error> {
        let lap = pace.lap();
        pace.count(done, lap);
        self.telling.worked += lap;
        self.telling.changed += done.changed;
        self.telling.rows = pace.progress.rows;
        self.tell(lease, pace)
    }

    /// Before an action, or a lease's first: waits while an operator has asked for a pause.
    pub(super) fn ready(&mut self, lease: &Lease, step: Step) -> Result<(), Error> {
        let Some(mut request) = self.requested()? else {
            return Ok(());
        };
        let mut pace = Pace::new(Progress::new(step, 0, None));
        // what an earlier run has done stays on record
        if let Some(before) = self.patiently(|s, ledger| ledger.broken_off(s, step))? {
            pace.progress.sweep = 1;
            self.take_up(&mut pace, before);
        }
        self.telling.walk = false;
        loop {
            let time = self.hold(lease, &mut pace, Wait::Request(request))?;
            std::thread::sleep(time);
            match self.requested()? {
                Some(again) => request = again,
                None => return self.go_on(lease, &mut pace),
            }
        }
    }

    fn take_up(&mut self, pace: &mut Pace, before: BrokenOff) {
        pace.progress.rows = before.rows;
        pace.progress.changed = before.changed;
        pace.progress.batches = before.batches;
        self.telling.worked = before.worked;
        self.telling.rows = before.rows;
    }

    /// The request to pause; one to cancel is an error. Reads only.
    pub(super) fn requested(&mut self) -> Result<Option<Request>, Error> {
        let Some(request) = self.patiently(|s, ledger| ledger.request(s))? else {
            return Ok(None);
        };
        match request.kind {
            RequestKind::Pause => Ok(Some(request)),
            RequestKind::Cancel => Err(Interruption::Cancelled {
                migration: self.def.id.to_owned(),
                by: request.by,
                at: request.at,
                reason: request.reason,
            }
            .into()),
        }
    }

    // what a run that was killed has done of the walk counts
    fn begin(&mut self, lease: &Lease, pace: &mut Pace) -> Result<(), Error> {
        pace.begun = true;
        self.telling.walk = true;
        let step = pace.progress.step;
        // a comparison begins anew
        if pace.progress.sweep == 1 && matches!(step, Step::Backfill | Step::Rollback) {
            if let Some(before) = self.patiently(|s, ledger| ledger.broken_off(s, step))? {
                self.take_up(pace, before);
            }
        }
        self.write(lease, &pace.progress, RunState::Running, None)
    }

    // the callback always, the ledger now and then
    fn tell(&mut self, lease: &Lease, pace: &Pace) -> Result<(), Error> {
        let progress = &pace.progress;
        let state = match progress.held {
            None => RunState::Running,
            Some(Held::Throttled(_)) => RunState::Throttled,
            Some(Held::Paused(_)) => RunState::Paused,
        };
        let reason = match &progress.held {
            Some(Held::Throttled(reason) | Held::Paused(reason)) => Some(reason.clone()),
            None => None,
        };
        let fresh = self.telling.last.as_ref().is_some_and(|(last, at)| {
            last.state == state
                && last.progress.step == progress.step
                && at.elapsed() < Self::TOLD_EVERY
        });
        if fresh {
            if let Some((last, _)) = &mut self.telling.last {
                last.progress = progress.clone();
                last.reason = reason;
            }
        } else {
            self.write(lease, progress, state, reason)?;
        }
        if let Some(callback) = &mut self.options.progress {
            callback(progress);
        }
        Ok(())
    }

    fn write(
        &mut self,
        lease: &Lease,
        progress: &Progress,
        state: RunState,
        reason: Option<String>,
    ) -> Result<(), Error> {
        self.telling.seq += 1;
        let entry = RunEntry {
            progress: progress.clone(),
            state,
            reason,
            worked: self.telling.worked,
            patience: self.options.lease,
            seq: self.telling.seq,
        };
        let ledger = self.ledger.clone();
        self.in_transaction(lease, |s| ledger.tell(s, lease, &entry))?;
        self.telling.last = Some((entry, Instant::now()));
        Ok(())
    }

    /// What was told last was the end of it.
    pub(super) fn told(&mut self, lease: &Lease) -> Result<(), Error> {
        match self.telling.last.take() {
            Some((last, _)) => {
                // a walk that an earlier run has begun is not at its end because this one waited before something else
                let over = self.telling.walk || last.progress.batches == 0;
                let state = if over {
                    RunState::Done
                } else {
                    RunState::Stopped
                };
                self.write(lease, &last.progress, state, None)?;
                self.telling.last = None;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The run ends with an error, which others read where they would look for it.
    pub(super) fn failed(&mut self, lease: &Lease, error: &Error) {
        if let Some((last, _)) = self.telling.last.take() {
            let mut progress = last.progress;
            progress.held = None;
            // whoever has lost the lease has nothing to say, and one error is enough
            self.write(lease, &progress, RunState::Stopped, Some(error.to_string()))
                .ok();
            self.telling.last = None;
        }
        self.telling.hold = None;
    }

    // nothing stands in the way any more
    fn go_on(&mut self, lease: &Lease, pace: &mut Pace) -> Result<(), Error> {
        if self.telling.hold.take().is_none() {
            return Ok(());
        }
        pace.progress.held = None;
        pace.lap();
        self.tell(lease, pace)
    }

    // One look at what holds the run up: tells of it, keeps the lease, and gives up in time. How long until the next.
    fn hold(&mut self, lease: &Lease, pace: &mut Pace, wait: Wait) -> Result<Duration, Error> {
        let now = Instant::now();
        let step = pace.progress.step;
        let before = self.telling.hold.take();
        let before = before.filter(|hold| hold.wait.same_kind(&wait));
        let news = before.is_none();
        let mut hold = before.unwrap_or_else(|| Hold {
            wait: wait.clone(),
            since: now,
            renewed: now,
            told: now,
        });
        hold.wait = wait;
        let waited = now - hold.since;
        let control = &self.options.control;
        match &hold.wait {
            Wait::Request(request) if control.pause_wait.is_some_and(|limit| waited >= limit) => {
                return Err(Interruption::Paused {
                    migration: self.def.id.to_owned(),
                    by: request.by.clone(),
                    at: request.at.clone(),
                    reason: request.reason.clone(),
                    waited,
                }
                .into());
            }
            Wait::Throttle(reason) if waited >= control.throttle_wait => {
                return Err(Interruption::Throttled {
                    step,
                    reason: reason.clone(),
                    waited,
                }
                .into());
            }
            _ => {}
        }
        // well within the time after which another runner takes over
        let share = (self.options.lease / 5).min(Self::TOLD_EVERY);
        let pause = share
            .min(Duration::from_millis(250))
            .min(control.throttle_every)
            .max(Duration::from_millis(2));
        if now - hold.renewed >= share {
            self.in_transaction(lease, |_| Ok(()))?;
            hold.renewed = now;
        }
        let tell = news || now - hold.told >= Self::TOLD_EVERY;
        if tell {
            hold.told = now;
            pace.progress.held = Some(hold.wait.held());
            pace.lap();
        }
        self.telling.hold = Some(hold);
        if tell {
            self.tell(lease, pace)?;
        }
        Ok(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn of(pace: &mut Pace, rows: u64, time: Duration) {
        pace.count(Done { rows, changed: 0 }, time);
    }

    #[test]
    fn the_rate_is_that_of_the_last_while() {
        let mut pace = Pace::new(Progress::new(Step::Backfill, 1, Some(1_000_000)));
        for _ in 0..10 {
            of(&mut pace, 1_000, SECOND);
        }
        assert_eq!(pace.progress.rate, Some(1_000));
        assert_eq!(pace.progress.eta, Some(Duration::from_secs(990)));
        for _ in 0..60 {
            of(&mut pace, 100, SECOND / 2);
        }
        let rate = pace.progress.rate.unwrap();
        assert!((200..400).contains(&rate), "{rate}");
    }

    #[test]
    fn many_short_batches_count_as_much_as_one_long() {
        let (mut short, mut long) = (Speed::default(), Speed::default());
        for _ in 0..1_000 {
            short.add(10, SECOND / 100);
        }
        long.add(10_000, SECOND * 10);
        assert_eq!(short.per_second(), Some(1_000));
        assert_eq!(long.per_second(), Some(1_000));
    }

    #[test]
    fn there_is_no_end_in_sight_where_the_estimate_was_passed_or_nothing_moves() {
        let mut pace = Pace::new(Progress::new(Step::Backfill, 1, Some(10)));
        of(&mut pace, 0, SECOND);
        assert_eq!((pace.progress.rate, pace.progress.eta), (Some(0), None));
        of(&mut pace, 20, SECOND);
        assert_eq!(pace.progress.eta, None);
        let mut unknown = Pace::new(Progress::new(Step::Backfill, 1, None));
        of(&mut unknown, 20, SECOND);
        assert_eq!(unknown.progress.eta, None);
        assert_eq!(Speed::default().per_second(), None);
    }
}
