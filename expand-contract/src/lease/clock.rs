//! The clock that leases are counted on.

/// Nanoseconds on a clock that nobody can set and that goes on while the machine sleeps.
///
/// Linux: `CLOCK_BOOTTIME`, read without a system call. Elsewhere what [`std::time::Instant`] is, which on some systems
/// stands still while the machine sleeps.
#[cfg(target_os = "linux")]
#[inline]
pub(crate) fn now() -> u64 {
    use rustix::time::{clock_gettime, ClockId};
    let now = clock_gettime(ClockId::Boottime);
    let (seconds, nanoseconds) = (
        u64::try_from(now.tv_sec).unwrap_or(0),
        u64::try_from(now.tv_nsec).unwrap_or(0),
    );
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn now() -> u64 {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};
    static START: OnceLock<Instant> = OnceLock::new();
    // never so early that a deadline could be one of the reserved values
    let since = START.get_or_init(Instant::now).elapsed() + Duration::from_secs(1);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// `from` and then `duration`.
pub(crate) fn after(from: u64, duration: std::time::Duration) -> u64 {
    from.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}
