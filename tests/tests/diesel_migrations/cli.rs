//! Diesel's CLI on a database that has rows of steps: what its commands call, with the files it knows.

use diesel_migrations::{HarnessWithOutput, MigrationHarness};
use expand_contract::migrations::{Harness, Timeline};
use expand_contract::phase::Step;

use crate::common::*;

on_both! {
    fn the_cli_passes_over_steps_and_does_not_undo_what_it_does_not_know() {
        let db = D::fresh();
        let mut conn = db.connect();
        let files = Files::project();
        let timeline = Timeline::<Conn>::new()
            .options(fast)
            .files(files.source())
            .through::<Versions>("2026-06-01-120000", Step::Switch);
        let mut said = Vec::new();
        let mut harness = Harness::new(&mut conn);
        HarnessWithOutput::new(&mut harness, &mut said).run_pending_migrations(&timeline).unwrap();
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("Running migration 2026-06-01-120000s04switch_"), "{said}");

        // pending, run
        assert!(!conn.has_pending_migration(files.source()).unwrap());
        assert!(conn.run_pending_migrations(files.source()).unwrap().is_empty());
        files.add("2026-05-01-000000_earlier", "CREATE TABLE earlier (id integer)", "DROP TABLE earlier");
        assert!(conn.has_pending_migration(files.source()).unwrap());
        assert_eq!(conn.run_pending_migrations(files.source()).unwrap().len(), 1);

        // revert, redo, revert --all: the last to have run is a step
        let before = (applied::<D>(&mut conn), D::schema(&mut conn));
        let error = conn.revert_last_migration(files.source()).map(drop).unwrap_err();
        let expected = "Unable to find migration version 20260601120000s04switch to revert";
        assert!(error.to_string().starts_with(expected), "{error}");
        let error = conn.revert_all_migrations(files.source()).map(drop).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!((applied::<D>(&mut conn), D::schema(&mut conn)), before);

        // files that came later are its own
        files.add("2026-07-01-000000_later", "CREATE TABLE later (id integer)", "DROP TABLE later");
        assert_eq!(conn.run_pending_migrations(files.source()).unwrap().len(), 1);
        let reverted = conn.revert_last_migration(files.source()).unwrap();
        assert_eq!(reverted.to_string(), "20260701000000");
        assert_eq!((applied::<D>(&mut conn), D::schema(&mut conn)), before);
        assert_eq!(phase::<D>(&mut conn), "switched");
    }
}
