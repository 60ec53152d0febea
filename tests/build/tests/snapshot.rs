//! The committed snapshot: what a build script sees that one build cannot.

// helpers of tests, where clippy does not see a test
#![allow(clippy::unwrap_used)]

use std::fs;
use std::ops::Deref;

use expand_contract::build::{Build, Database, Finding, Level, Lints, Models, Snapshot};
use tests_build::Folder;

/// A project whose snapshot is up to date.
struct Project {
    files: Folder,
}

impl Deref for Project {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.files
    }
}

fn table(columns: &str) -> String {
    format!("diesel::table! {{ users (id) {{ id -> Integer, {columns} }} }}\n")
}

fn annotated(columns: &str, fields: &str) -> String {
    format!(
        "{}#[derive(expand_contract::Migrate)]\n#[diesel(table_name = users)]\nstruct User {{ id: i32, {fields} }}\n",
        table(columns)
    )
}

const RENAME: &str = "#[migrate(rename_from = \"email\")] contact: String";

impl Project {
    fn new(lib: &str) -> Self {
        let project = Project {
            files: Folder::new(),
        };
        fs::create_dir(project.path("migrations")).unwrap();
        project.write("lib.rs", lib);
        assert_eq!(project.rules("1"), [""; 0]);
        assert_eq!(project.rules(""), [""; 0]);
        project
    }

    fn snapshot(&self) -> String {
        fs::read_to_string(self.path("columns.snapshot")).unwrap()
    }

    /// Puts `line` below the line that begins with `below`.
    fn note(&self, below: &str, line: &str) {
        let text = self.snapshot();
        let at = text.lines().position(|l| l.starts_with(below)).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.insert(at + 1, line);
        self.write("columns.snapshot", &(lines.join("\n") + "\n"));
    }

    fn check(&self, accept: &str) -> Vec<Finding> {
        let mut snapshot = Snapshot::new(self.path("columns.snapshot"));
        if !accept.is_empty() {
            snapshot = snapshot.accept(accept);
        }
        Build::new()
            .models(Models::new().tree(self.path("lib.rs")))
            .snapshot(snapshot)
            .migrations(Lints::new(self.path("migrations"), Database::Postgres))
            .check()
            .findings
    }

    fn rules(&self, accept: &str) -> Vec<&'static str> {
        self.check(accept)
            .iter()
            .map(|finding| finding.rule)
            .collect()
    }

    /// The only finding.
    #[track_caller]
    fn says(&self, accept: &str, rule: &str) -> Finding {
        let mut findings = self.check(accept);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(findings[0].rule, rule);
        findings.remove(0)
    }
}

#[test]
fn it_is_written_when_asked_for_and_not_before() {
    let project = Project {
        files: Folder::new(),
    };
    fs::create_dir(project.path("migrations")).unwrap();
    project.write("lib.rs", &table("email -> Text"));
    let finding = project.says("", "stale-snapshot");
    assert!(finding
        .help
        .contains("EXPAND_CONTRACT_ACCEPT=1 cargo build"));
    assert!(!project.path("columns.snapshot").exists());
    assert_eq!(project.rules("1"), [""; 0]);
    assert!(project
        .snapshot()
        .ends_with("table users\n  column email Text\n  column id Integer\n"));
}

#[test]
fn what_is_stale_is_shown() {
    let project = Project::new(&table("email -> Text"));
    project.write("lib.rs", &table("email -> Text, name -> Nullable<Text>"));
    let before = project.snapshot();
    let finding = project.says("", "stale-snapshot");
    assert!(
        finding
            .message
            .ends_with("\n+table users: column name Nullable<Text>"),
        "{}",
        finding.message
    );
    assert_eq!(project.snapshot(), before);
    assert_eq!(project.rules("1"), [""; 0]);
    assert_eq!(project.rules(""), [""; 0]);
    project.write("lib.rs", &table("email -> Text"));
    let finding = project.says("", "stale-snapshot");
    assert!(
        finding
            .message
            .contains("\n-table users: column name Nullable<Text>\n+retired users name 2"),
        "{finding}"
    );
    let line = project
        .snapshot()
        .lines()
        .nth(finding.at.line - 1)
        .unwrap()
        .to_string();
    assert_eq!(line, "  column name Nullable<Text>");
}

/// The next migration that a tool generates from the difference would drop the values.
#[test]
fn fm43_a_field_renamed_without_an_annotation() {
    let project = Project::new(&table("email -> Text, age -> Integer"));
    project.write("lib.rs", &table("contact -> Text, age -> Integer"));
    for accept in ["", "1"] {
        let finding = project.says(accept, "drift");
        assert!(
            finding
                .message
                .contains("`users.email` vanished, `contact` appeared"),
            "{finding}"
        );
        assert!(
            finding
                .help
                .contains("`#[migrate(rename_from = \"email\")]` on `contact`"),
            "{finding}"
        );
        let line = project
            .snapshot()
            .lines()
            .nth(finding.at.line - 1)
            .unwrap()
            .to_string();
        assert_eq!(line, "  column email Text");
    }
    // With what it says, all is well.
    project.write(
        "lib.rs",
        &annotated("contact -> Text, age -> Integer", RENAME),
    );
    assert_eq!(project.rules("1"), [""; 0]);
    assert!(project
        .snapshot()
        .contains("migration users/contact 1 users\n  change contact email\n"));
    assert!(!project.snapshot().contains("\nretired"));
}

#[test]
fn fm43_another_type() {
    let project = Project::new(&table("checksum -> Text"));
    project.write("lib.rs", &table("sha -> Binary"));
    let finding = project.says("1", "drift");
    assert!(
        finding
            .help
            .contains("rename_from = \"checksum\", retype_from = Text"),
        "{finding}"
    );
    project.write("lib.rs", &table("checksum -> Binary"));
    let finding = project.says("1", "drift");
    assert!(
        finding.message.contains("was Text and is Binary"),
        "{finding}"
    );
    assert!(
        finding.help.contains("#[migrate(retype_from = Text"),
        "{finding}"
    );
    let fields = "#[migrate(retype_from = Text, up = \"decode(checksum, 'hex')\", down = \"encode(checksum, 'hex')\")] checksum: Vec<u8>";
    project.write("lib.rs", &annotated("checksum -> Binary", fields));
    assert_eq!(project.rules("1"), [""; 0]);
}

#[test]
fn one_gone_and_another_come_by_chance() {
    let project = Project::new(&table("fax -> Text"));
    project.write("lib.rs", &table("avatar -> Text"));
    assert_eq!(project.rules("users.email"), ["drift"]);
    assert_eq!(project.rules("users.fax"), [""; 0]);
    assert!(project.snapshot().contains("\nretired users fax 2"));
}

#[test]
fn fm43_an_annotation_removed_too_early() {
    let project = Project::new(&annotated("contact -> Text", RENAME));
    project.write("lib.rs", &table("contact -> Text"));
    for accept in ["", "1"] {
        let finding = project.says(accept, "removed-annotation");
        assert!(
            finding
                .message
                .contains("`users/contact` (generation 1, `email` to `contact` of `users`)"),
            "{finding}"
        );
    }
    project.note("migration users/contact", "  contracted 2026-01-31");
    assert_eq!(project.rules(""), ["stale-snapshot"]);
    assert_eq!(project.rules("1"), [""; 0]);
    assert!(!project.snapshot().contains("\nmigration"));
}

#[test]
fn a_migration_that_never_began() {
    let project = Project::new(&table("email -> Text"));
    project.write("lib.rs", &annotated("contact -> Text", RENAME));
    assert_eq!(project.rules("1"), [""; 0]);
    project.write("lib.rs", &table("email -> Text"));
    assert_eq!(project.rules("1"), ["drift", "removed-annotation"]);
    project.note("migration users/contact", "  withdrawn 2026-01-31");
    assert_eq!(project.rules("1"), [""; 0]);
    assert!(
        !project.snapshot().contains("\nretired"),
        "{}",
        project.snapshot()
    );
}

#[test]
fn fm44_a_migration_that_everybody_forgets() {
    let project = Project::new(&annotated("contact -> Text", RENAME));
    project.note("migration users/contact", "  contracted 2999-01-31");
    assert_eq!(project.rules(""), [""; 0]);
    let text = project.snapshot().replace("2999", "2001");
    project.write("columns.snapshot", &text);
    let finding = project.says("", "finished-migration");
    assert_eq!((finding.level, finding.at.line), (Level::Warn, 4));
    assert!(finding.message.contains("on 2001-01-31"), "{finding}");
    // What was written by hand stays.
    assert_eq!(project.rules("1"), ["finished-migration"]);
    assert_eq!(project.snapshot(), text);
}

/// Neither the code nor a single file shows it: a release that still runs may read the column.
#[test]
fn a_drop_before_the_code_was_retired() {
    let project = Project::new(&table("email -> Text"));
    project.write("lib.rs", &table(""));
    let folder = project.path("migrations/0001_drop");
    fs::create_dir(&folder).unwrap();
    fs::write(
        folder.join("up.sql"),
        "SET LOCAL lock_timeout = '1s';\nALTER TABLE users DROP COLUMN email;",
    )
    .unwrap();
    // In the change that takes the column out of the code …
    assert_eq!(project.rules(""), ["stale-snapshot", "drop-column-in-use"]);
    // … and after it, as long as the line says that releases from before may run.
    assert_eq!(project.rules("1"), ["drop-column-in-use"]);
    let finding = project.says("", "drop-column-in-use");
    assert!(
        finding.message.contains("a release from before 2"),
        "{finding}"
    );
    let kept: Vec<String> = project
        .snapshot()
        .lines()
        .filter(|line| !line.starts_with("retired"))
        .map(str::to_string)
        .collect();
    project.write("columns.snapshot", &(kept.join("\n") + "\n"));
    assert_eq!(project.rules(""), ["drop-column"]);
}

#[test]
fn a_snapshot_that_cannot_be_read() {
    let project = Project::new(&table("email -> Text"));
    project.note("table users", "<<<<<<< HEAD");
    for accept in ["", "1"] {
        let finding = project.says(accept, "snapshot");
        assert!(
            finding
                .message
                .contains("`<<<<<<< HEAD` is no line of a snapshot"),
            "{finding}"
        );
    }
    fs::write(project.path("columns.snapshot"), [0xff, 0]).unwrap();
    project.says("1", "snapshot");
}

/// A model with a mistake says nothing of its columns: that must not be taken for their end.
#[test]
fn nothing_is_accepted_beside_an_error() {
    let project = Project::new(&annotated("contact -> Text", RENAME));
    let before = project.snapshot();
    project.write("lib.rs", "struct {");
    assert_eq!(project.rules("1"), ["removed-annotation", "rust-syntax"]);
    assert_eq!(project.snapshot(), before);
}

#[test]
fn names_that_need_quotes_and_schemas() {
    let project = Project::new("diesel::table! { other.things (id) { id -> Integer, #[sql_name = \"a \\\"b\\\" #\"] odd -> Text } }");
    assert!(
        project
            .snapshot()
            .contains("table other.things\n  column \"a \\\"b\\\" #\" Text\n"),
        "{}",
        project.snapshot()
    );
}
