//! How long to wait before something is tried again.

use std::time::Duration;

/// 20 ms, growing to 2 s, each time a little different from other processes'.
pub(crate) fn backoff(attempt: u32) -> Duration {
    let base = 20u64 << attempt.min(7);
    let noise = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| u64::from(now.subsec_nanos()));
    Duration::from_millis((base / 2 + noise % base).min(2_000))
}
