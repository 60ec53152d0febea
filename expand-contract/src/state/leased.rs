//! The process-wide phase under a lease: who sets it, and until when it may be used.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLockWriteGuard};

use super::{Loaded, PhaseCell, Snapshot, StatementError};
use crate::error::Error;
use crate::lease::{clock, Slot, EXPIRED, NO_LEASE};

/// For how long after the phase has moved a statement that was built before may still be walked: between the walks of one
/// execution there is no time, unless the thread is held up.
const UNDER_WAY: u64 = 1_000_000_000;

impl PhaseCell {
    /// The process-wide phase, if it may be used at the moment that `now` says.
    ///
    /// The deadline belongs to the phase that was there before and after it was looked at: a thread that is held up in
    /// between must not use a later phase's deadline for an earlier phase.
    #[inline]
    pub(super) fn checked(&self, now: impl Fn() -> u64) -> Option<u16> {
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
    pub(super) fn refresh(&self) -> Result<u16, StatementError> {
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

    pub(super) fn keeper(&self) -> Option<Arc<Slot>> {
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

    pub(super) fn set(&self, snapshot: &Snapshot) {
        self.store(snapshot, &mut self.loaded());
    }

    /// The phase, unless the process knows a later one or works with another kind of database.
    pub(super) fn adopt_later(&self, snapshot: &Snapshot) -> bool {
        let mut loaded = self.loaded();
        let known = self.process_wide();
        let other = known.is_some_and(|known| known.dialect != snapshot.current.dialect);
        let older = loaded
            .as_ref()
            .is_some_and(|loaded| loaded.epoch >= snapshot.loaded.epoch);
        if other || (known.is_some() && older) {
            return false;
        }
        self.store(snapshot, &mut loaded);
        true
    }

    /// Whether the process-wide phase is this one or a later one.
    pub(super) fn knows(&self, epoch: i64) -> bool {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.as_ref().is_some_and(|loaded| loaded.epoch >= epoch)
    }

    fn loaded(&self) -> RwLockWriteGuard<'_, Option<Loaded>> {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner)
    }

    // under the lock, so that epoch and phase belong together
    fn store(&self, snapshot: &Snapshot, loaded: &mut Option<Loaded>) {
        *loaded = Some(snapshot.loaded.clone());
        let code = snapshot.current.code();
        if self.current.load(Ordering::Acquire) != code {
            self.moved.store(clock::now(), Ordering::Release);
            self.current.store(code, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::definition::{Dialect, MigrationDef};
    use crate::lease::testing;
    use crate::phase::{Phase, Stage};
    use crate::query::Capture;

    static DEFINITION: MigrationDef = MigrationDef {
        id: "leased",
        generation: 1,
        changes: &[],
    };

    fn at(cell: &'static PhaseCell, phase: Phase) -> Snapshot {
        Snapshot::new(cell, Stage::first(phase), Dialect::Sqlite, Vec::new())
    }

    fn phase(code: u16) -> Phase {
        super::super::Current::from_code(code)
            .expect("a phase")
            .stage
            .phase
    }

    #[test]
    fn a_phase_may_be_used_until_its_deadline() {
        static CELL: PhaseCell = PhaseCell::new(&DEFINITION);
        CELL.lease(&testing::slot()).expect("nobody has it");
        assert_eq!(CELL.checked(|| 2), None, "nothing was read yet");
        CELL.adopt(&at(&CELL, Phase::Original), 1_000);
        assert_eq!(CELL.checked(|| 999).map(phase), Some(Phase::Original));
        assert_eq!(CELL.checked(|| 1_000), None);
        CELL.extend(2_000);
        assert_eq!(CELL.checked(|| 1_999).map(phase), Some(Phase::Original));
        CELL.extend(EXPIRED);
        assert_eq!(CELL.checked(|| 2), None);
    }

    #[test]
    fn without_a_lease_nobody_looks_at_the_clock() {
        static CELL: PhaseCell = PhaseCell::new(&DEFINITION);
        at(&CELL, Phase::Original).make_process_wide();
        let code = CELL.checked(|| panic!("the clock was read"));
        assert_eq!(code.map(phase), Some(Phase::Original));
    }

    #[test]
    fn a_thread_held_up_while_it_looks_does_not_take_the_earlier_phase_with_the_later_deadline() {
        static CELL: PhaseCell = PhaseCell::new(&DEFINITION);
        CELL.lease(&testing::slot()).expect("nobody has it");
        CELL.adopt(&at(&CELL, Phase::Original), 1_000);
        // between its look at the phase and its look at the clock two phases pass
        let first = Cell::new(true);
        let code = CELL.checked(|| {
            if first.replace(false) {
                CELL.adopt(&at(&CELL, Phase::Switched), 9_000);
                return 999;
            }
            5_000
        });
        assert_eq!(code.map(phase), Some(Phase::Switched));
    }

    #[test]
    fn a_lease_keeps_its_cell_until_it_is_over() {
        static CELL: PhaseCell = PhaseCell::new(&DEFINITION);
        let slot = testing::slot();
        CELL.lease(&slot).expect("nobody has it");
        CELL.adopt(&at(&CELL, Phase::Original), u64::MAX);
        assert!(CELL.lease(&testing::slot()).is_err());
        at(&CELL, Phase::Contracted).make_process_wide();
        assert_eq!(CELL.checked(|| 2).map(phase), Some(Phase::Original));
        testing::stop(&slot);
        at(&CELL, Phase::Contracted).make_process_wide();
        assert_eq!(
            CELL.checked(|| u64::MAX).map(phase),
            Some(Phase::Contracted)
        );
        CELL.lease(&testing::slot()).expect("it is free");
    }

    #[test]
    fn values_that_waited_are_built_for_the_phase_in_which_they_are_sent() {
        static CELL: PhaseCell = PhaseCell::new(&DEFINITION);
        CELL.lease(&testing::slot()).expect("nobody has it");
        CELL.adopt(&at(&CELL, Phase::Expanded), u64::MAX);
        let capture = Capture::new(&CELL);
        CELL.adopt(&at(&CELL, Phase::Contracted), u64::MAX);
        let current = capture.seal(&CELL).expect("in force");
        assert_eq!(current.stage.phase, Phase::Contracted);
        // and not at all where no phase may be used
        let capture = Capture::new(&CELL);
        CELL.extend(EXPIRED);
        assert!(capture.seal(&CELL).is_err());
        CELL.extend(u64::MAX);
        assert!(capture.seal(&CELL).is_ok(), "it may be tried again");
    }

    #[test]
    fn a_statement_that_is_kept_fails_when_its_phase_has_been_over_for_a_while() {
        static CELL: PhaseCell = PhaseCell::new(&DEFINITION);
        CELL.lease(&testing::slot()).expect("nobody has it");
        CELL.adopt(&at(&CELL, Phase::Expanded), u64::MAX);
        let capture = Capture::new(&CELL);
        let current = capture.seal(&CELL).expect("in force");
        CELL.adopt(&at(&CELL, Phase::Switched), u64::MAX);
        // its walks go on
        assert_eq!(capture.seal(&CELL).expect("under way"), current);
        let moved = CELL.moved.load(Ordering::Acquire);
        assert!(CELL.walk_late(moved + UNDER_WAY - 1).is_ok());
        let error = CELL
            .walk_late(moved + UNDER_WAY)
            .expect_err("it is another execution");
        assert!(matches!(
            error,
            StatementError::Superseded {
                migration: "leased"
            }
        ));
    }
}
