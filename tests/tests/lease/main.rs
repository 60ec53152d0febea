//! Knowing the phase by a lease: registration, acknowledgement, deadlines, replicas, other releases' ledgers.
#![allow(missing_docs)]

mod common;
mod registration;
