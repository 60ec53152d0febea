//! Knowing the phase in a server: a thread that asks the ledger, and a row there that tells runners of this process.
//!
//! A process starts one [`Lease`] for its migrations. The thread renews it every third of its duration with one query on a
//! connection of its own. What it reads is the process-wide phase of ordinary statements. A runner that publishes a phase
//! sees the process in the ledger and waits until it has acknowledged the phase, or until its lease has run out; so a phase
//! that the process has read may be used until then and no longer. The deadline is counted on this machine's boot-time clock,
//! from before the renewal was sent; the runner counts on its own clock from when it saw the renewal. No two clocks are
//! compared, and nobody looks at the wall clock.
//!
//! Past the deadline a statement first waits for the thread ([`Builder::patience`]) and then fails with
//! [`StatementError::LeaseExpired`]; nothing is sent.
//!
//! ```no_run
//! # use expand_contract::prelude::*;
//! # diesel::table! { versions (id) { id -> Integer, digest -> Text, } }
//! # #[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate)]
//! # #[diesel(table_name = versions)]
//! # struct Version { id: i32, #[migrate(rename_from = "checksum")] digest: String }
//! use expand_contract::Lease;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "app.db";
//! let lease = Lease::of::<versions::table>()
//!     .application("web", env!("CARGO_PKG_VERSION"))
//!     .duration(Duration::from_secs(15))
//!     .start(move || SqliteConnection::establish(url))?;
//! // … the application serves: ordinary statements, right in every phase …
//! lease.shutdown()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What a lease is not
//! A fence. A statement that was built in time may arrive late: it waited in a pool, for a lock, or its process was stopped.
//! That is what the triggers and the retry are for. A statement counts as built when Diesel first walks it, which is when it
//! is executed.

mod builder;
pub(crate) mod clock;
mod registry;
mod term;
mod watcher;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

pub use builder::Builder;
pub(crate) use term::{Slot, Term, EXPIRED, NO_LEASE};

use crate::error::Error;
use crate::migration::Migrate;
use crate::pinned::scoped;
use crate::state::{Snapshot, StatementError};
use registry::Registry;

/// The name of the server where the instance is registered.
const MAIN: &str = "main";

/// A process's right to use the phases that it has read. See the [module](self).
///
/// Ends with [`shutdown`](Self::shutdown), or quietly when it is dropped. A process that is killed leaves its row behind;
/// runners wait for it until the lease has run out.
#[must_use = "the lease ends when it is dropped"]
pub struct Lease {
    registry: Arc<Registry>,
    threads: Vec<JoinHandle<()>>,
}

/// How a lease is doing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Health {
    /// Whether statements of the main server may be built at this moment without waiting.
    pub in_force: bool,
    /// How many phases were published in the database when it was last asked.
    pub epoch: i64,
    /// The epoch that was acknowledged: no statement is built for an earlier one.
    pub acknowledged: i64,
    /// The pool that holds the acknowledgement back: a replica that lags, or a snapshot that is still in use.
    pub lagging: Option<String>,
    /// Why the last renewal failed, if it did.
    pub trouble: Option<String>,
}

/// The phases in force on one server, one for each migration of a [`Lease`].
///
/// While one is held, the acknowledgement of the next phase is held back, until the lease on this one has run out; then its
/// statements fail. So take them anew for every piece of work.
#[derive(Debug, Clone)]
#[must_use = "snapshots do nothing by themselves: call `scope`, or give one to a statement with `.at(…)`"]
pub struct Snapshots(Vec<Snapshot>);

impl Lease {
    /// A lease for `M`: one migration or a tuple of them, as for [`pinned::transaction`](crate::pinned::transaction).
    pub fn of<M>() -> Builder<M> {
        Builder::new()
    }

    /// This process's name in the ledger.
    pub fn instance(&self) -> &str {
        &self.registry.me.id
    }

    /// The phases in force on a pool's server, by the name given to [`Builder::pool`]; `"main"` is the server where the
    /// instance is registered.
    ///
    /// # Errors
    /// The server could not be asked in time, it lags behind what this instance has acknowledged, or there is no such pool.
    pub fn on(&self, pool: &str) -> Result<Snapshots, StatementError> {
        let mut servers = self.registry.servers.iter();
        match servers.position(|server| server.name == pool) {
            Some(server) => self.registry.in_force(server).map(Snapshots),
            None => Err(StatementError::UnknownPool {
                pool: pool.to_owned(),
            }),
        }
    }

    /// Asks every server now, and waits for the answers, each no longer than a statement would.
    ///
    /// Not needed for statements to be right; for whoever knows that a phase has just been published.
    pub fn refresh(&self) {
        for server in &self.registry.servers {
            server.watch.catch_up(|| false);
        }
    }

    /// How it is doing; for health checks and metrics. Asks nobody.
    pub fn health(&self) -> Health {
        let (epoch, acknowledgement) = self.registry.epochs();
        Health {
            in_force: self.registry.is_in_force(),
            epoch,
            acknowledged: acknowledgement.epoch,
            lagging: acknowledgement.lagging,
            trouble: self.registry.servers[0].watch.trouble(),
        }
    }

    /// Ends the lease and takes the instance off the ledger, so that no runner waits for it. From the call on, statements of
    /// its migrations fail.
    ///
    /// # Errors
    /// The row could not be deleted within the lease's duration; the lease has ended here all the same.
    pub fn shutdown(mut self) -> Result<(), Error> {
        self.end(self.registry.duration)
            .map_err(|reason| Error::NotDeregistered {
                instance: self.registry.me.id.clone(),
                reason,
            })
    }

    fn end(&mut self, limit: Duration) -> Result<(), String> {
        if self.threads.is_empty() {
            return Ok(());
        }
        self.registry.end();
        let left = self.registry.servers[0].watch.wait_until_left(limit);
        for thread in self.threads.drain(..) {
            // one that waits for its server ends when that answers
            if thread.is_finished() {
                thread.join().ok();
            }
        }
        left
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // the row that stays behind runs out
        self.end(Duration::from_secs(2).min(self.registry.duration))
            .ok();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("instance", &self.instance())
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

impl Snapshots {
    /// Runs `work` with these phases for every statement that this thread sends meanwhile.
    pub fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        scoped(&self.0, work)
    }

    /// The phase of one of the migrations; none if the lease is not for it.
    pub fn of<M: Migrate>(&self) -> Option<&Snapshot> {
        let cell = M::cell();
        self.0.iter().find(|it| std::ptr::eq(it.cell(), cell))
    }
}
