//! Knowing the phase by a lease: registration, acknowledgement, deadlines, replicas, other releases' ledgers.
#![allow(missing_docs)]

mod common;
mod deadline;
mod faults;
mod ledgers;
mod processes;
mod registration;
mod replica;
