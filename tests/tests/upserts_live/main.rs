//! Upserts on a changed unique column by many clients on the same few keys, while a runner takes the steps.
#![allow(missing_docs, clippy::unwrap_used, dead_code, unreachable_pub)]

#[macro_use]
mod support;

mod handover;
mod live;
