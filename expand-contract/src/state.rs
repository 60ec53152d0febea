//! Which phase a statement is built for: process-wide, or given for a statement or a closure.
//!
//! The process-wide phase is an atomic per migration, set from the ledger. A process that works with several databases
//! gives the phase of each with [`Snapshot`]: to a statement (`.at(&snapshot)`) or to everything a closure runs
//! ([`Snapshot::scope`]).

mod leased;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::definition::{Dialect, MigrationDef};
use crate::lease::{clock, Slot, Term, NO_LEASE};
use crate::phase::{Route, Side, Stage};
use crate::shadow::{Shadow, ShadowSql};

/// Why a statement on a changed column could not be built. Nothing was sent to the database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// The process has not read the phase of the migration yet.
    #[error(
        "the phase of migration `{migration}` is not known in this process: call `migration().load(conn)` once at \
         start-up, or give the statement a phase with `.at(&snapshot)`"
    )]
    PhaseUnknown {
        /// The migration's id.
        migration: &'static str,
    },
    /// The lease under which this process knows the phase has run out, and the ledger could not be asked in time.
    #[error(
        "the lease on the phase of migration `{migration}` has run out ({reason}); nothing was sent. Try the statement again \
         when the ledger can be reached; `Lease::…::patience` sets how long a statement waits for it"
    )]
    LeaseExpired {
        /// The migration's id.
        migration: &'static str,
        /// Why it was not renewed.
        reason: String,
    },
    /// The statement was built before the phase moved, and is sent once more or far too late.
    #[error(
        "the statement was built for a phase of migration `{migration}` that is not in force any more; nothing was sent. \
         Build it anew for every execution"
    )]
    Superseded {
        /// The migration's id.
        migration: &'static str,
    },
    /// The lease has no pool of the name.
    #[error("the lease has no pool `{pool}`: name it with `Lease::…::pool(\"{pool}\", …)` when it is started")]
    UnknownPool {
        /// The name.
        pool: String,
    },
    /// The annotation has no conversion for this database.
    #[error("migration `{migration}` gives no SQL conversion of `{column}` for {dialect}: add `up({key} = \"…\")` and `down({key} = \"…\")` to the annotation", key = .dialect.key())]
    NoConversion {
        /// The migration's id.
        migration: &'static str,
        /// The new column.
        column: &'static str,
        /// The dialect of the statement's database.
        dialect: Dialect,
    },
    /// A value did not survive its Rust conversion.
    #[error("`{column}` cannot be converted for the phase that is in force: {reason}")]
    Value {
        /// The new column.
        column: &'static str,
        /// What the conversion said.
        reason: String,
    },
}

impl Dialect {
    const fn key(self) -> &'static str {
        match self {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
        }
    }

    pub(crate) const fn to_u8(self) -> u8 {
        match self {
            Dialect::Sqlite => 1,
            Dialect::Postgres => 2,
        }
    }

    #[inline]
    pub(crate) const fn from_u8(code: u8) -> Option<Self> {
        match code {
            1 => Some(Dialect::Sqlite),
            2 => Some(Dialect::Postgres),
            _ => None,
        }
    }
}

/// What a statement needs to know: the stage and the dialect of its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub struct Current {
    /// The stage.
    pub stage: Stage,
    /// The dialect.
    pub dialect: Dialect,
    /// The old column misses what was written since `retire`; see [`Snapshot::with_old_incomplete`].
    pub old_incomplete: bool,
}

// in the byte of the dialect
const OLD_INCOMPLETE: u8 = 1 << 7;

impl Current {
    /// One word, never 0: the stage's code below the dialect's.
    #[inline]
    pub(crate) const fn code(self) -> u16 {
        let flag = if self.old_incomplete {
            OLD_INCOMPLETE
        } else {
            0
        };
        u16::from_le_bytes([self.stage.to_u8(), self.dialect.to_u8() | flag])
    }

    /// What [`Self::code`] was made from; none for 0.
    #[inline]
    pub(crate) const fn from_code(code: u16) -> Option<Self> {
        let [stage, rest] = code.to_le_bytes();
        match (
            Stage::from_u8(stage),
            Dialect::from_u8(rest & !OLD_INCOMPLETE),
        ) {
            (Some(stage), Some(dialect)) => Some(Current {
                stage,
                dialect,
                old_incomplete: rest & OLD_INCOMPLETE != 0,
            }),
            _ => None,
        }
    }

    /// The column whose unique index an upsert on a change can rely on.
    ///
    /// Old's stays the arbiter as long as old is written: with a second one beside it, the one that is not the arbiter
    /// would raise an error where the other updates. Only after a rollback from `Retired` it has to be built again first.
    pub(crate) const fn arbiter(self, route: Route) -> Side {
        let (from, to) = self.stage.ends(route);
        if self.stage.writes(from, route) && !self.old_incomplete {
            from
        } else {
            to
        }
    }
}

/// What a process knows of a migration besides the phase.
#[derive(Debug, Clone, Default)]
struct Loaded {
    // how often the phase had changed
    epoch: i64,
    // per change the old column's type, where the dialect needs it in a cast
    old_types: Arc<[Option<String>]>,
    // how a shadow read compares
    shadow: Option<Arc<ShadowSql>>,
}

/// The process-wide phase of one migration. The derive makes one static of it per annotated table.
#[doc(hidden)]
pub struct PhaseCell {
    definition: &'static MigrationDef,
    // stage in the low byte, dialect in the high one, 0: unknown; one word, so that a reader sees both or neither
    current: AtomicU16,
    // the stage of the first statement: what a statement cache keyed by type may hold (see `same_as_first`)
    first: AtomicU8,
    loaded: RwLock<Option<Loaded>>,
    shadow: Shadow,
    // until when the phase may be used, on the clock of leases
    deadline: AtomicU64,
    // when the phase moved last, on the same clock
    moved: AtomicU64,
    keeper: RwLock<Option<Arc<Slot>>>,
}

impl PhaseCell {
    /// A cell that knows no phase yet.
    pub const fn new(definition: &'static MigrationDef) -> Self {
        PhaseCell {
            definition,
            current: AtomicU16::new(0),
            first: AtomicU8::new(0),
            loaded: RwLock::new(None),
            shadow: Shadow::new(),
            deadline: AtomicU64::new(NO_LEASE),
            moved: AtomicU64::new(0),
            keeper: RwLock::new(None),
        }
    }

    /// The migration.
    pub fn definition(&self) -> &'static MigrationDef {
        self.definition
    }

    /// The samples of this process.
    pub(crate) fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    /// How a shadow read compares the columns, if the process has read that in the pass.
    pub(crate) fn shadow_sql(&'static self) -> Option<Arc<ShadowSql>> {
        let scoped = self.scoped(|snapshot| snapshot.loaded.shadow.clone());
        scoped.flatten().or_else(|| {
            let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
            loaded.as_ref()?.shadow.clone()
        })
    }

    /// The phase in force on this thread: the innermost scope's, else the process-wide one, if any.
    #[inline]
    pub fn get(&'static self) -> Option<Current> {
        match self.scoped(|snapshot| snapshot.current) {
            Some(current) => Some(current),
            None => self.process_wide(),
        }
    }

    /// The phase in force on this thread as one word, and whether it is a scope's: the stage's code below the dialect's; 0
    /// if there is no phase.
    #[inline]
    pub(crate) fn code(&'static self) -> (u16, bool) {
        match self.scoped(|snapshot| snapshot.current.code()) {
            Some(code) => (code, true),
            None => (self.current.load(Ordering::Acquire), false),
        }
    }

    /// The phase for a statement that is walked for the first time. `captured`: the phase of the scope that it was built
    /// in; the scope that it is executed in wins.
    ///
    /// # Errors
    /// No phase is known, or the lease on it has run out.
    #[inline]
    pub fn resolve(&'static self, captured: Option<Current>) -> Result<Current, StatementError> {
        if let Some(current) = self.scoped(Snapshot::in_force) {
            return current;
        }
        if let Some(current) = captured {
            return Ok(current);
        }
        let code = match self.checked(clock::now) {
            Some(code) => code,
            None => self.refresh()?,
        };
        Current::from_code(code).ok_or(StatementError::PhaseUnknown {
            migration: self.definition.id,
        })
    }

    /// The old column's catalogue type, where the dialect needs one in a cast.
    pub fn old_type(&'static self, change: usize) -> Option<String> {
        let of = |types: &[Option<String>]| types.get(change).cloned().flatten();
        match self.scoped(|snapshot| of(&snapshot.loaded.old_types)) {
            Some(found) => found,
            None => self
                .loaded
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .as_ref()
                .and_then(|loaded| of(&loaded.old_types)),
        }
    }

    /// Whether `code` is that of the stage of the first statement that asked.
    ///
    /// Diesel caches the insert of an array under its Rust type, whatever its SQL. Such a cache entry
    /// can hold only the first stage's text as long as every other stage's statements are kept out of the cache.
    #[inline]
    pub fn same_as_first(&self, code: u8) -> bool {
        match self.first.load(Ordering::Relaxed) {
            0 => {
                let first =
                    self.first
                        .compare_exchange(0, code, Ordering::Relaxed, Ordering::Relaxed);
                first.map_or_else(|first| first == code, |_| true)
            }
            first => first == code,
        }
    }

    #[inline]
    fn process_wide(&self) -> Option<Current> {
        Current::from_code(self.current.load(Ordering::Acquire))
    }

    /// Whether a scope gives this thread a phase of the migration.
    pub(crate) fn is_scoped(&'static self) -> bool {
        self.scoped(|_| ()).is_some()
    }

    // A statement is walked dozens of times, mostly outside of any scope.
    #[inline]
    fn scoped<T>(&'static self, read: impl FnOnce(&Snapshot) -> T) -> Option<T> {
        if !in_scope() {
            return None;
        }
        self.innermost(read)
    }

    #[inline(never)]
    fn innermost<T>(&'static self, read: impl FnOnce(&Snapshot) -> T) -> Option<T> {
        SCOPES.with_borrow(|scopes| {
            scopes
                .iter()
                .rev()
                .find(|snapshot| std::ptr::eq(snapshot.cell, self))
                .map(read)
        })
    }
}

impl fmt::Debug for PhaseCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseCell")
            .field("migration", &self.definition.id)
            .field("current", &self.process_wide())
            .finish()
    }
}

thread_local! {
    static SCOPES: RefCell<Vec<Snapshot>> = const { RefCell::new(Vec::new()) };
    // counts entries and exits, so that equal numbers mean the same scope
    static SCOPE: Cell<u64> = const { Cell::new(0) };
    // how many scopes there are
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// A number that changes whenever this thread enters or leaves a scope.
#[inline]
pub(crate) fn scope_serial() -> u64 {
    SCOPE.get()
}

/// Whether this thread is in any scope.
#[inline]
pub(crate) fn in_scope() -> bool {
    DEPTH.get() != 0
}

/// The phase of one migration on one database, as read from its ledger.
#[derive(Clone)]
pub struct Snapshot {
    cell: &'static PhaseCell,
    current: Current,
    loaded: Loaded,
    // of a lease: until when it may be used
    term: Option<Arc<Term>>,
}

impl Snapshot {
    /// `old_types`: per change the old column's type in the catalogue, where the dialect needs it.
    #[doc(hidden)]
    pub fn new(
        cell: &'static PhaseCell,
        stage: Stage,
        dialect: Dialect,
        old_types: Vec<Option<String>>,
    ) -> Self {
        Snapshot {
            cell,
            current: Current {
                stage,
                dialect,
                old_incomplete: false,
            },
            loaded: Loaded {
                old_types: old_types.into(),
                ..Loaded::default()
            },
            term: None,
        }
    }

    /// The same phase, to be used while the term lasts.
    pub(crate) fn within(mut self, term: Arc<Term>) -> Self {
        self.term = Some(term);
        self
    }

    /// The same snapshot with how often the phase had changed, by which [`Self::adopt`] tells newer from older.
    #[must_use]
    pub(crate) fn with_epoch(mut self, epoch: i64) -> Self {
        self.loaded.epoch = epoch;
        self
    }

    /// The same snapshot for an old column that misses what was written since `retire`: a rollback from there is under
    /// way, and has not built old's unique index again.
    #[must_use]
    #[doc(hidden)]
    pub fn with_old_incomplete(mut self, incomplete: bool) -> Self {
        self.current.old_incomplete = incomplete;
        self
    }

    /// The same snapshot with the way in which shadow reads compare.
    #[must_use]
    pub(crate) fn with_shadow(mut self, sql: Option<ShadowSql>) -> Self {
        self.loaded.shadow = sql.map(Arc::new);
        self
    }

    /// The same snapshot right after a further phase was published.
    #[must_use]
    pub(crate) fn published(mut self, stage: Stage, old_incomplete: bool) -> Self {
        self.current.stage = stage;
        self.current.old_incomplete = old_incomplete;
        self.loaded.epoch += 1;
        self
    }

    pub(crate) fn cell(&self) -> &'static PhaseCell {
        self.cell
    }

    /// The phase, if a statement may still be built for it.
    pub(crate) fn in_force(&self) -> Result<Current, StatementError> {
        if let Some(term) = &self.term {
            term.check(self.cell.definition.id)?;
        }
        Ok(self.current)
    }

    pub(crate) fn current(&self) -> Current {
        self.current
    }

    /// How often the phase had changed when this was read.
    pub(crate) fn epoch(&self) -> i64 {
        self.loaded.epoch
    }

    /// The migration.
    pub fn migration(&self) -> &'static str {
        self.cell.definition.id
    }

    /// The pass and phase.
    pub fn stage(&self) -> Stage {
        self.current.stage
    }

    /// The dialect of the database that the snapshot was read from.
    pub fn dialect(&self) -> Dialect {
        self.current.dialect
    }

    /// The same snapshot at another stage, to look at the statements of a phase without a database.
    #[must_use]
    pub fn with_stage(mut self, stage: Stage) -> Self {
        self.current.stage = stage;
        self
    }

    /// Makes this the process-wide phase of its migration.
    ///
    /// Where a [`Lease`](crate::Lease) keeps the process-wide phase, that asks the ledger instead, and this waits for it (no
    /// longer than a statement would).
    pub fn make_process_wide(&self) {
        if let Some(slot) = self.cell.keeper() {
            if !slot.watch.is_stopped() {
                slot.watch.catch_up(|| false);
                return;
            }
        }
        self.cell.set(self);
        self.cell.extend(NO_LEASE);
    }

    /// Makes this the process-wide phase, unless the process knows a later one or works with another kind of database.
    ///
    /// What a lagging replica says must not take a process back that has heard from the primary. Where a
    /// [`Lease`](crate::Lease) keeps the process-wide phase, that is told to ask the ledger.
    pub fn adopt(&self) -> bool {
        if let Some(slot) = self.cell.keeper() {
            if !slot.watch.is_stopped() {
                slot.watch.kick();
                return false;
            }
        }
        self.cell.adopt_later(self)
    }

    /// As [`adopt`](Self::adopt). Where a lease keeps the phase, this waits until it has caught up, no longer than a statement
    /// would: so that whoever built one statement for a phase that is over does not build the next one for it too.
    ///
    /// Not inside of a transaction: on SQLite the lease could not write until that has ended.
    pub(crate) fn adopt_and_wait(&self) {
        match self.cell.keeper().filter(|slot| !slot.watch.is_stopped()) {
            Some(slot) => slot.watch.catch_up(|| self.cell.knows(self.epoch())),
            None => drop(self.cell.adopt_later(self)),
        }
    }

    /// Runs `work` with this phase for every statement that this thread sends meanwhile.
    ///
    /// For one statement, or where the work is asynchronous, use `.at(&snapshot)`.
    pub fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                SCOPE.set(SCOPE.get().wrapping_add(1));
                SCOPES.with_borrow_mut(|scopes| {
                    scopes.pop();
                    DEPTH.set(scopes.len());
                });
            }
        }
        SCOPE.set(SCOPE.get().wrapping_add(1));
        SCOPES.with_borrow_mut(|scopes| {
            scopes.push(self.clone());
            DEPTH.set(scopes.len());
        });
        let _leave = Leave;
        work()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("migration", &self.migration())
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}
