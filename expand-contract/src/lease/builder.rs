//! How a lease is started.

use std::fmt;
use std::marker::PhantomData;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use diesel::ConnectionResult;

use super::registry::Registry;
use super::watcher::Watcher;
use super::wire::{Line, Wire};
use super::{Lease, MAIN};
use crate::backend::RunnerConnection;
use crate::error::Error;
use crate::ledger::Instance;
use crate::migration::Member;
use crate::pinned::Pinned;

/// A lease before it is started; see [`Lease::of`].
#[must_use = "a lease begins with `start`"]
pub struct Builder<M> {
    application: String,
    version: String,
    duration: Duration,
    patience: Option<Duration>,
    process_wide: bool,
    pools: Vec<Pool>,
    of: PhantomData<fn() -> M>,
}

struct Pool {
    name: String,
    members: Result<Vec<Member>, Error>,
    wire: Box<dyn Wire>,
}

impl<M> Builder<M> {
    pub(super) fn new() -> Self {
        let program = std::env::current_exe().ok();
        let program = program
            .as_deref()
            .and_then(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned());
        Builder {
            application: program.unwrap_or_else(|| "unknown".to_owned()),
            version: "unknown".to_owned(),
            duration: Duration::from_secs(15),
            patience: None,
            process_wide: true,
            pools: Vec::new(),
            of: PhantomData,
        }
    }

    /// The application's name and version, for operators to read in the ledger (the program's file name, `unknown`).
    pub fn application(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.application = name.into();
        self.version = version.into();
        self
    }

    /// How long the lease lasts after a renewal (15 s; 100 ms at least). It is renewed every third of that.
    ///
    /// For so long statements go on while the ledger cannot be reached, and for so long a runner waits for a process that
    /// was killed.
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = duration.max(Duration::from_millis(100));
        self
    }

    /// How long a statement past the deadline waits for the renewal that it asks for (a third of the duration, 1 s at most).
    ///
    /// It waits on its own thread and sends nothing itself. Zero: it fails at once, which suits asynchronous executors, whose
    /// threads should not wait.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Leaves the process-wide phases alone: for the second and further databases of a process. Their statements take the
    /// phase from [`Lease::on`]`("main")`.
    pub fn scoped(mut self) -> Self {
        self.process_wide = false;
        self
    }

    /// Another server with the same tables: a read replica. `connect` is called on a thread of its own, and again after
    /// errors.
    ///
    /// A replica has its own truth, and it lags. So its phase is read from its own copy of the ledger, statements there take
    /// it from [`Lease::on`], and this instance acknowledges a phase when every pool has it. A replica that cannot be reached
    /// holds that up until the lease on its phase has run out; when it comes back it may be used once it has caught up.
    pub fn pool<C, F>(mut self, name: impl Into<String>, connect: F) -> Self
    where
        C: RunnerConnection + 'static,
        M: Pinned<C>,
        F: FnMut() -> ConnectionResult<C> + Send + 'static,
    {
        self.pools.push(Pool {
            name: name.into(),
            members: M::members(),
            wire: Box::new(Line::new(connect)),
        });
        self
    }

    /// Registers this process and reads the phases. Returns when ordinary statements can be built.
    ///
    /// `connect` opens the watcher's connection, and again after errors; a timeout in it
    /// (`connect_timeout`, `tcp_user_timeout`) is a good idea. It should lead to the server itself: one query on it is a
    /// prepared statement outside of a transaction, which a PgBouncer in transaction mode may tear apart. Creates the ledger if it is missing and the role may. A pool
    /// that cannot be reached does not keep the lease from starting.
    ///
    /// # Errors
    /// The database cannot be reached, the ledger is missing and may not be created
    /// ([`Error::LedgerNotPrepared`]), it is not for this binary ([`Error::LedgerVersion`], [`Error::Incompatible`],
    /// [`Error::NewerGeneration`], [`Error::LedgerName`]), the tables are not there, or another lease keeps the process-wide
    /// phase ([`Error::LeaseTaken`]).
    pub fn start<C, F>(self, connect: F) -> Result<Lease, Error>
    where
        C: RunnerConnection + 'static,
        M: Pinned<C>,
        F: FnMut() -> ConnectionResult<C> + Send + 'static,
    {
        let main = Pool {
            name: MAIN.to_owned(),
            members: M::members(),
            wire: Box::new(Line::new(connect)),
        };
        let patience = self
            .patience
            .unwrap_or_else(|| (self.duration / 3).min(Duration::from_secs(1)));
        let pools: Vec<Pool> = std::iter::once(main).chain(self.pools).collect();
        let (mut names, mut wires) = (Vec::new(), Vec::new());
        for pool in pools {
            if names.contains(&pool.name) {
                return Err(Error::Unsupported {
                    what: format!("a second pool of the name `{}`", pool.name),
                    instead: "give every pool of a lease a name of its own, other than `main`"
                        .to_owned(),
                });
            }
            names.push(pool.name);
            wires.push((pool.members?, pool.wire));
        }
        let members = wires[0].0.clone();
        let serves = |member: &Member| {
            let def = member.cell.definition();
            format!("{}\t{}", def.id, def.generation)
        };
        let serves: Vec<String> = members.iter().map(serves).collect();
        let me = Instance {
            id: identity(),
            application: self.application,
            version: self.version,
            host: crate::host::host().unwrap_or_else(|| "unknown".to_owned()),
            migrations: serves.join("\n"),
            lease_ms: u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
        };
        let times = (self.duration, patience);
        let registry = Registry::new(me, times, names, members, self.process_wide);
        let mut lease = Lease {
            registry: registry.clone(),
            threads: Vec::new(),
        };
        if let Err(error) = registry.claim() {
            registry.end();
            return Err(error);
        }
        let (first, began) = mpsc::sync_channel(1);
        for (server, (members, wire)) in wires.into_iter().enumerate() {
            let watcher = Watcher::new(&registry, server, wire, members);
            let name = format!("lease {}", registry.servers[server].name);
            let first = first.clone();
            let spawned = thread::Builder::new().name(name).spawn(move || {
                if server == 0 {
                    watcher.register(&first);
                } else {
                    watcher.read();
                }
            });
            let thread = spawned.map_err(|error| {
                registry.end();
                Error::Unsupported {
                    what: format!("a lease without a thread of its own ({error})"),
                    instead: "allow the process another thread".to_owned(),
                }
            })?;
            lease.threads.push(thread);
            if server == 0 {
                // pools are measured by what the registration has seen
                let result = began.recv().unwrap_or_else(|_| {
                    Err(Error::Unexpected {
                        what: "the lease's thread: it ended".to_owned(),
                    })
                });
                result?;
            }
        }
        for pool in registry.servers.iter().skip(1) {
            pool.watch.next_round(patience, || false);
        }
        Ok(lease)
    }
}

impl<M> fmt::Debug for Builder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pools: Vec<&str> = self.pools.iter().map(|pool| pool.name.as_str()).collect();
        f.debug_struct("Builder")
            .field("application", &self.application)
            .field("version", &self.version)
            .field("duration", &self.duration)
            .field("pools", &pools)
            .finish_non_exhaustive()
    }
}

/// A name that no other process has: 128 bits from the operating system's source of random numbers.
fn identity() -> String {
    use std::collections::hash_map::RandomState;
    use std::hash::{BuildHasher, Hasher};
    let random = || RandomState::new().build_hasher().finish();
    // keys of one thread are one apart: what is hashed with them is not
    let mixed = RandomState::new().hash_one((std::process::id(), super::clock::now()));
    format!("{:016x}{:016x}", random(), mixed)
}
