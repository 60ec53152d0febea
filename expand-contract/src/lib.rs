//! Change the schema of a live database under a Diesel application without anyone noticing.

pub mod definition;
pub mod phase;
