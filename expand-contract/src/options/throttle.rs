//! What may hold up the next batch: how far replicas are behind, a callback, the time of day.

use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, Instant};

use diesel::ConnectionResult;

use super::{Hours, Options};
use crate::backend::session::Session;
use crate::backend::ConnectionSession;
use crate::backend::RunnerConnection;
use crate::error::Error;

/// What a throttle says of the next batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may begin.
    Go,
    /// It has to wait, for this reason: people read it in [`Progress`](crate::Progress) and in the ledger.
    Wait(String),
}

/// How far a replica may be behind.
///
/// Behind is what it has not replayed yet, in bytes of the write-ahead log, or for how long: the time since the runner, by
/// its own clock, first saw the primary at a position that the replica has not reached. (PostgreSQL's own `replay_lag` stays
/// near zero under `recovery_min_apply_delay`, and a commit's time stamp needs two servers' clocks to agree.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationLag {
    pub(crate) bytes: Option<u64>,
    pub(crate) time: Option<Duration>,
    pub(crate) names: Vec<String>,
}

impl ReplicationLag {
    /// So many bytes at most.
    pub fn bytes(most: u64) -> Self {
        ReplicationLag {
            bytes: Some(most),
            time: None,
            names: Vec::new(),
        }
    }

    /// So long at most. Choose more than [`Options::throttle_every`]: that is how often it is measured.
    pub fn time(most: Duration) -> Self {
        ReplicationLag {
            bytes: None,
            time: Some(most),
            names: Vec::new(),
        }
    }

    /// Neither more bytes than those.
    #[must_use]
    pub fn and_bytes(mut self, most: u64) -> Self {
        self.bytes = Some(most);
        self
    }

    /// Nor longer than that.
    #[must_use]
    pub fn and_time(mut self, most: Duration) -> Self {
        self.time = Some(most);
        self
    }

    /// Of the standbys only those whose `application_name` is this one; may be given several times, and then each of them
    /// has to be connected. Without, all that are connected count, and at least one has to be.
    #[must_use]
    pub fn of(mut self, application_name: impl Into<String>) -> Self {
        self.names.push(application_name.into());
        self
    }
}

type Said = Result<Verdict, Box<dyn StdError + Send + Sync>>;

/// Where an answer comes from.
pub(crate) enum Source {
    Callback(Box<dyn FnMut() -> Said>),
    /// The primary's view of its standbys.
    Standbys(ReplicationLag),
    /// A replica itself.
    Replica(Probe, ReplicationLag),
    Hours(Hours),
}

/// A connection to a replica, opened again after an error.
pub(crate) struct Probe {
    pub(crate) name: String,
    pub(crate) open: Box<dyn FnMut() -> Result<Box<dyn Session>, Error>>,
    pub(crate) session: Option<Box<dyn Session>>,
}

/// A throttle, with what it said last.
pub(crate) struct Throttle {
    pub(crate) source: Source,
    /// Positions of the primary that not all replicas have reached, and when they were seen.
    pub(crate) seen: Vec<(Instant, u64)>,
    pub(crate) verdict: Verdict,
    /// When to ask again; none: it was not asked yet.
    pub(crate) next: Option<Instant>,
}

impl Throttle {
    fn new(source: Source) -> Self {
        Throttle {
            source,
            seen: Vec::new(),
            verdict: Verdict::Go,
            next: None,
        }
    }

    /// Refuses what cannot be meant.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.source {
            Source::Hours(hours) => hours.check(),
            Source::Callback(_) | Source::Standbys(_) | Source::Replica(..) => Ok(()),
        }
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Callback(_) => f.write_str("callback"),
            Source::Standbys(lag) => f.debug_tuple("standbys").field(lag).finish(),
            Source::Replica(probe, lag) => f
                .debug_tuple("replica")
                .field(&probe.name)
                .field(lag)
                .finish(),
            Source::Hours(hours) => f.debug_tuple("hours").field(hours).finish(),
        }
    }
}

impl Options {
    /// Before a batch of a copy or comparison, at most every [`throttle_every`](Self::throttle_every), `callback` says whether
    /// it may begin. Of several throttles each may hold it up; people are told of the first one that does.
    ///
    /// An error of the callback counts as a reason to wait, and so does a panic: what cannot be measured must not be loaded
    /// any further. The lease is kept while batches wait, but not while the callback runs: it has to return well within
    /// [`Options::lease`].
    #[must_use]
    pub fn throttle<F, E>(mut self, mut callback: F) -> Self
    where
        F: FnMut() -> Result<Verdict, E> + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let callback = Box::new(move || callback().map_err(Into::into));
        self.add(Source::Callback(callback));
        self
    }

    /// Batches wait while a standby of the server is further behind than `lag`, as the server itself sees it
    /// (`pg_stat_replication`; PostgreSQL only).
    ///
    /// The role needs `pg_monitor` (or `pg_read_all_stats`). Where a position cannot be read, no standby is connected or one
    /// that is [named](ReplicationLag::of) is not, batches wait as well. A standby tells what it has replayed at least every
    /// `wal_receiver_status_interval` (10 s), so it may count as lagging for that much longer.
    #[must_use]
    pub fn replication_lag(mut self, lag: ReplicationLag) -> Self {
        self.add(Source::Standbys(lag));
        self
    }

    /// Batches wait while the replica that `connect` leads to is further behind than `lag`, as it says itself (PostgreSQL
    /// only). `name` is for people.
    ///
    /// Needs no privilege, and also sees a replica that is fed from an archive or by another replica. While it is out of
    /// reach, is no standby, or one of another server, batches wait as well. `connect` is called again after errors; let it
    /// give up within seconds (`connect_timeout`).
    #[must_use]
    pub fn replica<C, F>(
        mut self,
        name: impl Into<String>,
        lag: ReplicationLag,
        mut connect: F,
    ) -> Self
    where
        C: RunnerConnection + 'static,
        F: FnMut() -> ConnectionResult<C> + 'static,
    {
        let name = name.into();
        let whom = format!("replica `{name}`");
        let open = move || {
            let conn = connect().map_err(|source| Error::Connection {
                whom: whom.clone(),
                source,
            })?;
            let session = ConnectionSession::<_, C>::new(Box::new(conn), Vec::new());
            Ok(Box::new(session) as Box<dyn Session>)
        };
        let probe = Probe {
            name,
            open: Box::new(open),
            session: None,
        };
        self.add(Source::Replica(probe, lag));
        self
    }

    /// Batches of a copy or comparison begin only in these hours, by the database's clock. Given several times, in all of
    /// them at once.
    #[must_use]
    pub fn between(mut self, hours: Hours) -> Self {
        self.add(Source::Hours(hours));
        self
    }

    fn add(&mut self, source: Source) {
        self.control.throttles.push(Throttle::new(source));
    }
}
