//! Models from source.

// helpers of tests, where clippy does not see a test
#![allow(clippy::unwrap_used)]

mod agreement;
mod cfgs;
mod hostile;
mod in_use;
mod modules;
mod schema;
mod support;
