//! The files that a build script writes of the steps, run as any other migration.

use std::fs;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use expand_contract::build::{Build, Database, Lints, Models, StepFiles};
use expand_contract::migrations::Timeline;
use expand_contract::phase::Step;
use expand_contract::Migrate;
use tempfile::TempDir;

use crate::common::*;

const VERSIONS: &str = "2026-06-01-120000";
const ACCOUNTS: &str = "2026-07-01-120000";
/// Of its second pass, for which somebody has renamed the folders.
const LATER: &str = "2026-08-01-120000";

/// The steps of the models in `common.rs`, written by the build script's part.
fn steps<D: Db>() -> TempDir {
    steps_beside::<D>(None)
}

/// The same, with what the migrations of a folder tell.
fn steps_beside<D: Db>(migrations: Option<&Path>) -> TempDir {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let database = match D::POSTGRES {
        true => Database::Postgres,
        false => Database::Sqlite,
    };
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diesel_migrations/common.rs");
    let files = StepFiles::new(folder.path(), database)
        .at("versions/digest", VERSIONS)
        .at("accounts/balance", ACCOUNTS)
        .out(out.path())
        .accept();
    let check = || {
        let models = Models::new().file(&models);
        let mut build = Build::new().models(models).steps(files.clone());
        if let Some(folder) = migrations {
            build = build.migrations(Lints::new(folder, database).after("9999"));
        }
        build.check()
    };
    assert_eq!(check().findings, []);
    for step in fs::read_dir(folder.path()).unwrap() {
        let name = step.unwrap().file_name().into_string().unwrap();
        let place = name.strip_prefix(ACCOUNTS);
        if let Some(place) = place.filter(|place| *place > "s07") {
            let later = folder.path().join(format!("{LATER}{place}"));
            fs::rename(folder.path().join(&name), later).unwrap();
        }
    }
    assert_eq!(check().findings, []);
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 6 + 12 + usize::from(D::POSTGRES));
    folder
}

fn source(steps: &TempDir) -> FileBasedMigrations {
    FileBasedMigrations::from_path(steps.path()).unwrap()
}

/// The tables as `table!` tells of them, with rows, and Diesel's own.
fn tables<D: Db>(conn: &mut D::Conn) {
    let own = "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
               run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)";
    D::run(conn, own);
    D::run(
        conn,
        "CREATE TABLE versions (id integer NOT NULL PRIMARY KEY, checksum text NOT NULL); \
         INSERT INTO versions VALUES (1, 'cafe'), (2, 'beef'); \
         CREATE TABLE accounts (id integer NOT NULL PRIMARY KEY, balance integer NOT NULL); \
         INSERT INTO accounts VALUES (1, 100)",
    );
}

on_both! {
    fn files_run_as_far_as_they_can_and_pass_where_the_runner_has_been() {
        let db = D::fresh();
        let mut conn = db.connect();
        tables::<D>(&mut conn);
        let steps = steps::<D>();
        // as far as that is, again and again
        for _ in 0..2 {
            let said = conn.run_pending_migrations(source(&steps)).map(drop).unwrap_err().to_string();
            let stops_at = if D::POSTGRES { "`backfill`" } else { "`expand`" };
            assert!(said.contains(&format!("has not run {stops_at} of migration `versions/digest`")), "{said}");
        }
        let ran = applied::<D>(&mut conn);
        // the ledger's, and that of `expand`
        assert_eq!(ran.len(), if D::POSTGRES { 2 } else { 0 }, "{ran:?}");
        if D::POSTGRES {
            // a release that knows nothing of it
            D::run(&mut conn, "INSERT INTO versions (id, checksum) VALUES (3, 'face')");
            let copied = D::text(&mut conn, "SELECT digest FROM versions WHERE id = 3");
            assert_eq!(copied.as_deref(), Some("face"));
        }
        for step in [Step::Backfill, Step::Verify, Step::Switch, Step::Retire, Step::Contract] {
            Versions::migration().options(fast()).advance_to(&mut conn, step).unwrap();
            let said = conn.run_pending_migrations(source(&steps)).map(drop).unwrap_err().to_string();
            assert!(step == Step::Contract || said.contains("of migration `versions/digest`"), "{said}");
            assert!(applied::<D>(&mut conn).last().unwrap().ends_with(step.as_str()) || step == Step::Contract);
        }
        let said = conn.run_pending_migrations(source(&steps)).map(drop).unwrap_err().to_string();
        assert!(said.contains("of migration `accounts/balance`"), "{said}");
        for _ in 0..2 {
            Accounts::migration().options(fast()).advance_to(&mut conn, Step::Contract).unwrap();
        }
        conn.run_pending_migrations(source(&steps)).unwrap();
        assert_eq!(applied::<D>(&mut conn).len(), 6 + 12 + usize::from(D::POSTGRES));
        assert_eq!(D::text(&mut conn, "SELECT balance FROM accounts").as_deref(), Some("100"));
        // the versions are those of the steps themselves
        let timeline = Timeline::<Conn>::new()
            .through::<Versions>(VERSIONS, Step::Contract)
            .through::<Accounts>(ACCOUNTS, Step::Contract)
            .through::<Accounts>(LATER, Step::Contract);
        assert!(!conn.has_pending_migration(timeline).unwrap());
    }

    /// What the files tell of a step is what the runner does in it, index by index, with only the sources to go by.
    fn the_files_tell_what_the_runner_does() {
        let db = D::fresh();
        let mut conn = db.connect();
        let unique = if D::POSTGRES { "UNIQUE" } else { "" };
        let files = Files::new(&[
            (
                "2026-01-01-000000_create",
                &format!(
                    "CREATE TABLE versions (id integer NOT NULL PRIMARY KEY, checksum text NOT NULL {unique}); \
                     CREATE TABLE accounts (id integer NOT NULL PRIMARY KEY, balance integer NOT NULL)"
                ),
                "DROP TABLE versions; DROP TABLE accounts",
            ),
            (
                "2026-01-02-000000_index",
                "CREATE INDEX versions_down ON versions (checksum DESC, id); CREATE UNIQUE INDEX balances ON accounts (balance)",
                "DROP INDEX versions_down; DROP INDEX balances",
            ),
        ]);
        conn.run_pending_migrations(files.source()).unwrap();
        // the runner does all at once with an empty table
        D::run(&mut conn, "INSERT INTO versions VALUES (1, 'cafe'); INSERT INTO accounts VALUES (1, 100)");
        let steps = steps_beside::<D>(Some(files.path()));
        // from version 18 on a NOT NULL has a name, by which it is carried: the files tell of the versions before
        let version = "SELECT CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'yes' END";
        let is_named = D::POSTGRES && D::text(&mut conn, version).is_some();
        let is_told = |line: &String| {
            let words = ["NOT NULL", "not_null", "_nn_ec_"];
            !(is_named && line.starts_with("ALTER TABLE") && words.iter().any(|word| line.contains(word)))
        };
        let told = |name: String| {
            let folder = fs::read_dir(steps.path()).unwrap().map(|entry| entry.unwrap().path());
            let folder = folder.map(|path| path.to_str().unwrap().to_owned());
            let folder = folder.filter(|path| path.contains(&name)).collect::<Vec<_>>();
            let [folder] = folder.as_slice() else { panic!("{name}: {folder:?}") };
            let text = fs::read_to_string(Path::new(folder).join("up.sql")).unwrap();
            let lines = text.lines().filter_map(|line| line.strip_prefix("--      "));
            lines.map(|line| line.trim_end_matches(';').to_owned()).filter(is_told).collect::<Vec<String>>()
        };
        let said = |actions: Vec<expand_contract::Action>, step: Step| {
            let of_step = |action: &&expand_contract::Action| action.step == step && !action.name.starts_with("wait for");
            let sql = actions.iter().filter(of_step).flat_map(|action| &action.sql);
            sql.flat_map(|sql| sql.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()).filter(is_told).collect::<Vec<String>>()
        };
        let forward = [Step::Expand, Step::Backfill, Step::Verify, Step::Switch, Step::Retire, Step::Contract];
        macro_rules! step_by_step {
            ($migration:ty, $table:literal, $passes:literal) => {
                for i in 0..6 * $passes {
                    let step = forward[i % 6];
                    let plan = said(<$migration>::migration().plan(&mut conn).unwrap(), step);
                    let told = told(format!("s{:02}{step}_{}", i + 1, $table));
                    assert!(!plan.is_empty(), "{i} {step}");
                    let waits = |line: &&String| !line.starts_with("-- until");
                    assert_eq!(told.iter().filter(waits).collect::<Vec<_>>(), plan.iter().collect::<Vec<_>>(), "{i} {step}");
                    <$migration>::migration().options(fast()).advance_to(&mut conn, step).unwrap();
                }
            };
        }
        step_by_step!(Versions, "versions", 1);
        step_by_step!(Accounts, "accounts", 2);
    }

    fn a_file_goes_back_where_the_runner_has_gone_back() {
        let db = D::fresh();
        let mut conn = db.connect();
        tables::<D>(&mut conn);
        let before = D::schema(&mut conn);
        let steps = steps::<D>();
        Versions::migration().options(fast()).advance_to(&mut conn, Step::Switch).unwrap();
        let stopped = conn.run_pending_migrations(source(&steps)).map(drop).unwrap_err().to_string();
        assert!(stopped.contains("`retire`"), "{stopped}");
        assert_eq!(applied::<D>(&mut conn).len(), 4 + usize::from(D::POSTGRES));
        let refused = conn.revert_last_migration(source(&steps)).map(drop).unwrap_err().to_string();
        assert!(refused.contains("`switch` of migration `versions/digest` stands"), "{refused}");
        Versions::migration().options(fast()).rollback(&mut conn).unwrap();
        for _ in 0..3 {
            conn.revert_last_migration(source(&steps)).unwrap();
        }
        let refused = conn.revert_last_migration(source(&steps)).map(drop).unwrap_err().to_string();
        assert!(refused.contains("`expand` of migration `versions/digest` stands"), "{refused}");
        Versions::migration().options(fast()).rollback(&mut conn).unwrap();
        for _ in 0..1 + usize::from(D::POSTGRES) {
            conn.revert_last_migration(source(&steps)).unwrap();
        }
        assert!(applied::<D>(&mut conn).is_empty());
        assert_eq!(D::schema(&mut conn), before);
    }
}

mod on_postgres {
    use diesel::PgConnection;

    use super::*;

    type D = Postgres;

    /// The ledger's rows, but for who wrote them when.
    fn ledger(conn: &mut PgConnection) -> String {
        let rows = |sql: &str| {
            format!("(SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM ({sql}) t)")
        };
        let sql = format!(
            "SELECT concat_ws(E'\\n', {}, {}, {}, {})",
            rows(
                "SELECT id, generation, table_name, pass, phase, old_incomplete, cleanup, epoch, definition, definition_hash, \
                 reads, writes, backfilled, verified, published, settled, published_by FROM expand_contract.migrations"
            ),
            rows("SELECT * FROM expand_contract.columns"),
            rows("SELECT id, generation, epoch, step, action FROM expand_contract.actions"),
            rows("SELECT * FROM expand_contract.meta"),
        );
        D::text(conn, &sql).unwrap()
    }

    /// All about the ledger's own tables, functions and sequences.
    fn own_schema(conn: &mut PgConnection) -> String {
        let sql = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM ( \
             SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' ' \
               || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' ' || coalesce(c.relacl::text, '') || c.relrowsecurity \
               || c.relreplident::text AS line \
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
             LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
             WHERE c.relnamespace = 'expand_contract'::regnamespace \
             UNION ALL SELECT pg_get_functiondef(oid) || proacl::text FROM pg_proc WHERE pronamespace = 'expand_contract'::regnamespace \
             UNION ALL SELECT tablename || policyname || coalesce(qual, '') FROM pg_policies WHERE schemaname = 'expand_contract') s";
        D::text(conn, sql).unwrap()
    }

    #[test]
    fn the_file_of_expand_does_what_the_runner_does() {
        let (plain, run) = (D::fresh(), D::fresh());
        let (mut plain, mut run) = (plain.connect(), run.connect());
        tables::<D>(&mut plain);
        tables::<D>(&mut run);
        let steps = steps::<D>();
        plain
            .run_pending_migrations(source(&steps))
            .map(drop)
            .unwrap_err();
        // as far as the runner is when its first transaction is over
        let stop = |event: &expand_contract::ActionEvent| match event.action.as_str() {
            "wait for instances" => std::ops::ControlFlow::Break(()),
            _ => std::ops::ControlFlow::Continue(()),
        };
        Versions::migration()
            .options(fast().on_action(stop))
            .advance_to(&mut run, Step::Expand)
            .unwrap_err();
        assert_eq!(D::schema(&mut plain), D::schema(&mut run));
        assert_eq!(ledger(&mut plain), ledger(&mut run));
        assert_eq!(own_schema(&mut plain), own_schema(&mut run));
        // nothing of it stays with the connection
        let fresh = D::text(
            &mut run,
            "SELECT current_setting('lock_timeout') || current_setting('search_path')",
        );
        let left = D::text(
            &mut plain,
            "SELECT current_setting('lock_timeout') || current_setting('search_path')",
        );
        assert_eq!(left, fresh);
    }

    /// What `table!` does not tell is not guessed.
    #[test]
    fn a_table_that_is_another_one_is_left_alone() {
        for (change, why) in [
            (
                "ALTER TABLE versions ALTER COLUMN checksum TYPE varchar(64)",
                "column checksum of public.versions is not a text NOT NULL",
            ),
            (
                "ALTER TABLE versions ALTER COLUMN checksum DROP NOT NULL",
                "column checksum of public.versions is not a text NOT NULL",
            ),
            (
                "ALTER TABLE versions ALTER COLUMN checksum SET DEFAULT ''",
                "with nothing else to it",
            ),
            (
                "ALTER TABLE versions ALTER COLUMN checksum SET STORAGE EXTERNAL",
                "with nothing else to it",
            ),
            (
                "ALTER TABLE versions ALTER COLUMN checksum SET STATISTICS 10",
                "with nothing else to it",
            ),
            (
                "ALTER TABLE versions ALTER COLUMN checksum TYPE text COLLATE \"C\"",
                "with nothing else to it",
            ),
            (
                "COMMENT ON COLUMN versions.checksum IS 'hex'",
                "with nothing else to it",
            ),
            (
                "GRANT SELECT (checksum) ON versions TO PUBLIC",
                "with nothing else to it",
            ),
            (
                "ALTER TABLE versions DROP CONSTRAINT versions_pkey",
                "the primary key of public.versions",
            ),
            ("CREATE TABLE more () INHERITS (versions)", "no plain table"),
            (
                "CREATE SCHEMA app; ALTER TABLE versions SET SCHEMA app; \
                 ALTER TABLE __diesel_schema_migrations SET SCHEMA app; SET search_path = app, public",
                "public.versions is not the table",
            ),
            ("DROP TABLE versions", "public.versions is not there"),
        ] {
            let db = D::fresh();
            let mut conn = db.connect();
            tables::<D>(&mut conn);
            D::run(&mut conn, change);
            let before = D::schema(&mut conn);
            let steps = steps::<D>();
            let said = conn
                .run_pending_migrations(source(&steps))
                .map(drop)
                .unwrap_err()
                .to_string();
            assert!(
                said.contains(why) && said.contains("Step::Expand"),
                "{change}: {said}"
            );
            assert_eq!(D::schema(&mut conn), before);
            let begun = D::text(&mut conn, "SELECT count(*) FROM expand_contract.migrations");
            assert_eq!(begun.as_deref(), Some("0"), "{change}");
        }
    }

    /// Nor is what others are at.
    #[test]
    fn who_is_at_the_table_is_not_disturbed() {
        let db = D::fresh();
        let mut conn = db.connect();
        tables::<D>(&mut conn);
        let steps = steps::<D>();
        let run = |conn: &mut PgConnection| {
            conn.run_pending_migrations(source(&steps))
                .map(drop)
                .unwrap_err()
                .to_string()
        };
        Versions::migration().prepare(&mut conn).unwrap();
        let me =
            "INSERT INTO expand_contract.runners VALUES ('public.versions', 'somebody', 1, 0, 1)";
        D::run(&mut conn, me);
        assert!(run(&mut conn).contains("a runner is at work on the table"));
        D::run(&mut conn, "DELETE FROM expand_contract.runners");
        D::run(
            &mut conn,
            "INSERT INTO expand_contract.migrations (id, generation, table_name, pass, phase, definition, definition_hash, reads, writes) \
             VALUES ('other', 1, 'public.versions', 1, 'expanded', '', '', '', '')",
        );
        assert!(run(&mut conn).contains("another migration of the table is under way"));
        D::run(&mut conn, "DELETE FROM expand_contract.migrations");
        D::run(
            &mut conn,
            "UPDATE expand_contract.meta SET version = version + 1",
        );
        assert!(run(&mut conn).contains("one of another release"));
        D::run(
            &mut conn,
            "UPDATE expand_contract.meta SET version = version - 1",
        );
        // a reader holds the table: the file gives up, and nobody queues behind it
        let mut reader = db.connect();
        reader
            .batch_execute("BEGIN; SELECT * FROM versions")
            .unwrap();
        assert!(run(&mut conn).contains("lock timeout"));
        reader.batch_execute("COMMIT").unwrap();
        assert!(run(&mut conn).contains("`backfill`"));
    }
}
