//! The steps of one migration, in an order that the compiler checks.

mod control;
mod member;
mod status;
mod steps;

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use diesel::associations::HasTable;
use diesel::query_builder::QueryFragment;
use diesel::{ConnectionResult, Table};

use crate::backend::session::Session;
use crate::backend::ConnectionSession;
use crate::backend::{parse_table_name, Converter, RunnerBackend, RunnerConnection};
use crate::definition::TableName;
use crate::error::{Error, While};
use crate::ledger;
use crate::notice::Notice;
use crate::options::Options;
use crate::phase::{Phase, Step};
use crate::plan::Action;
use crate::runner::{Drained, Runner};
use crate::shadow::{Sampled, Sampling};
use crate::state::{PhaseCell, Snapshot};

#[doc(hidden)]
pub use member::Member;
pub use status::Status;
use status::{company, read, snapshot_of};
pub(crate) use status::{snapshot_here, with_looker};

/// A migration, known by the type that carries it: the table of `schema.rs`, for which `#[derive(Migrate)]` and
/// `#[expand_contract::migrate]` implement it.
pub trait Migrate: Sized + 'static {
    /// The table of `schema.rs`.
    type Table: Table + HasTable<Table = Self::Table>;

    /// The process-wide phase.
    #[doc(hidden)]
    fn cell() -> &'static PhaseCell;

    /// The migration's steps.
    fn migration() -> Migration<Self> {
        Migration::new()
    }
}

/// A [`Migrate`] that connections of type `C` can run. Implemented by the derive.
pub trait MigrateOn<C: RunnerConnection>: Migrate<Table: QueryFragment<C::Backend>> {
    /// One for each change that is converted in Rust.
    #[doc(hidden)]
    fn converters() -> Vec<Box<dyn Converter<C>>> {
        Vec::new()
    }
}

/// What a [`Migration`] is known to have reached.
pub mod state {
    macro_rules! states {
        ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
            $($(#[$doc])* #[derive(Debug, Clone, Copy)] pub enum $name {})*
        };
    }
    states! {
        /// Nothing is known, or nothing was done: `expand` comes first.
        Start,
        /// Both columns exist and are written.
        Expanded,
        /// All rows were copied.
        Backfilled,
        /// The copy was proved right.
        Verified,
        /// The new column is read.
        Switched,
        /// The old column is not written any more.
        Retired,
        /// The old column is gone.
        Contracted,
    }
}

/// The steps of a migration: `expand`, `backfill`, `verify`, `switch`, `retire`, `contract`, each returning the next.
///
/// Every step looks at the ledger: it picks up what a killed process left, and does nothing if it was done before.
#[must_use = "a migration does nothing by itself: call `load`, a step, or `run`"]
pub struct Migration<M, S = state::Start> {
    options: Options,
    known: PhantomData<fn() -> (M, S)>,
}

/// A migration in the state that the ledger says.
#[derive(Debug)]
pub enum AnyState<M> {
    /// Nothing was done yet, or the second pass begins.
    Original(Migration<M, state::Start>),
    /// Both columns exist; `backfill` goes on where it stopped.
    Expanded(Migration<M, state::Expanded>),
    /// The new column is read.
    Switched(Migration<M, state::Switched>),
    /// The old column is not written any more.
    Retired(Migration<M, state::Retired>),
    /// It is over.
    Contracted(Migration<M, state::Contracted>),
}

impl<M, S> fmt::Debug for Migration<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migration")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<M: Migrate, S> Migration<M, S> {
    fn in_state(options: Options) -> Self {
        Migration {
            options,
            known: PhantomData,
        }
    }

    /// Sets how the runner goes about its work.
    pub fn options(mut self, options: Options) -> Self {
        let connect = self.options.connect.take();
        self.options = options;
        if self.options.connect.is_none() {
            self.options.connect = connect;
        }
        self
    }

    /// Lets the steps open further connections: for ranges that are copied and compared in parallel, for the lease while a
    /// long statement runs, and to look at its progress. Without it, everything happens on the one connection.
    ///
    /// `connect` is called on other threads, and again after errors; it should lead to the same server under the same role.
    pub fn connect_with<C, F>(mut self, connect: F) -> Self
    where
        C: RunnerConnection + 'static,
        M: MigrateOn<C>,
        F: Fn() -> ConnectionResult<C> + Send + Sync + 'static,
    {
        self.options.connect = Some(Arc::new(move || {
            let conn = connect().map_err(|source| Error::Connection {
                whom: "the runner".to_owned(),
                source,
            })?;
            let session = ConnectionSession::new(Box::new(conn), M::converters());
            Ok(Box::new(session) as Box<dyn Session>)
        }));
        self
    }

    // `work` with a runner on the connection; then the phase as it is becomes the process's
    fn with_runner<C, T>(
        &mut self,
        conn: &mut C,
        work: impl FnOnce(&mut Runner<'_>) -> Result<T, Error>,
    ) -> Result<(T, Status), Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        let name = table_name::<M, C>()?;
        let mut session = ConnectionSession::new(conn, M::converters());
        let mut runner = Runner::new(
            &mut session,
            M::cell().definition(),
            name,
            &mut self.options,
        )?;
        // statements of this process follow each phase at once, not only when the step is over
        let (before, _) = read::<M>(&mut runner)?;
        before.make_process_wide();
        let latest = RefCell::new(before);
        let publish = |stage, old_incomplete| {
            let mut latest = latest.borrow_mut();
            *latest = latest.clone().published(stage, old_incomplete);
            latest.make_process_wide();
        };
        runner.published = &publish;
        let value = work(&mut runner)?;
        let (snapshot, status) = read::<M>(&mut runner)?;
        snapshot.make_process_wide();
        Ok((value, company(&mut runner, status)?))
    }

    // `work` with a runner that only looks
    fn look<C, T>(
        &mut self,
        conn: &mut C,
        work: impl FnOnce(&mut Runner<'_>) -> Result<T, Error>,
    ) -> Result<T, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        with_looker::<M, C, T>(conn, &mut self.options, work)
    }

    /// Reads the phase from the ledger and makes it the process's. Call it once at start-up. Writes nothing.
    pub fn load<C>(&mut self, conn: &mut C) -> Result<Status, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.look(conn, |runner| {
            let position = runner.position()?;
            let (snapshot, status) = read::<M>(runner)?;
            snapshot.make_process_wide();
            position.check_sets(M::cell().definition())?;
            company(runner, status)
        })
    }

    /// Reads the phase as a value, for processes that work with several databases. Writes nothing.
    pub fn snapshot<C>(&mut self, conn: &mut C) -> Result<Snapshot, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.look(conn, |runner| {
            let position = runner.position()?;
            snapshot_of(M::cell(), runner, &position, true)
        })
    }

    /// Creates the ledger, or brings one of an older release up to this one, and changes nothing else.
    ///
    /// The first step does so as well. Call this where applications run under roles that may not create it, before they start
    /// a [`Lease`](crate::Lease); on PostgreSQL the role needs `CREATE` on the database, and owns the ledger.
    ///
    /// # Errors
    /// The connection is inside a transaction, the role may not, or a newer release keeps the ledger.
    pub fn prepare<C>(&mut self, conn: &mut C) -> Result<(), Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        let mut session = ConnectionSession::<_, C>::new(conn, Vec::new());
        let s: &mut dyn Session = &mut session;
        if s.depth()? > 0 {
            return Err(Error::InsideTransaction {
                what: "prepare".to_owned(),
            });
        }
        ledger::ensure(s)
    }

    /// Where the migration stands. Writes nothing, and leaves the process's phase alone.
    pub fn status<C>(&mut self, conn: &mut C) -> Result<Status, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.look(conn, |runner| {
            let (_, status) = read::<M>(runner)?;
            company(runner, status)
        })
    }

    /// The SQL of every step that is left in this pass, with the locks it takes. Writes nothing.
    pub fn plan<C>(&mut self, conn: &mut C) -> Result<Vec<Action>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.look(conn, |runner| runner.plan())
    }

    /// Asks what `expand` would ask, or, later, what the next steps would: what they refuse is an error. Returns what the
    /// library cannot promise, but can see: functions that take the table's whole row, publications, replicas … It stops
    /// nothing. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Obstacles`] for what has to be ported first, [`Error::Privilege`], [`Error::Conversion`] and the other
    /// refusals of `expand`.
    pub fn preflight<C>(&mut self, conn: &mut C) -> Result<Vec<Notice>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.look(conn, |runner| runner.notices())
    }

    /// From now on some of this process's reads through the repository look at both columns and compare them, in the
    /// phases in which both are written; see [`crate::shadow`]. Call it once at start-up.
    pub fn shadow_reads(self, sampling: Sampling) -> Self {
        M::cell().shadow().set(sampling);
        self
    }

    /// Compares the rows of `query`, if this read is one of those that [`shadow_reads`](Self::shadow_reads) samples.
    ///
    /// For queries of your own, next to the line that loads them. `query` selects nothing yet, and has the table in a place
    /// where its key can be selected; it is called only for a sample. Never fails: see
    /// [`Counts::failures`](crate::shadow::Counts::failures).
    pub fn shadow_read<'q, C, Q>(&self, conn: &mut C, query: impl FnOnce() -> Q)
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
        Q: Sampled<'q, M, C>,
    {
        crate::shadow::sample::<M, C, Q>(conn, query);
    }

    /// The migration in the state that the ledger says.
    pub fn resume<C>(mut self, conn: &mut C) -> Result<AnyState<M>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        let status = self.load(conn)?;
        let options = self.options;
        Ok(match status.stage.phase {
            Phase::Original => AnyState::Original(Migration::in_state(options)),
            Phase::Expanded => AnyState::Expanded(Migration::in_state(options)),
            Phase::Switched => AnyState::Switched(Migration::in_state(options)),
            Phase::Retired => AnyState::Retired(Migration::in_state(options)),
            Phase::Contracted => AnyState::Contracted(Migration::in_state(options)),
        })
    }

    /// Runs all steps through the given one, from wherever the migration stands. [`Step::Rollback`] goes back by one
    /// phase.
    ///
    /// A table without rows goes through [`Step::Contract`] as by [`Self::run_on_empty`], unless an instance is registered
    /// that has to be waited for.
    pub fn advance_to<C>(&mut self, conn: &mut C, step: Step) -> Result<Status, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        if step == Step::Rollback {
            return self.rollback(conn);
        }
        let (_, status) = self.with_runner(conn, |runner| {
            if step == Step::Contract && runner.is_new()? {
                return runner.run_on_empty().map(drop);
            }
            let pass = runner.checked_position()?.stage.pass;
            for next in Step::ALL.into_iter().take_while(|next| *next <= step) {
                runner.step_if(next, |position| {
                    // on the way to a later step once is enough
                    let done = next < step
                        && match next {
                            Step::Backfill => position.backfilled(),
                            Step::Verify => position.verified(),
                            _ => false,
                        };
                    // the first pass's contract ends in the second pass, which nobody asked for yet
                    position.stage.pass == pass && !done
                })?;
            }
            Ok(())
        })?;
        Ok(status)
    }

    /// Runs everything that is left, both passes of a retype that keeps its name.
    pub fn run<C>(&mut self, conn: &mut C) -> Result<Status, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        let mut status = self.advance_to(conn, Step::Contract)?;
        if status.stage.phase != Phase::Contracted {
            status = self.advance_to(conn, Step::Contract)?;
        }
        Ok(status)
    }

    /// Takes a table without rows from `Original` to `Contracted` in one transaction; refused if it has rows.
    ///
    /// For new installations and tests. Instances of the previous release must not be running.
    pub fn run_on_empty<C>(&mut self, conn: &mut C) -> Result<Status, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        let (_, status) = self.with_runner(conn, |runner| runner.run_on_empty())?;
        Ok(status)
    }

    /// Converts the rows that writers of one column have left in the queue, for changes that only Rust can convert.
    ///
    /// `backfill` drains the queue as it goes, and `switch` before it asks whether it is empty. In between, a row that a
    /// release from before the migration has written waits: call this now and then, or all the time (a daemon, a timer),
    /// for as long as there are such writers. Each call walks along the queue once, in batches of at most
    /// [`Options::batch_size`] and 1,000 rows, a transaction and row locks each; rows are written by compare-and-swap on both
    /// columns. It holds the runner's lease meanwhile.
    ///
    /// # Errors
    /// [`Error::OtherPhase`] in a phase in which there is no queue (all but `Expanded` and `Switched`),
    /// [`Error::RunnerActive`] while another runner works on the table. A row that does not convert is no error: it is
    /// reported, and waits.
    pub fn drain<C>(&mut self, conn: &mut C) -> Result<Drained, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        let (drained, _) = self.with_runner(conn, |runner| runner.drain_now())?;
        Ok(drained)
    }

    /// Goes back by one phase; the schema is then as it was before.
    pub fn rollback<C>(&mut self, conn: &mut C) -> Result<Status, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        let (_, status) = self.with_runner(conn, |runner| runner.rollback())?;
        Ok(status)
    }
}

pub(crate) fn table_name<M, C>() -> Result<TableName, Error>
where
    C: RunnerConnection,
    M: MigrateOn<C>,
{
    let table = <M::Table as HasTable>::table();
    let sql = <C::Backend as RunnerBackend>::render(&table).during("reading the table's name")?;
    parse_table_name(&sql)
}
