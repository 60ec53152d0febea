//! Undoing what was run last.

use std::ops::ControlFlow;

use diesel_migrations::MigrationHarness;
use expand_contract::migrations::{Harness, Timeline, TimelineError};
use expand_contract::phase::Step;
use expand_contract::{Error, Migrate, Moment};

use crate::common::*;

on_both! {
    fn steps_are_undone_one_by_one_and_leave_the_schema_as_it_was() {
        let db = D::fresh();
        let mut conn = db.connect();
        let files = Files::project();
        conn.run_pending_migrations(files.source()).unwrap();
        let before = D::schema(&mut conn);
        let timeline = || {
            Timeline::<Conn>::new()
                .options(fast)
                .files(files.source())
                .through::<Versions>("2026-06-01-120000", Step::Retire)
        };
        Harness::new(&mut conn).run_pending_migrations(timeline()).unwrap();
        let phases = ["switched", "expanded", "expanded", "expanded", "original"];
        for (n, expected) in phases.into_iter().enumerate() {
            // by turns through Diesel's harness and this one
            let reverted = match n % 2 {
                0 => conn.revert_last_migration(timeline()),
                _ => Harness::new(&mut conn).revert_last_migration(timeline()),
            };
            let reverted = reverted.unwrap().to_string();
            assert_eq!(phase::<D>(&mut conn), expected, "{reverted}");
            assert!(!applied::<D>(&mut conn).contains(&reverted));
            assert!(conn.has_pending_migration(timeline()).unwrap());
        }
        assert_eq!(D::schema(&mut conn), before);
        // and again
        Harness::new(&mut conn).run_pending_migrations(timeline()).unwrap();
        assert_eq!(phase::<D>(&mut conn), "retired");
        let reverted = Harness::new(&mut conn).revert_all_migrations(timeline()).unwrap().len();
        assert_eq!(reverted, 7);
        assert!(applied::<D>(&mut conn).is_empty());
    }

    fn there_is_no_way_back_behind_contract() {
        let db = D::fresh();
        let mut conn = db.connect();
        let files = Files::project();
        let timeline = || {
            Timeline::<Conn>::new()
                .options(fast)
                .files(files.source())
                .through::<Versions>("2026-06-01-120000", Step::Contract)
        };
        Harness::new(&mut conn).run_pending_migrations(timeline()).unwrap();
        let before = (applied::<D>(&mut conn), D::schema(&mut conn));
        for error in [
            conn.revert_last_migration(timeline()).map(drop).unwrap_err(),
            Harness::new(&mut conn).revert_all_migrations(timeline()).map(drop).unwrap_err(),
        ] {
            let error = error.downcast_ref::<Error>();
            assert!(matches!(error, Some(Error::NoRollback { .. })), "{error:?}");
        }
        assert_eq!((applied::<D>(&mut conn), D::schema(&mut conn)), before);
    }

    fn a_step_before_the_last_is_not_undone() {
        let db = D::fresh();
        let mut conn = db.connect();
        let files = Files::project();
        let timeline = || {
            Timeline::<Conn>::new()
                .options(fast)
                .files(files.source())
                .through::<Versions>("2026-06-01-120000", Step::Expand)
        };
        Harness::new(&mut conn).run_pending_migrations(timeline()).unwrap();
        // an operator goes on by hand, which Diesel's table does not know
        Versions::migration().options(fast()).advance_to(&mut conn, Step::Switch).unwrap();
        let error = conn.revert_last_migration(timeline()).map(drop).unwrap_err();
        let error = error.downcast_ref::<TimelineError>();
        assert!(matches!(error, Some(TimelineError::NotTheLast { step: Step::Expand, .. })), "{error:?}");
        assert_eq!(phase::<D>(&mut conn), "switched");
    }

    fn fm24_an_undo_that_is_stopped_between_any_two_actions_is_finished_by_the_next() {
        let db = D::fresh();
        let mut conn = db.connect();
        let files = Files::project();
        conn.run_pending_migrations(files.source()).unwrap();
        let before = D::schema(&mut conn);
        // the hook lets so many actions through
        let timeline = |actions: usize| {
            let options = move || {
                let mut left = actions;
                fast().on_action(move |event| {
                    if event.moment != Moment::Before {
                        return ControlFlow::Continue(());
                    }
                    match left.checked_sub(1) {
                        Some(fewer) => left = fewer,
                        None => return ControlFlow::Break(()),
                    }
                    ControlFlow::Continue(())
                })
            };
            Timeline::<Conn>::new()
                .options(options)
                .files(files.source())
                .through::<Versions>("2026-06-01-120000", Step::Retire)
        };
        Harness::new(&mut conn).run_pending_migrations(timeline(usize::MAX)).unwrap();
        let mut stops = 0;
        for (step, left) in [
            ("retire", "switched"),
            ("switch", "expanded"),
            ("verify", "expanded"),
            ("backfill", "expanded"),
            ("expand", "original"),
        ] {
            // a little further each time: what was done is looked at again, and done again where that is harmless
            for actions in 1.. {
                let error = match Harness::new(&mut conn).revert_last_migration(timeline(actions)) {
                    Ok(reverted) => {
                        assert!(reverted.to_string().ends_with(step), "{reverted}");
                        break;
                    }
                    Err(error) => error,
                };
                assert!(matches!(error.downcast_ref(), Some(Error::Stopped { .. })), "{step}: {error}");
                let last = applied::<D>(&mut conn).pop().unwrap();
                assert!(last.ends_with(step), "{last}");
                stops += 1;
            }
            assert_eq!(phase::<D>(&mut conn), left, "{step}");
        }
        assert!(stops > 3, "{stops}");
        assert_eq!(D::schema(&mut conn), before);
    }
}
