//! What a step waits for, for people: who it is, and what they hold.

use std::fmt;
use std::time::Duration;

use crate::gate::Gate;
use crate::phase::Step;

/// A process that serves a migration, by its row in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instance {
    /// The application.
    pub application: String,
    /// Its version.
    pub version: String,
    /// The host it runs on.
    pub host: String,
    /// Its process id there.
    pub pid: i64,
    /// The ledger's epoch for which every statement it builds from now on is right, over all its pools.
    pub acknowledged: i64,
    /// Whether that is the epoch at which the migration's phase was published, or a later one.
    pub up_to_date: bool,
    /// The pool that holds it back: its server has not seen the phase yet.
    pub lagging: Option<String>,
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Instance {
            application,
            version,
            host,
            pid,
            acknowledged,
            ..
        } = self;
        write!(
            f,
            "{application} {version} on {host}, pid {pid} (acknowledged epoch {acknowledged}"
        )?;
        if let Some(pool) = &self.lagging {
            write!(f, ", held back by its pool `{pool}`")?;
        }
        f.write_str(")")
    }
}

/// A transaction that a step waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transaction {
    /// The server process it belongs to; none for a prepared transaction, and on SQLite.
    pub pid: Option<i64>,
    /// Its name: of a prepared transaction the one it was prepared under, else the virtual transaction id.
    pub name: String,
    /// What its connection calls itself.
    pub application: Option<String>,
    /// Whose it is.
    pub role: Option<String>,
    /// `active`, `idle in transaction` …, as far as the runner's role may see it (`pg_read_all_stats`).
    pub state: Option<String>,
    /// How long it has been open, by the server's clock alone.
    pub age: Option<Duration>,
    /// The beginning of its last statement, as far as the runner's role may see it.
    pub query: Option<String>,
}

impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "pid {pid}")?,
            None => f.write_str(&self.name)?,
        }
        let parts = [&self.application, &self.role, &self.state];
        let known: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        if !known.is_empty() {
            write!(f, " ({})", known.join(", "))?;
        }
        if let Some(age) = self.age {
            write!(f, ", open for {} s", age.as_secs())?;
        }
        match &self.query {
            Some(query) => write!(f, ": {query}"),
            None => Ok(()),
        }
    }
}

/// Who keeps a step from a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blocker {
    /// The transaction; of autovacuum, whose application is `autovacuum`, there is nothing else to be seen.
    pub transaction: Transaction,
    /// For how long its statement has been running; none between two statements.
    pub query_age: Option<Duration>,
    /// The mode it has or wants, in the words of `pg_locks`.
    pub lock: String,
    /// The relation.
    pub on: String,
    /// Whether it has the lock, or waits for it too.
    pub granted: bool,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = if self.granted { "" } else { ", not granted," };
        write!(
            f,
            "{} on {}{has} of {}",
            self.lock, self.on, self.transaction
        )?;
        match self.query_age {
            Some(age) => write!(f, " (for {} s)", age.as_secs()),
            None => Ok(()),
        }
    }
}

/// Whom a step waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Whom {
    /// A process that has not acknowledged the phase yet.
    Instance(Instance),
    /// A transaction from before the phase.
    Transaction(Transaction),
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Instance(instance) => instance.fmt(f),
            Whom::Transaction(transaction) => transaction.fmt(f),
        }
    }
}

/// What [`Options::on_wait`](crate::Options::on_wait) is told, a few times a second, as long as a step waits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The step.
    pub step: Step,
    /// The gate that is closed.
    pub gate: Gate,
    /// How long it has waited.
    pub waited: Duration,
    /// How long it waits at most before it gives up.
    pub limit: Duration,
    /// Whom it waits for.
    pub whom: Vec<Whom>,
}

/// A gate that an operator passed while it was closed, by the ledger's record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Override {
    /// The step that went on.
    pub step: String,
    /// The gate.
    pub gate: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// What stood in the way.
    pub found: String,
    /// Who ran the step.
    pub runner: String,
    /// When, as the database prints it.
    pub at: String,
}
