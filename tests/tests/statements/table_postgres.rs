use crate::forms::table::*;
use crate::support::postgres::*;

#[path = "each_phase.rs"]
mod each_phase;
#[path = "flips.rs"]
mod flips;
#[path = "inserts.rs"]
mod inserts;
#[path = "queries.rs"]
mod queries;
#[path = "relations.rs"]
mod relations;
#[path = "table_only.rs"]
mod table_only;
#[path = "updates.rs"]
mod updates;
#[path = "upserts.rs"]
mod upserts;
