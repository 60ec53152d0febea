//! One order of files and steps, gone through as far as the timeline goes.

use diesel::RunQueryDsl;
use diesel_migrations::MigrationHarness;
use expand_contract::migrations::{Harness, Timeline};
use expand_contract::phase::{Phase, Step};
use expand_contract::Migrate;

use crate::common::*;

fn names(versions: &[diesel::migration::MigrationVersion<'_>]) -> Vec<String> {
    versions.iter().map(ToString::to_string).collect()
}

on_both! {
    fn files_and_steps_run_in_one_order_and_stop_where_the_timeline_does() {
        let db = D::fresh();
        let mut conn = db.connect();
        let files = Files::project();
        // needs the new column: behind `expand`, before the rest
        files.add(
            "2026-06-02-000000-0000_index_digest",
            "CREATE INDEX ON_DIGEST ON versions (digest)",
            "DROP INDEX ON_DIGEST",
        );
        let timeline = |through: &[(&str, Step)]| {
            let mut timeline = Timeline::<Conn>::new().options(fast).files(files.source());
            for (at, step) in through {
                timeline = timeline.through::<Versions>(*at, *step);
            }
            timeline
        };
        let first = [("2026-06-01-120000", Step::Expand), ("2026-06-03-120000", Step::Verify)];
        // through Diesel's own harness: a connection
        assert!(conn.has_pending_migration(timeline(&first)).unwrap());
        let run = names(&conn.run_pending_migrations(timeline(&first)).unwrap());
        let order = [
            "20260101000000",
            "20260102000000",
            "20260601120000s01expand",
            "202606020000000000",
            "20260603120000s02backfill",
            "20260603120000s03verify",
        ];
        assert_eq!(run, order);
        assert_eq!(applied::<D>(&mut conn), order);
        assert_eq!(phase::<D>(&mut conn), "expanded");
        assert_eq!(columns::<D>(&mut conn, "versions"), "checksum digest id");
        let copied = "SELECT count(*) FROM versions WHERE digest = checksum";
        assert_eq!(D::text(&mut conn, copied).as_deref(), Some("2"));
        assert!(!conn.has_pending_migration(timeline(&first)).unwrap());
        assert!(conn.run_pending_migrations(timeline(&first)).unwrap().is_empty());

        // a later release goes on
        let second = [first[0], first[1], ("2026-06-20-000000", Step::Contract)];
        let mut harness = Harness::new(&mut conn);
        assert!(harness.has_pending_migration(timeline(&second)).unwrap());
        let run = names(&harness.run_pending_migrations(timeline(&second)).unwrap());
        let rest = ["20260620000000s04switch", "20260620000000s05retire", "20260620000000s06contract"];
        assert_eq!(run, rest);
        assert_eq!(columns::<D>(&mut conn, "versions"), "digest id");
        assert!(!conn.has_pending_migration(timeline(&second)).unwrap());
    }

    fn a_new_database_goes_through_all_of_it_without_waiting() {
        let db = D::fresh();
        let mut conn = db.connect();
        let files = Files::project();
        // both passes of a retype that keeps its name; each of several steps would wait for as long as that
        let timeline = Timeline::<Conn>::new()
            .options(|| expand_contract::Options::new().grace(GRACE))
            .files(files.source())
            .through::<Accounts>("2026-06-01", Step::Contract)
            .through::<Accounts>("2026-07-01", Step::Contract);
        let since = std::time::Instant::now();
        let run = Harness::new(&mut conn).run_pending_migrations(&timeline).unwrap().len();
        assert_eq!(run, 2 + 12);
        let waited = since.elapsed();
        let status = Accounts::migration().status(&mut conn).unwrap();
        assert_eq!(status.stage.phase, Phase::Contracted);
        assert_eq!(columns::<D>(&mut conn, "accounts"), "balance id");
        assert!(waited < GRACE, "{waited:?}");
    }

    fn a_step_that_an_operator_has_gone_past_is_only_noted() {
        let db = D::fresh();
        let mut conn = db.connect();
        let files = Files::project();
        conn.run_pending_migrations(files.source()).unwrap();
        Versions::migration().options(fast()).advance_to(&mut conn, Step::Retire).unwrap();
        let timeline = Timeline::<Conn>::new()
            .options(fast)
            .files(files.source())
            .through::<Versions>("2026-06-01-120000", Step::Switch);
        Harness::new(&mut conn).run_pending_migrations(&timeline).unwrap();
        assert_eq!(phase::<D>(&mut conn), "retired");
        assert_eq!(applied::<D>(&mut conn).len(), 6);
    }

    fn a_step_does_what_is_missing_before_it() {
        let db = D::fresh();
        let mut conn = db.connect();
        let files = Files::project();
        let timeline = Timeline::<Conn>::new()
            .options(fast)
            .files(files.source())
            .through::<Versions>("2026-06-01-120000", Step::Switch);
        Harness::new(&mut conn).run_pending_migrations(&timeline).unwrap();
        // the copy counts as done no longer, though Diesel's table has it
        Versions::migration().options(fast()).rollback(&mut conn).unwrap();
        diesel::sql_query("DELETE FROM __diesel_schema_migrations WHERE version LIKE '%switch'")
            .execute(&mut conn)
            .unwrap();
        Harness::new(&mut conn).run_pending_migrations(&timeline).unwrap();
        assert_eq!(phase::<D>(&mut conn), "switched");
    }

    fn a_file_of_the_step_s_name_takes_its_place() {
        let db = D::fresh();
        let mut conn = db.connect();
        let files = Files::project();
        let timeline = Timeline::<Conn>::new()
            .options(fast)
            .files(files.source())
            .through::<Versions>("2026-06-01-120000", Step::Contract);
        Harness::new(&mut conn).run_pending_migrations(&timeline).unwrap();
        // the migration is over, its annotation is gone
        files.add(
            "2026-06-01-120000s06contract_versions",
            "ALTER TABLE versions RENAME COLUMN checksum TO digest",
            "ALTER TABLE versions RENAME COLUMN digest TO checksum",
        );
        assert!(!conn.has_pending_migration(files.source()).unwrap());
        let new = D::fresh();
        let mut new = new.connect();
        new.run_pending_migrations(files.source()).unwrap();
        assert_eq!(columns::<D>(&mut new, "versions"), columns::<D>(&mut conn, "versions"));
    }
}

/// Far longer than a slow machine needs for everything else.
const GRACE: std::time::Duration = std::time::Duration::from_secs(45);
