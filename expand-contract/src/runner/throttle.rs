//! Asks the throttles. What cannot be measured counts as over.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, Instant};

use super::Runner;
use crate::backend::driver::Driver;
use crate::backend::session::{transaction, Session};
use crate::error::{Error, While};
use crate::options::{Hours, Probe, ReplicationLag, Source, Throttle, Verdict};

/// Why the next batch has to wait.
pub(super) struct Throttled {
    pub(super) reason: String,
    /// It is known to end.
    pub(super) ends: bool,
}

/// A statement on a replica that takes longer is as good as none.
const PROBE_LIMIT: &str = "SET LOCAL statement_timeout = '5s'";

impl Runner<'_> {
    /// Refuses throttles that this database does not have, or that cannot be meant.
    pub(super) fn check_throttles(&self) -> Result<(), Error> {
        for throttle in &self.options.control.throttles {
            throttle.check()?;
            let lag = matches!(throttle.source, Source::Standbys(_) | Source::Replica(..));
            if lag && !self.driver.replicates() {
                return Err(Error::Unsupported {
                    what: format!("a throttle by replication lag on {}", self.s.dialect()),
                    instead: "measure it yourself in `Options::throttle`".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The first throttle that holds the next batch up.
    pub(super) fn throttled(&mut self) -> Option<Throttled> {
        let every = self.options.control.throttle_every;
        let mut throttles = std::mem::take(&mut self.options.control.throttles);
        let mut held = None;
        for throttle in &mut throttles {
            let now = Instant::now();
            if throttle.next.is_none_or(|next| next <= now) {
                let (verdict, next) = ask(self.s, self.driver, throttle, every);
                throttle.verdict = verdict;
                throttle.next = Some(Instant::now() + next);
            }
            if let (Verdict::Wait(reason), None) = (&throttle.verdict, &held) {
                held = Some(Throttled {
                    reason: reason.clone(),
                    ends: matches!(throttle.source, Source::Hours(_)),
                });
            }
        }
        self.options.control.throttles = throttles;
        held
    }
}

// the answer, and how long it holds
fn ask(
    s: &mut dyn Session,
    driver: &dyn Driver,
    throttle: &mut Throttle,
    every: Duration,
) -> (Verdict, Duration) {
    let seen = &mut throttle.seen;
    match &mut throttle.source {
        Source::Callback(callback) => {
            let verdict = match catch_unwind(AssertUnwindSafe(callback)) {
                Ok(Ok(verdict)) => verdict,
                Ok(Err(error)) => Verdict::Wait(format!("the throttle failed: {error}")),
                Err(_) => Verdict::Wait("the throttle panicked".to_owned()),
            };
            (verdict, every)
        }
        Source::Hours(hours) => hours_of(s, driver, *hours, every),
        Source::Standbys(lag) => {
            let verdict = match standbys(s, driver, lag) {
                Ok((written, replayed)) => lag_of(seen, lag, written, replayed, "a standby"),
                Err(reason) => Verdict::Wait(reason),
            };
            (verdict, every)
        }
        Source::Replica(probe, lag) => {
            let name = format!("replica `{}`", probe.name);
            let verdict = match replica(s, driver, probe) {
                Ok((written, replayed)) => lag_of(seen, lag, written, replayed, &name),
                Err(reason) => {
                    // a new connection next time
                    probe.session = None;
                    Verdict::Wait(format!("{name}: {reason}"))
                }
            };
            (verdict, every)
        }
    }
}

fn hours_of(
    s: &mut dyn Session,
    driver: &dyn Driver,
    hours: Hours,
    every: Duration,
) -> (Verdict, Duration) {
    // the database's clock may be set meanwhile
    const ASKED_AGAIN: Duration = Duration::from_secs(60);
    match driver.clock(s).map(|now| hours.at(now)) {
        Ok(Ok(left)) => (Verdict::Go, left.min(ASKED_AGAIN)),
        Ok(Err(wait)) => {
            let minutes = wait.as_secs().div_ceil(60);
            let reason = format!("outside of {hours}, for {minutes} minutes more");
            (Verdict::Wait(reason), wait.min(ASKED_AGAIN))
        }
        Err(error) => {
            let reason = format!("the database's clock could not be read: {error}");
            (Verdict::Wait(reason), every)
        }
    }
}

// the primary's position, and that of the standby which is furthest behind
fn standbys(
    s: &mut dyn Session,
    driver: &dyn Driver,
    lag: &ReplicationLag,
) -> Result<(u64, u64), String> {
    let unreadable = |error: Error| format!("the standbys' positions could not be read: {error}");
    let (primary, standbys) = driver.standbys(s).map_err(unreadable)?;
    let mut furthest: Option<u64> = None;
    for standby in &standbys {
        let named = standby
            .name
            .as_ref()
            .is_some_and(|name| lag.names.contains(name));
        if !lag.names.is_empty() && standby.name.is_some() && !named {
            continue;
        }
        let Some(replayed) = standby.replayed else {
            let name = standby.name.as_deref().unwrap_or("(name hidden)");
            return Err(format!(
                "the position of standby {name} could not be read: it has only just connected, or the role lacks pg_monitor"
            ));
        };
        furthest = Some(furthest.map_or(replayed, |least| least.min(replayed)));
    }
    for name in &lag.names {
        if !standbys
            .iter()
            .any(|standby| standby.name.as_ref() == Some(name))
        {
            return Err(format!("standby `{name}` is not connected"));
        }
    }
    match furthest {
        Some(replayed) => Ok((primary.written, replayed)),
        None => Err("no standby is connected".to_owned()),
    }
}

fn replica(
    s: &mut dyn Session,
    driver: &dyn Driver,
    probe: &mut Probe,
) -> Result<(u64, u64), String> {
    let said = |error: Error| error.to_string();
    // first: what it writes meanwhile is not counted as lag
    let primary = driver.written(s).map_err(said)?;
    let session = match &mut probe.session {
        Some(session) => session,
        None => probe.session.insert((probe.open)().map_err(said)?),
    };
    // for the transaction: behind a pooler a session's settings are somebody else's next
    let replica = transaction(session.as_mut(), |s| {
        s.batch(PROBE_LIMIT).during("limiting a probe")?;
        driver.replayed(s)
    });
    let replica = replica.map_err(said)?;
    if replica.server != primary.server {
        return Err("belongs to another server".to_owned());
    }
    match replica.replayed {
        Some(replayed) => Ok((primary.written, replayed)),
        None => Err("is no standby (any more)".to_owned()),
    }
}

/// What is behind by how much, in bytes and by this process's own clock.
fn lag_of(
    seen: &mut Vec<(Instant, u64)>,
    lag: &ReplicationLag,
    written: u64,
    replayed: u64,
    name: &str,
) -> Verdict {
    // asked every second, as much as an hour
    const MOST: usize = 4_096;
    let now = Instant::now();
    seen.retain(|(_, position)| *position > replayed);
    let behind = written.saturating_sub(replayed);
    if behind > 0 && seen.len() < MOST && seen.last().is_none_or(|(_, last)| *last < written) {
        seen.push((now, written));
    }
    let time = seen
        .first()
        .map_or(Duration::ZERO, |(since, _)| now - *since);
    let over =
        lag.bytes.is_some_and(|most| behind > most) || lag.time.is_some_and(|most| time > most);
    if !over {
        return Verdict::Go;
    }
    Verdict::Wait(format!(
        "{name} is {behind} bytes and at least {} s behind",
        time.as_secs()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_counted_in_bytes_and_from_when_it_was_seen() {
        let bytes = ReplicationLag::bytes(100);
        let mut seen = Vec::new();
        assert_eq!(lag_of(&mut seen, &bytes, 1_000, 900, "r"), Verdict::Go);
        let over = lag_of(&mut seen, &bytes, 1_001, 900, "r");
        assert!(matches!(over, Verdict::Wait(reason) if reason.starts_with("r is 101 bytes")));

        let time = ReplicationLag::time(Duration::from_secs(5));
        let Some(past) = Instant::now().checked_sub(Duration::from_secs(6)) else {
            return;
        };
        let mut seen = vec![(past, 1_000)];
        assert!(matches!(
            lag_of(&mut seen, &time, 2_000, 999, "r"),
            Verdict::Wait(_)
        ));
        // it has reached what was seen then; what came since is new
        assert_eq!(lag_of(&mut seen, &time, 2_000, 1_000, "r"), Verdict::Go);
        assert_eq!(seen.len(), 1);
        assert_eq!(lag_of(&mut seen, &time, 2_000, 2_000, "r"), Verdict::Go);
        assert!(seen.is_empty());
    }
}
