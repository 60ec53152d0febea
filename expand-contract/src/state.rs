//! Which phase a statement is built for: process-wide, or given for a statement or a closure.
//!
//! The process-wide phase is an atomic per migration, set from the ledger. A process that works with several databases
//! gives the phase of each with [`Snapshot`]: to a statement (`.at(&snapshot)`) or to everything a closure runs
//! ([`Snapshot::scope`]).

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::definition::{Dialect, MigrationDef};
use crate::error::Error;
use crate::lease::{clock, Slot, Term, EXPIRED, NO_LEASE};
use crate::phase::Stage;

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
}

impl Current {
    #[inline]
    pub(crate) const fn code(self) -> u16 {
        u16::from_le_bytes([self.stage.to_u8(), self.dialect.to_u8()])
    }

    #[inline]
    pub(crate) const fn from_code(code: u16) -> Option<Self> {
        let [stage, dialect] = code.to_le_bytes();
        match (Stage::from_u8(stage), Dialect::from_u8(dialect)) {
            (Some(stage), Some(dialect)) => Some(Current { stage, dialect }),
            _ => None,
        }
    }
}

/// The process-wide phase of one migration. The derive makes one static of it per annotated table.
#[doc(hidden)]
pub struct PhaseCell {
    definition: &'static MigrationDef,
    // stage in the low byte, dialect in the high one, 0: unknown; one word, so that a reader sees both or neither
    current: AtomicU16,
    // the stage of the first statement: what a statement cache keyed by type may hold (see `same_as_first`)
    first: AtomicU8,
    old_types: RwLock<Option<Arc<[Option<String>]>>>,
    // until when the phase may be used, on the clock of leases
    deadline: AtomicU64,
    // when the phase moved last, on the same clock
    moved: AtomicU64,
    keeper: RwLock<Option<Arc<Slot>>>,
}

/// For how long after the phase has moved a statement that was built before may still be walked: between the walks of one
/// execution there is no time, unless the thread is held up.
const UNDER_WAY: u64 = 1_000_000_000;

impl PhaseCell {
    /// A cell that knows no phase yet.
    pub const fn new(definition: &'static MigrationDef) -> Self {
        PhaseCell {
            definition,
            current: AtomicU16::new(0),
            first: AtomicU8::new(0),
            old_types: RwLock::new(None),
            deadline: AtomicU64::new(NO_LEASE),
            moved: AtomicU64::new(0),
            keeper: RwLock::new(None),
        }
    }

    /// The migration.
    pub fn definition(&self) -> &'static MigrationDef {
        self.definition
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

    /// The process-wide phase, if it may be used at the moment that `now` says.
    ///
    /// The deadline belongs to the phase that was there before and after it was looked at: a thread that is held up in
    /// between must not use a later phase's deadline for an earlier phase.
    #[inline]
    fn checked(&self, now: impl Fn() -> u64) -> Option<u16> {
        let mut code = self.current.load(Ordering::Acquire);
        loop {
            let deadline = self.deadline.load(Ordering::Acquire);
            if deadline != NO_LEASE && now() >= deadline {
                return None;
            }
            let again = self.current.load(Ordering::Acquire);
            if again == code {
                return Some(code);
            }
            code = again;
        }
    }

    #[cold]
    #[inline(never)]
    fn refresh(&self) -> Result<u16, StatementError> {
        let in_force = || self.checked(clock::now);
        match self.keeper() {
            Some(slot) => slot.refresh(self.definition.id, in_force),
            None => in_force().ok_or_else(|| StatementError::LeaseExpired {
                migration: self.definition.id,
                reason: "the lease was shut down".to_owned(),
            }),
        }
    }

    /// Whether a statement that was built for `code` may be walked again.
    #[inline]
    pub(crate) fn walk_again(&self, code: u16) -> Result<(), StatementError> {
        if self.current.load(Ordering::Acquire) == code
            || self.deadline.load(Ordering::Acquire) == NO_LEASE
        {
            return Ok(());
        }
        self.walk_late(clock::now())
    }

    #[cold]
    fn walk_late(&self, now: u64) -> Result<(), StatementError> {
        if now.saturating_sub(self.moved.load(Ordering::Acquire)) < UNDER_WAY {
            return Ok(());
        }
        Err(StatementError::Superseded {
            migration: self.definition.id,
        })
    }

    fn keeper(&self) -> Option<Arc<Slot>> {
        self.keeper
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts the cell into the care of a lease; from here on nobody else sets it. It may not be used until it is adopted.
    pub(crate) fn lease(&self, slot: &Arc<Slot>) -> Result<(), Error> {
        let mut keeper = self.keeper.write().unwrap_or_else(PoisonError::into_inner);
        if keeper.as_ref().is_some_and(|held| !held.watch.is_stopped()) {
            return Err(Error::LeaseTaken {
                migration: self.definition.id,
            });
        }
        *keeper = Some(Arc::clone(slot));
        self.deadline.store(EXPIRED, Ordering::Release);
        Ok(())
    }

    /// Whether the lease of this slot keeps the cell.
    pub(crate) fn is_kept_by(&self, slot: &Arc<Slot>) -> bool {
        self.keeper()
            .is_some_and(|keeper| Arc::ptr_eq(&keeper, slot))
    }

    /// The phase as the lease's watcher has read it.
    pub(crate) fn adopt(&self, snapshot: &Snapshot, deadline: u64) {
        self.set(snapshot);
        // after the phase that it is for, see `checked`
        self.extend(deadline);
    }

    /// The phase has not moved.
    pub(crate) fn extend(&self, deadline: u64) {
        self.deadline.store(deadline, Ordering::Release);
    }

    fn set(&self, snapshot: &Snapshot) {
        *self
            .old_types
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(snapshot.old_types.clone());
        let code = snapshot.current.code();
        if self.current.load(Ordering::Acquire) != code {
            self.moved.store(clock::now(), Ordering::Release);
            self.current.store(code, Ordering::Release);
        }
    }

    /// The old column's catalogue type, where the dialect needs one in a cast.
    pub fn old_type(&'static self, change: usize) -> Option<String> {
        let of = |types: &[Option<String>]| types.get(change).cloned().flatten();
        match self.scoped(|snapshot| of(&snapshot.old_types)) {
            Some(found) => found,
            None => self
                .old_types
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .as_deref()
                .and_then(of),
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
    old_types: Arc<[Option<String>]>,
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
            current: Current { stage, dialect },
            old_types: old_types.into(),
            term: None,
        }
    }

    /// The same phase, to be used while the term lasts.
    pub(crate) fn within(mut self, term: Arc<Term>) -> Self {
        self.term = Some(term);
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
