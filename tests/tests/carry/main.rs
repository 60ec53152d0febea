//! What the old column has, the new one has in the end; and what cannot be carried is said before anything is changed.
#![allow(missing_docs)]

use std::time::Duration;

use expand_contract::Options;

mod named;
mod obstacles;
mod rename;
mod retype;
mod writers;

/// Small batches, little patience.
fn options() -> Options {
    Options::new()
        .batch_size(50)
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(200))
        .lock_timeout(Duration::from_millis(100))
        .quiet_period(Duration::ZERO)
}
