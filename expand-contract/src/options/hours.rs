//! A time of day in which batches may run.

use std::fmt;
use std::time::Duration;

use crate::error::Error;

const DAY: i64 = 24 * 60 * 60;

/// A time of day, possibly across midnight, at a fixed distance from UTC.
///
/// ```
/// use expand_contract::Hours;
///
/// // from ten in the evening to half past five in the morning, an hour ahead of UTC
/// let night = Hours::new((22, 0), (5, 30)).utc_offset(60);
/// assert_eq!(night.to_string(), "22:00 to 05:30 (UTC+01:00)");
/// ```
///
/// The distance is fixed, so where the clocks are changed in summer the window moves with it by an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: (u8, u8),
    until: (u8, u8),
    offset: i32,
}

fn seconds((hour, minute): (u8, u8)) -> i64 {
    i64::from(hour) * 3_600 + i64::from(minute) * 60
}

fn positive(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds.rem_euclid(DAY)).unwrap_or(0))
}

impl Hours {
    /// From one hour and minute until another, in UTC. What is no time of day is an error of the run.
    pub const fn new(from: (u8, u8), until: (u8, u8)) -> Self {
        Hours {
            from,
            until,
            offset: 0,
        }
    }

    /// How many minutes the times are ahead of UTC (behind it: negative).
    #[must_use]
    pub const fn utc_offset(mut self, minutes: i32) -> Self {
        self.offset = minutes;
        self
    }

    pub(crate) fn check(self) -> Result<(), Error> {
        let refuse = |reason: &str| {
            Err(Error::InvalidOption {
                option: "between",
                reason: reason.to_owned(),
            })
        };
        let day = |(hour, minute): (u8, u8)| hour < 24 && minute < 60;
        if !day(self.from) || !day(self.until) {
            return refuse("takes hours from 0 to 23 and minutes from 0 to 59");
        }
        if self.from == self.until {
            return refuse("begins and ends at the same time: leave it out to run all day");
        }
        if self.offset.abs() > 18 * 60 {
            return refuse("is more than 18 hours (1,080 minutes) away from UTC, which is nowhere");
        }
        Ok(())
    }

    /// At a time in seconds since 1970: `Ok` with how long it is open still, else how long it takes until it opens.
    pub(crate) fn at(self, now: i64) -> Result<Duration, Duration> {
        let time = now
            .saturating_add(i64::from(self.offset) * 60)
            .rem_euclid(DAY);
        let (from, until) = (seconds(self.from), seconds(self.until));
        let open = if from < until {
            (from..until).contains(&time)
        } else {
            time >= from || time < until
        };
        match open {
            true => Ok(positive(until - time)),
            false => Err(positive(from - time)),
        }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until, offset) = (self.from, self.until, self.offset.abs());
        write!(
            f,
            "{:02}:{:02} to {:02}:{:02} (UTC",
            from.0, from.1, until.0, until.1
        )?;
        if self.offset != 0 {
            let sign = if self.offset < 0 { '-' } else { '+' };
            write!(f, "{sign}{:02}:{:02}", offset / 60, offset % 60)?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(hour: i64, minute: i64) -> i64 {
        20_000 * DAY + hour * 3_600 + minute * 60
    }

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    #[test]
    fn a_window_by_day() {
        let hours = Hours::new((9, 0), (17, 30));
        assert_eq!(hours.at(clock(9, 0)), Ok(minutes(510)));
        assert_eq!(hours.at(clock(17, 29)), Ok(minutes(1)));
        assert_eq!(hours.at(clock(17, 30)), Err(minutes(930)));
        assert_eq!(hours.at(clock(8, 59)), Err(minutes(1)));
    }

    #[test]
    fn a_window_across_midnight() {
        let hours = Hours::new((22, 0), (6, 0));
        assert_eq!(hours.at(clock(22, 0)), Ok(minutes(480)));
        assert_eq!(hours.at(clock(0, 0)), Ok(minutes(360)));
        assert_eq!(hours.at(clock(5, 59)), Ok(minutes(1)));
        assert_eq!(hours.at(clock(6, 0)), Err(minutes(960)));
        assert_eq!(hours.at(clock(21, 59)), Err(minutes(1)));
    }

    #[test]
    fn a_window_far_from_utc() {
        // 01:00 to 02:00 in Auckland in winter is 13:00 to 14:00 the day before
        let ahead = Hours::new((1, 0), (2, 0)).utc_offset(12 * 60);
        assert_eq!(ahead.at(clock(13, 15)), Ok(minutes(45)));
        assert_eq!(ahead.at(clock(1, 15)), Err(minutes(705)));
        let behind = Hours::new((23, 0), (1, 0)).utc_offset(-(3 * 60 + 30));
        assert_eq!(behind.at(clock(2, 30)), Ok(minutes(120)));
        assert_eq!(behind.at(clock(4, 30)), Err(minutes(22 * 60)));
        assert_eq!(behind.to_string(), "23:00 to 01:00 (UTC-03:30)");
        // before 1970 as well
        assert_eq!(Hours::new((22, 0), (6, 0)).at(-60), Ok(minutes(361)));
    }

    #[test]
    fn what_is_no_time_of_day_is_refused() {
        for wrong in [
            Hours::new((24, 0), (6, 0)),
            Hours::new((22, 0), (6, 60)),
            Hours::new((6, 0), (6, 0)),
            Hours::new((22, 0), (6, 0)).utc_offset(2_000),
        ] {
            assert!(
                matches!(wrong.check(), Err(Error::InvalidOption { .. })),
                "{wrong:?}"
            );
        }
        assert!(Hours::new((0, 0), (23, 59)).check().is_ok());
    }
}
