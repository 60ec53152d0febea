//! Transactions in which the phase cannot change: for scripts, functions as a service, and users who want no lease.

use diesel::connection::TransactionManager;

use crate::backend::driver::driver;
use crate::backend::session::Session;
use crate::backend::ConnectionSession;
use crate::backend::{RunnerBackend, RunnerConnection};
use crate::error::{Error, While};
use crate::ledger;
use crate::migration::{snapshot_here, with_looker, Member, MigrateOn};
use crate::options::Options;
use crate::phase::Stage;
use crate::state::{PhaseCell, Snapshot};

/// One migration, or a tuple of them.
pub trait Pinned<C: RunnerConnection> {
    /// The phases as the connection's transaction sees them.
    #[doc(hidden)]
    fn snapshots(conn: &mut C) -> Result<Vec<Snapshot>, Error>;
    /// The migrations.
    #[doc(hidden)]
    fn members() -> Result<Vec<Member>, Error>;

    /// The process's phases.
    #[doc(hidden)]
    fn cells() -> Vec<&'static PhaseCell>;

    /// Where the migrations stand: as little of [`Self::snapshots`] as tells whether they have moved.
    #[doc(hidden)]
    fn stages(conn: &mut C) -> Result<Vec<(Stage, bool)>, Error>;
}

fn stage_here<M: MigrateOn<C>, C: RunnerConnection>(conn: &mut C) -> Result<(Stage, bool), Error> {
    with_looker::<M, C, _>(conn, &mut Options::default(), |runner| {
        let position = runner.position()?;
        Ok((position.stage, position.old_incomplete()))
    })
}

impl<C: RunnerConnection, M: MigrateOn<C>> Pinned<C> for M {
    fn snapshots(conn: &mut C) -> Result<Vec<Snapshot>, Error> {
        Ok(vec![snapshot_here::<M, C>(conn)?])
    }

    fn members() -> Result<Vec<Member>, Error> {
        Ok(vec![Member::of::<M, C>()?])
    }

    fn cells() -> Vec<&'static PhaseCell> {
        vec![M::cell()]
    }

    fn stages(conn: &mut C) -> Result<Vec<(Stage, bool)>, Error> {
        Ok(vec![stage_here::<M, C>(conn)?])
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<C: RunnerConnection, $($name: MigrateOn<C>),*> Pinned<C> for ($($name,)*) {
            fn snapshots(conn: &mut C) -> Result<Vec<Snapshot>, Error> {
                Ok(vec![$(snapshot_here::<$name, C>(conn)?),*])
            }

            fn members() -> Result<Vec<Member>, Error> {
                Ok(vec![$(Member::of::<$name, C>()?),*])
            }

            fn cells() -> Vec<&'static PhaseCell> {
                vec![$($name::cell()),*]
            }

            fn stages(conn: &mut C) -> Result<Vec<(Stage, bool)>, Error> {
                Ok(vec![$(stage_here::<$name, C>(conn)?),*])
            }
        }
    };
}

tuples!(A B);
tuples!(A B D);
tuples!(A B D E);
tuples!(A B D E F);
tuples!(A B D E F G);

/// Runs `work` in a transaction in which the phases of `M` are those in force and cannot change until it commits.
///
/// `M` is one migration or a tuple. On PostgreSQL the transaction shares a lock (`ACCESS SHARE` on the gate, the ledger's
/// table for that purpose) with all others of its kind and keeps only a runner that wants to publish waiting; it writes
/// nothing, so it works where `default_transaction_read_only` is on and on a hot standby, whose own ledger it reads. On
/// SQLite it has the write lock from the start, as `BEGIN IMMEDIATE`.
/// It must be the outermost transaction: inside another one the phase may have been read before. For a transaction with
/// options of its own there is [`within`].
///
/// # Errors
/// Those of `work`, those of reading the phase, and [`Error::InsideTransaction`].
pub fn transaction<M, C, T, E>(
    conn: &mut C,
    work: impl FnOnce(&mut C) -> Result<T, E>,
) -> Result<T, E>
where
    C: RunnerConnection,
    M: Pinned<C>,
    E: From<Error> + From<diesel::result::Error>,
{
    let depth = C::TransactionManager::transaction_manager_status_mut(conn).transaction_depth()?;
    if depth.is_some() {
        return Err(E::from(Error::InsideTransaction {
            what: "pinned::transaction".to_owned(),
        }));
    }
    run::<M, C, T, E>(conn, work)
}

/// As [`transaction`], inside of a transaction that the caller has begun: `build_transaction().read_only()` and the like.
///
/// From here to the end of the caller's transaction the phase cannot change. On PostgreSQL its isolation must be
/// `READ COMMITTED`: the other levels may have kept a snapshot from before the gate was taken, and with it an earlier phase.
/// `work` is in a savepoint. Outside of any transaction this is [`transaction`].
///
/// # Errors
/// Those of `work`, those of reading the phase, and [`Error::Unsupported`] for another isolation level.
pub fn within<M, C, T, E>(conn: &mut C, work: impl FnOnce(&mut C) -> Result<T, E>) -> Result<T, E>
where
    C: RunnerConnection,
    M: Pinned<C>,
    E: From<Error> + From<diesel::result::Error>,
{
    let depth = C::TransactionManager::transaction_manager_status_mut(conn).transaction_depth()?;
    if depth.is_some() {
        let driver = driver(<C::Backend as RunnerBackend>::DIALECT)?;
        let mut session = ConnectionSession::<_, C>::new(&mut *conn, Vec::new());
        if !driver.pins_inside(&mut session)? {
            return Err(E::from(Error::Unsupported {
                what: "pinning the phase inside of a transaction that keeps its snapshot"
                    .to_owned(),
                instead:
                    "use READ COMMITTED, or begin with `pinned::transaction` on a connection with \
                          `default_transaction_isolation` set"
                        .to_owned(),
            }));
        }
    }
    run::<M, C, T, E>(conn, work)
}

fn run<M, C, T, E>(conn: &mut C, work: impl FnOnce(&mut C) -> Result<T, E>) -> Result<T, E>
where
    C: RunnerConnection,
    M: Pinned<C>,
    E: From<Error> + From<diesel::result::Error>,
{
    conn.transaction(|conn| {
        pin(conn)?;
        let snapshots = M::snapshots(conn)?;
        scoped(&snapshots, || work(conn))
    })
}

fn pin<C: RunnerConnection>(conn: &mut C) -> Result<(), Error> {
    let driver = driver(<C::Backend as RunnerBackend>::DIALECT)?;
    let mut session = ConnectionSession::new(conn, Vec::new());
    let s: &mut dyn Session = &mut session;
    // PostgreSQL: the lock comes before anything that could take a snapshot, so that REPEATABLE READ sees the phase
    // that is in force; only without a ledger the first attempt fails, inside a savepoint
    s.begin().during("beginning")?;
    match driver.pin(s, true) {
        Ok(()) => s.commit().map_err(Error::from),
        Err(error) => {
            s.rollback()?;
            match ledger::meta(s)? {
                None => Ok(()),
                Some(_) => Err(error),
            }
        }
    }
}

/// `work` with all of the phases in force on this thread.
pub(crate) fn scoped<T>(snapshots: &[Snapshot], work: impl FnOnce() -> T) -> T {
    match snapshots.split_first() {
        None => work(),
        Some((first, rest)) => first.scope(|| scoped(rest, work)),
    }
}
