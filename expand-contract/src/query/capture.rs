//! One phase for all values of a statement.
//!
//! Diesel builds a statement's SQL and collects its binds in separate walks, and a batch from one value per row. If each
//! of them read the phase for itself, a phase that moves in between would give rows of different shapes or binds that do
//! not fit the text. So all values that a thread builds for one statement share a cell: building a further value brings
//! it up to date, the first walk seals it with the phase that is in force then.
//!
//! Sealing is also where a lease's deadline is looked at, once for a statement.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use crate::state::{in_scope, scope_serial, Current, PhaseCell, StatementError};

// above the phase's code
const SEALED: u32 = 1 << 31;
const SCOPED: u32 = 1 << 30;

/// The phase that a statement's values were built for.
#[derive(Debug, Clone)]
pub struct Capture(Arc<AtomicU32>);

struct Open {
    cell: &'static PhaseCell,
    scope: u64,
    shared: Arc<AtomicU32>,
}

/// What statements were sealed for.
type Seen = Vec<(&'static PhaseCell, Current)>;

/// Runs `work`; gives what the statements that were first walked meanwhile were built for, which may be older than the
/// call: a value that was made before it brings its phase along.
pub(crate) fn watch<T>(work: impl FnOnce() -> T) -> (T, Seen) {
    struct Before(Option<Seen>);
    impl Drop for Before {
        fn drop(&mut self) {
            SEEN.set(self.0.take());
        }
    }
    let mut before = Before(SEEN.replace(Some(Vec::new())));
    let value = work();
    let seen = SEEN.take().unwrap_or_default();
    if let Some(outer) = &mut before.0 {
        outer.extend(seen.iter().copied());
    }
    (value, seen)
}

thread_local! {
    // only while somebody asks
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
    static OPEN: RefCell<Vec<Open>> = const { RefCell::new(Vec::new()) };
}

impl Capture {
    /// Joins the statement that this thread is building, or starts one.
    pub fn new(cell: &'static PhaseCell) -> Self {
        let (code, scoped) = cell.code();
        let code = u32::from(code) | if scoped { SCOPED } else { 0 };
        let scope = scope_serial();
        OPEN.with_borrow_mut(
            |open| match open.iter_mut().find(|o| std::ptr::eq(o.cell, cell)) {
                Some(last) => {
                    let joined = last.scope == scope && {
                        let before = last.shared.load(Ordering::Acquire);
                        before & SEALED == 0
                            && (before == code
                                || last
                                    .shared
                                    .compare_exchange(
                                        before,
                                        code,
                                        Ordering::AcqRel,
                                        Ordering::Acquire,
                                    )
                                    .is_ok())
                    };
                    if !joined {
                        last.scope = scope;
                        match Arc::get_mut(&mut last.shared) {
                            // the statement is gone: its cell serves the next one
                            Some(shared) => *shared.get_mut() = code,
                            None => last.shared = Arc::new(AtomicU32::new(code)),
                        }
                    }
                    Capture(Arc::clone(&last.shared))
                }
                None => {
                    let shared = Arc::new(AtomicU32::new(code));
                    open.push(Open {
                        cell,
                        scope,
                        shared: Arc::clone(&shared),
                    });
                    Capture(shared)
                }
            },
        )
    }

    /// The phase to build for; the same in every walk from the first on.
    #[inline]
    pub fn seal(&self, cell: &'static PhaseCell) -> Result<Current, StatementError> {
        // walks are many, and only the first has to write
        let code = self.0.load(Ordering::Acquire);
        if code & SEALED != 0 && !in_scope() {
            if let Some(current) = decode(code) {
                again(code, cell)?;
                return Ok(current);
            }
        }
        self.seal_first(cell)
    }

    /// [`Self::seal`] for the many walks that only want to know whether a column is written: the code of the stage.
    #[inline]
    pub(super) fn seal_stage(&self, cell: &'static PhaseCell) -> Result<u8, StatementError> {
        let code = self.0.load(Ordering::Acquire);
        if code & SEALED != 0 && !in_scope() {
            let [stage, ..] = code.to_le_bytes();
            if stage != 0 {
                again(code, cell)?;
                return Ok(stage);
            }
        }
        Ok(self.seal_first(cell)?.stage.to_u8())
    }

    #[inline(never)]
    fn seal_first(&self, cell: &'static PhaseCell) -> Result<Current, StatementError> {
        let mut before = self.0.load(Ordering::Acquire);
        if let (code, true) = cell.code() {
            // where it is executed decides before where it was built
            if before & SEALED != 0 && phase(before) == code {
                if let Some(current) = decode(before) {
                    return Ok(current);
                }
            }
            let current = cell.resolve(None)?;
            self.0.fetch_or(SEALED, Ordering::AcqRel);
            note(cell, current);
            return Ok(current);
        }
        loop {
            // what was captured outside of a scope is as old as the value: only a sealed phase is kept
            let kept = before & (SEALED | SCOPED) != 0;
            let current = cell.resolve(decode(before).filter(|_| kept))?;
            if before & SEALED != 0 {
                note(cell, current);
                return Ok(current);
            }
            let code = u32::from(current.code()) | before & SCOPED | SEALED;
            match self
                .0
                .compare_exchange(before, code, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => {
                    note(cell, current);
                    return Ok(current);
                }
                Err(now) => before = now,
            }
        }
    }
}

/// Tells whoever [watches](watch).
fn note(cell: &'static PhaseCell, current: Current) {
    SEEN.with_borrow_mut(|seen| {
        if let Some(seen) = seen {
            seen.push((cell, current));
        }
    });
}

/// A sealed statement is walked again, outside of any scope.
#[inline]
fn again(code: u32, cell: &'static PhaseCell) -> Result<(), StatementError> {
    // a scope's phase is the scope's business
    if code & SCOPED != 0 {
        return Ok(());
    }
    cell.walk_again(phase(code))
}

#[inline]
fn phase(code: u32) -> u16 {
    let [stage, dialect, ..] = code.to_le_bytes();
    u16::from_le_bytes([stage, dialect])
}

#[inline]
fn decode(code: u32) -> Option<Current> {
    Current::from_code(phase(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Dialect, MigrationDef};
    use crate::phase::{Phase, Stage};
    use crate::Snapshot;

    static DEFINITION: MigrationDef = MigrationDef {
        id: "capture",
        generation: 1,
        changes: &[],
    };

    fn at(cell: &'static PhaseCell, phase: Phase) -> Snapshot {
        Snapshot::new(cell, Stage::first(phase), Dialect::Sqlite, Vec::new())
    }

    fn phase(capture: &Capture, cell: &'static PhaseCell) -> Phase {
        capture.seal(cell).expect("a phase").stage.phase
    }

    #[test]
    fn values_built_before_a_flip_follow_those_built_after_it() {
        static CELL: PhaseCell = PhaseCell::new(&DEFINITION);
        at(&CELL, Phase::Original).make_process_wide();
        let first = Capture::new(&CELL);
        at(&CELL, Phase::Expanded).make_process_wide();
        let second = Capture::new(&CELL);
        assert_eq!(phase(&first, &CELL), Phase::Expanded);
        assert_eq!(phase(&second, &CELL), Phase::Expanded);
    }

    #[test]
    fn a_walk_seals_the_statement_and_the_next_one_starts_afresh() {
        static CELL: PhaseCell = PhaseCell::new(&DEFINITION);
        at(&CELL, Phase::Original).make_process_wide();
        let first = Capture::new(&CELL);
        assert_eq!(phase(&first, &CELL), Phase::Original);
        at(&CELL, Phase::Expanded).make_process_wide();
        let second = Capture::new(&CELL);
        assert_eq!(phase(&first, &CELL), Phase::Original);
        assert_eq!(phase(&second, &CELL), Phase::Expanded);
    }

    #[test]
    fn statements_of_different_scopes_do_not_share() {
        static CELL: PhaseCell = PhaseCell::new(&DEFINITION);
        let one = at(&CELL, Phase::Original).scope(|| Capture::new(&CELL));
        let other = at(&CELL, Phase::Contracted).scope(|| Capture::new(&CELL));
        assert_eq!(phase(&one, &CELL), Phase::Original);
        assert_eq!(phase(&other, &CELL), Phase::Contracted);
        // where it is executed decides before where it was built
        let here = at(&CELL, Phase::Switched).scope(|| phase(&one, &CELL));
        assert_eq!(here, Phase::Switched);
    }

    #[test]
    fn no_phase_is_an_error_that_names_the_migration() {
        static CELL: PhaseCell = PhaseCell::new(&DEFINITION);
        let error = Capture::new(&CELL).seal(&CELL).expect_err("no phase");
        assert!(error.to_string().contains("`capture`"), "{error}");
    }
}
