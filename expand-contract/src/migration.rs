//! The steps of one migration, in an order that the compiler checks.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use diesel::associations::HasTable;
use diesel::query_builder::QueryFragment;
use diesel::Table;

use crate::backend::session::ConnectionSession;
use crate::backend::{parse_table_name, Converter, RunnerBackend, RunnerConnection};
use crate::definition::{Dialect, TableName};
use crate::error::{Error, While};
use crate::options::Options;
use crate::phase::{Pass, Phase, Stage, Step};
use crate::plan::Action;
use crate::runner::{Position, Runner};
use crate::shadow::{Sampled, Sampling, ShadowReads};
use crate::state::{PhaseCell, Snapshot};

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

/// Where a migration stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// The migration's id.
    pub migration: &'static str,
    /// The table.
    pub table: String,
    /// Pass and phase.
    pub stage: Stage,
    /// The old column misses what was written since `retire`; `rollback` goes on with copying it back.
    pub old_incomplete: bool,
    /// The new column is left over from a rollback that was interrupted; `rollback` or `expand` drops it.
    pub leftover: bool,
    /// Whether the ledger says so; otherwise it was read off the columns.
    pub in_ledger: bool,
    /// How often the phase has changed.
    pub epoch: i64,
    /// Whether the copy was completed.
    pub backfilled: bool,
    /// Whether the last comparison found no difference.
    pub verified: bool,
    /// How many rows the last comparison found to differ.
    pub mismatches: Option<u64>,
    /// Who moved it last.
    pub runner: Option<String>,
    /// When the ledger's row changed last, as the database prints it.
    pub updated_at: Option<String>,
    /// What reads that looked at both columns have found since `expand`, as far as it was reported.
    pub shadow_reads: ShadowReads,
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
        self.options = options;
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
        Ok((value, status))
    }

    fn advance<C, T>(mut self, conn: &mut C, step: Step) -> Result<Migration<M, T>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.with_runner(conn, |runner| runner.step(step))?;
        Ok(Migration::in_state(self.options))
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
        let name = table_name::<M, C>()?;
        let mut session = ConnectionSession::new(conn, Vec::new());
        let def = M::cell().definition();
        work(&mut Runner::new(
            &mut session,
            def,
            name,
            &mut self.options,
        )?)
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
            Ok(status)
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

    /// Where the migration stands. Writes nothing, and leaves the process's phase alone.
    pub fn status<C>(&mut self, conn: &mut C) -> Result<Status, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.look(conn, |runner| Ok(read::<M>(runner)?.1))
    }

    /// The SQL of every step that is left in this pass, with the locks it takes. Writes nothing.
    pub fn plan<C>(&mut self, conn: &mut C) -> Result<Vec<Action>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.look(conn, |runner| runner.plan())
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
    pub fn advance_to<C>(&mut self, conn: &mut C, step: Step) -> Result<Status, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        if step == Step::Rollback {
            return self.rollback(conn);
        }
        let (_, status) = self.with_runner(conn, |runner| {
            if step == Step::Contract && runner.is_untouched_and_empty()? {
                return runner.run_on_empty().map(drop);
            }
            let pass = runner.checked_position()?.stage.pass;
            for next in Step::ALL.into_iter().take_while(|next| *next <= step) {
                // the first pass's contract ends in the second pass, which nobody asked for yet
                let position = runner.checked_position()?;
                let done = next < step
                    && match next {
                        Step::Backfill => position.backfilled(),
                        Step::Verify => position.verified(),
                        _ => false,
                    };
                if position.stage.pass == pass && !done {
                    runner.step(next)?;
                }
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

impl<M: Migrate> Migration<M> {
    fn new() -> Self {
        Migration::in_state(Options::default())
    }

    /// Adds the new column; from here on all code writes both.
    pub fn expand<C>(self, conn: &mut C) -> Result<Migration<M, state::Expanded>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Expand)
    }
}

impl<M: Migrate> Migration<M, state::Expanded> {
    /// Copies the rows that existed before.
    pub fn backfill<C>(self, conn: &mut C) -> Result<Migration<M, state::Backfilled>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Backfill)
    }
}

impl<M: Migrate> Migration<M, state::Backfilled> {
    /// Proves that the copy is right.
    pub fn verify<C>(self, conn: &mut C) -> Result<Migration<M, state::Verified>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Verify)
    }
}

impl<M: Migrate> Migration<M, state::Verified> {
    /// Proves it again; from here on all code reads the new column.
    pub fn switch<C>(self, conn: &mut C) -> Result<Migration<M, state::Switched>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Switch)
    }
}

impl<M: Migrate> Migration<M, state::Switched> {
    /// Gives the new column all that the old one has; from here on no code writes the old one.
    pub fn retire<C>(self, conn: &mut C) -> Result<Migration<M, state::Retired>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Retire)
    }
}

impl<M: Migrate> Migration<M, state::Retired> {
    /// Drops the old column. There is no way back from here.
    pub fn contract<C>(self, conn: &mut C) -> Result<Migration<M, state::Contracted>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        self.advance(conn, Step::Contract)
    }
}

impl<M: Migrate> Migration<M, state::Contracted> {
    /// The second pass of a retype that keeps its name, if there is one and it is not done.
    pub fn next_pass<C>(mut self, conn: &mut C) -> Result<Option<Migration<M>>, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        let stage = self.status(conn)?.stage;
        let over = stage.phase == Phase::Contracted || stage.pass == Pass::First;
        Ok((!over).then(|| Migration::in_state(self.options)))
    }
}

fn table_name<M, C>() -> Result<TableName, Error>
where
    C: RunnerConnection,
    M: MigrateOn<C>,
{
    let table = <M::Table as HasTable>::table();
    let sql = <C::Backend as RunnerBackend>::render(&table).during("reading the table's name")?;
    parse_table_name(&sql)
}

fn read<M: Migrate>(runner: &mut Runner<'_>) -> Result<(Snapshot, Status), Error> {
    let def = M::cell().definition();
    let position = runner.position()?;
    let snapshot = snapshot_of(M::cell(), runner, &position, true)?;
    let mut status = status(def.id, runner.name.to_string(), &position);
    if position.row.is_some() {
        status.shadow_reads = runner.ledger.shadow_reads(runner.s)?;
    }
    Ok((snapshot, status))
}

/// What statements need to know at the position. `shadow`: whether shadow reads are worth a look at the catalogue where
/// nothing else is.
fn snapshot_of(
    cell: &'static PhaseCell,
    runner: &mut Runner<'_>,
    position: &Position,
    shadow: bool,
) -> Result<Snapshot, Error> {
    let dialect = runner.s.dialect();
    let mut old_types = vec![None; cell.definition().changes.len()];
    let mut sql = None;
    let casts = dialect == Dialect::Postgres;
    if (casts || shadow) && position.stage.phase != Phase::Contracted {
        match runner.facts() {
            Ok(facts) => {
                sql = runner.shadow_sql(&facts)?;
                for change in facts.changes.into_iter().filter(|_| casts) {
                    if let Some(place) = old_types.get_mut(change.index) {
                        *place = Some(change.frozen.old_type);
                    }
                }
            }
            Err(error) if casts => return Err(error),
            // statements do without; the runner says what is wrong with the table
            Err(_) => {}
        }
    }
    let epoch = position.row.as_ref().map_or(0, |row| row.epoch);
    Ok(Snapshot::new(cell, position.stage, dialect, old_types)
        .with_epoch(epoch)
        .with_old_incomplete(position.old_incomplete())
        .with_shadow(sql))
}

fn status(migration: &'static str, table: String, position: &Position) -> Status {
    let stage = position.stage;
    let row = position.row.as_ref();
    Status {
        migration,
        table: row.map_or(table, |row| row.table.clone()),
        stage,
        old_incomplete: position.old_incomplete(),
        leftover: position.cleanup(),
        in_ledger: row.is_some(),
        epoch: row.map_or(0, |row| row.epoch),
        backfilled: position.backfilled(),
        verified: position.verified(),
        mismatches: row.and_then(|row| row.mismatches),
        runner: row.and_then(|row| row.runner.clone()),
        updated_at: row.map(|row| row.updated_at.clone()),
        shadow_reads: ShadowReads::default(),
    }
}

/// The snapshot of one migration, read on the connection as it is (inside a transaction too).
pub(crate) fn snapshot_here<M, C>(conn: &mut C) -> Result<Snapshot, Error>
where
    C: RunnerConnection,
    M: MigrateOn<C>,
{
    with_looker::<M, C, _>(conn, |runner| {
        let position = runner.position()?;
        position.check_sets(M::cell().definition())?;
        snapshot_of(M::cell(), runner, &position, false)
    })
}

/// `work` with a runner that only looks, on the connection as it is (inside a transaction too).
pub(crate) fn with_looker<M, C, T>(
    conn: &mut C,
    work: impl FnOnce(&mut Runner<'_>) -> Result<T, Error>,
) -> Result<T, Error>
where
    C: RunnerConnection,
    M: MigrateOn<C>,
{
    let mut session = ConnectionSession::<C>::new(conn, Vec::new());
    let mut options = Options::default();
    let def = M::cell().definition();
    let name = table_name::<M, C>()?;
    work(&mut Runner::new(&mut session, def, name, &mut options)?)
}
