//! Partitioned tables.
#![allow(missing_docs, unreachable_pub)]

#[macro_use]
#[allow(unused_imports, unused_macros)]
#[path = "../runner/common.rs"]
mod common;
mod changing;
mod foreign_keys;
mod in_place;
mod key;
mod levels;
mod life;
mod obstacles;
mod support;
mod unique;
mod writers;
