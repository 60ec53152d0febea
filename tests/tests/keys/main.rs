//! Foreign keys, sequences and primary keys go with the column.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[macro_use]
#[allow(unused_imports, unused_macros)]
#[path = "../runner/common.rs"]
mod common;
mod inbound;
mod locks;
mod no_primary_key;
mod obstacles;
mod outbound;
mod primary_key;
mod sequences;
mod statements;
mod support;
