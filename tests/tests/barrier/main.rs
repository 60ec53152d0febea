//! What the runner waits for before it goes on: instances, open transactions, old snapshots; and what becomes of that when
//! it is killed, cut off or told not to wait.
#![allow(missing_docs)]

#[macro_use]
mod support;

mod clients;
mod cut;
mod deadlocks;
mod instances;
mod resume;
mod rollback;
mod snapshots;
mod stopped;
mod strays;
mod transactions;
