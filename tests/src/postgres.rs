//! PostgreSQL databases for tests, on a private server.
//!
//! The first [`PgDatabase::new`] of a test process starts a server: no configuration, no port, no password, nothing
//! left behind however the process ends. The server binaries are those in the folder that the environment variable
//! `TESTDB_PG_BIN` names, else the newest in the usual places.

mod binaries;
mod database;
mod pooler;
mod server;

pub use database::PgDatabase;
pub use pooler::PgBouncer;
pub use server::PgServer;
