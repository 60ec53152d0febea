//! Waiting for a condition, with a deadline that only a failing test ever reaches.

use std::thread;
use std::time::{Duration, Instant};

/// How long a condition may take before the test fails: far longer than a slow machine needs.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds; `what` names it in the panic after [`DEADLINE`].
///
/// # Panics
///
/// When the condition does not hold within [`DEADLINE`].
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < DEADLINE,
            "waited {DEADLINE:?} in vain until {what}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}
