//! Support for the scenario tests: real databases, and processes that can be killed.
//!
//! * [`catalogue`]: all that PostgreSQL says of a table.
//! * [`database`]: what scenarios for every database need of one.
//! * [`postgres`]: one private PostgreSQL server per test process, one fresh database per test.
//! * [`sqlite`]: database files that go away with the test.
//! * [`phases`]: the phases of a migration, without a runner.
//! * [`proxy`]: a connection to a server that is cut at a COMMIT.
//! * [`process`]: a test of this executable, run as a process of its own that may be killed.
//! * [`stop`]: a run that is stopped between two actions.
//! * [`wait`]: waiting for a condition, never for a length of time.
//!
//! A server that is missing makes a test fail, never skip.

pub mod catalogue;
pub mod database;
pub mod phases;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod refused;
pub mod sqlite;
pub mod stop;
pub mod wait;
