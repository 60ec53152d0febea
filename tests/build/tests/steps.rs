//! The files of the steps: what is stale, what is accepted, and what is left alone.

// helpers of tests, where clippy does not see a test
#![allow(clippy::unwrap_used)]

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use expand_contract::build::{Build, Database, Lints, Models, Report, StepFiles};
use tests_build::Folder;

const LIB: &str = "diesel::table! { users (id) { id -> Integer, contact -> Text } }\n\
     #[derive(expand_contract::Migrate)]\n#[diesel(table_name = users)]\n\
     struct User { id: i32, #[migrate(rename_from = \"email\")] contact: String }\n";

struct Project {
    files: Folder,
    database: Database,
}

impl Deref for Project {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.files
    }
}

impl Project {
    fn new(database: Database) -> Self {
        let project = Project {
            files: Folder::new(),
            database,
        };
        project.write("lib.rs", LIB);
        project
    }

    fn files(&self) -> StepFiles {
        StepFiles::new(self.path("steps"), self.database)
            .at("users/contact", "2026-06-01-120000")
            .out(self.path("out"))
    }

    fn build(&self, files: StepFiles) -> Report {
        let models = Models::new().file(self.path("lib.rs"));
        Build::new().models(models).steps(files).check()
    }

    fn check(&self) -> Vec<String> {
        said(&self.build(self.files()))
    }

    fn accept(&self) {
        let report = self.build(self.files().accept());
        assert_eq!(report.errors().next(), None);
    }

    fn step(&self, name: &str) -> PathBuf {
        self.path("steps")
            .join(format!("2026-06-01-120000{name}_users_contact"))
    }
}

fn said(report: &Report) -> Vec<String> {
    let errors = report.errors();
    errors
        .map(|finding| format!("{}: {} ({})", finding.rule, finding.message, finding.help))
        .collect()
}

fn both(test: impl Fn(Project)) {
    for database in [Database::Postgres, Database::Sqlite] {
        test(Project::new(database));
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn nothing_is_written_to_the_sources_unasked() {
    both(|project| {
        let said = project.check();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].contains("files of steps are not there yet"),
            "{said:?}"
        );
        assert!(
            said[0].contains("EXPAND_CONTRACT_ACCEPT=1 cargo build"),
            "{said:?}"
        );
        assert!(!project.path("steps").exists());
        // those of this build are in `OUT_DIR` all the same
        let name = match project.database {
            Database::Sqlite => "sqlite",
            _ => "postgres",
        };
        let out = project.path("out/expand-contract").join(name);
        let written = names(&out);
        assert!(
            written
                .iter()
                .any(|name| name.ends_with("s05retire_users_contact")),
            "{written:?}"
        );
        project.accept();
        assert_eq!(project.check(), [""; 0]);
        assert_eq!(names(&project.path("steps")), written);
        for folder in written {
            for file in ["up.sql", "down.sql"] {
                let text = |root: &Path| fs::read_to_string(root.join(&folder).join(file)).unwrap();
                assert_eq!(text(&out), text(&project.path("steps")));
            }
        }
    });
}

#[test]
fn a_stale_file_is_an_error_with_the_difference() {
    both(|project| {
        project.accept();
        let lib = LIB.replace(
            "rename_from = \"email\"",
            "rename_from = \"email\", retype_from = Integer, up = \"email + 1\", down = \"contact - 1\", lossless",
        );
        project.write(
            "lib.rs",
            &lib.replace("contact -> Text", "contact -> BigInt"),
        );
        let report = project.build(project.files());
        let backfill = project.step("s02backfill").join("up.sql");
        let stale = report
            .errors()
            .find(|finding| finding.file == backfill)
            .unwrap();
        for part in ["\n-", "\n+", "email\" + 1"] {
            assert!(stale.message.contains(part), "{part}: {}", stale.message);
        }
        assert!(stale.at.line > 1 && stale.help.contains("EXPAND_CONTRACT_ACCEPT=1"));
        project.accept();
        assert_eq!(project.check(), [""; 0]);
        // somebody's own change is one, too
        let file = project.step("s04switch").join("up.sql");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("RAISE", "-- RAISE")).unwrap();
        assert_eq!(project.check().len(), 1);
    });
}

#[test]
fn a_folder_may_have_another_time_stamp() {
    both(|project| {
        project.accept();
        let later = project.path("steps/2027-01-01-000000s06contract_users_contact");
        fs::rename(project.step("s06contract"), &later).unwrap();
        assert_eq!(project.check(), [""; 0]);
    });
}

#[test]
fn steps_of_no_migration_are_deleted_only_when_that_is_accepted() {
    both(|project| {
        project.accept();
        project.write(
            "lib.rs",
            "diesel::table! { users (id) { id -> Integer, contact -> Text } }",
        );
        // put there by somebody: not one of these files
        project.write("steps/2026-01-01-000000_own/up.sql", "SELECT 1;");
        let said = project.check();
        assert!(said.len() >= 12, "{said:?}");
        let other = said
            .iter()
            .find(|said| !said.contains("no declared migration has this step"));
        assert_eq!(other, None);
        project.build(StepFiles::new(project.path("steps"), project.database).accept());
        assert_eq!(names(&project.path("steps")), ["2026-01-01-000000_own"]);
    });
}

#[test]
fn what_cannot_be_written_is_said() {
    let project = Project::new(Database::Mysql);
    assert!(project.check()[0].contains("there are no steps for MySQL"));
    both(|project| {
        // a mistake in a model: no file is compared, since some would be missed that are right
        project.write("lib.rs", &LIB.replace("rename_from", "rename_form"));
        let report = project.build(project.files());
        assert!(report.errors().all(|finding| finding.rule == "annotation"));
        assert!(!project.path("out").exists());
        let (_, structs) = LIB.split_once('\n').unwrap();
        project.write("lib.rs", structs);
        let said = project.check();
        assert!(
            said[0].contains("`table! { users … }` is in none of the files"),
            "{said:?}"
        );
        project.write("lib.rs", LIB);
        let files = project.files().at("nobody/here", "2026-06-01-120000");
        let report = project.build(files.accept());
        assert!(report
            .warnings()
            .any(|warning| warning.message.contains("`nobody/here`")));
    });
}

/// A type that only the project knows: there is a plan to read, and no `expand` that runs by itself.
#[test]
fn an_unknown_type_is_the_runner_s() {
    let project = Project::new(Database::Postgres);
    project.write(
        "lib.rs",
        &LIB.replace("contact -> Text", "contact -> crate::sql_types::Mood"),
    );
    project.accept();
    let text = fs::read_to_string(project.step("s01expand").join("up.sql")).unwrap();
    assert!(text.contains("<the type of email>"), "{text}");
    assert!(
        !text.contains("EXECUTE $sql$") && text.contains("the runner has not run `expand`"),
        "{text}"
    );
}

#[test]
fn indexes_of_the_project_s_migrations_are_in_the_files() {
    both(|project| {
        project.write(
            "migrations/2026-01-01-000000_users/up.sql",
            "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL);\n\
             CREATE INDEX users_email ON users (email DESC);\nCREATE INDEX gone ON users (email);\nDROP INDEX gone;\n\
             CREATE INDEX users_lower ON users (lower(email));\n",
        );
        let lints = Lints::new(project.path("migrations"), project.database).after("9");
        let models = Models::new().file(project.path("lib.rs"));
        let build = Build::new()
            .models(models)
            .migrations(lints)
            .steps(project.files().accept());
        build.check();
        let text = fs::read_to_string(project.step("s02backfill").join("up.sql")).unwrap();
        assert!(text.contains("create index users_email_ec_"), "{text}");
        // what only a catalogue can tell is left to it
        assert!(
            !text.contains("users_lower") && !text.contains("gone"),
            "{text}"
        );
    });
}

#[cfg(unix)]
#[test]
fn a_hostile_folder_is_a_finding_or_skipped() {
    use std::os::unix::fs::symlink;
    both(|project| {
        project.accept();
        let steps = project.path("steps");
        fs::write(steps.join("file"), [0, 159, 146, 150]).unwrap();
        project.write("steps/2026-01-01-000000s01expand_other/up.sql", "\u{0}");
        fs::create_dir(steps.join("loop")).unwrap();
        symlink(steps.join("loop"), steps.join("loop/up.sql")).unwrap();
        symlink(steps.join("round"), steps.join("round")).unwrap();
        assert_eq!(project.check(), [""; 0]);
        let up = project.step("s03verify").join("up.sql");
        fs::write(&up, [0xff, 0xfe]).unwrap();
        assert!(project.check()[0].contains("is not UTF-8 text"));
        fs::remove_file(&up).unwrap();
        symlink(&up, &up).unwrap();
        assert!(project.check()[0].contains("cannot be read"));
        fs::remove_file(&up).unwrap();
        fs::create_dir(&up).unwrap();
        assert!(project.check()[0].contains("is not a regular file"));
        fs::remove_dir(&up).unwrap();
        let file = fs::File::create(&up).unwrap();
        file.set_len(100 * 1024 * 1024).unwrap();
        assert!(project.check()[0].contains("is longer than"));
        // a file where the folder should be
        fs::remove_dir_all(&steps).unwrap();
        fs::write(&steps, "").unwrap();
        assert!(project.check()[0].contains("the folder cannot be read"));
    });
}
