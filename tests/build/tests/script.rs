//! A user's project with a build script, built by cargo as a user builds it.

// helpers of tests, where clippy does not see a test
#![allow(clippy::unwrap_used)]

use std::fs;
use std::ops::Deref;
use std::path::Path;
use std::process::{Command, Output};

use tests_build::Folder;

const BUILD_RS: &str = r#"
use expand_contract::build::{Build, Database, Lints, Models, Snapshot, StepFiles};

fn main() -> std::process::ExitCode {
    Build::new()
        .models(Models::new().tree("src/lib.rs").file("models.rs"))
        .snapshot(Snapshot::new("columns.snapshot"))
        .migrations(Lints::new("migrations", Database::Postgres))
        .steps(StepFiles::new("steps", Database::Postgres))
        .run()
}
"#;

/// The user's crate has no Diesel here: what reads like it stands where the compiler does not look.
const LIB_RS: &str = "#[cfg(any())]\nmod gone;\nmacro_rules! table { ($($tokens:tt)*) => {} }\ntable! { users (id) { id -> Integer, email -> Text } }\n";

struct Project {
    files: Folder,
}

impl Deref for Project {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.files
    }
}

impl Project {
    fn new() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let library = fs::canonicalize(workspace.join("expand-contract")).unwrap();
        let project = Project {
            files: Folder::new(),
        };
        project.write(
            "Cargo.toml",
            &format!(
                "[package]\nname = \"user\"\nversion = \"1.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n[build-dependencies]\nexpand-contract = {{ path = {library:?}, default-features = false, features = [\"build\"] }}\n",
            ),
        );
        // The versions of this workspace: nothing is fetched.
        fs::copy(workspace.join("Cargo.lock"), project.path("Cargo.lock")).unwrap();
        project.write("build.rs", BUILD_RS);
        project.write("src/lib.rs", LIB_RS);
        project.write("models.rs", "");
        project.write(
            "migrations/0001_users/up.sql",
            "CREATE TABLE users (id int PRIMARY KEY, email text);\n",
        );
        project
    }

    fn cargo(&self) -> (bool, String) {
        self.cargo_accepting("")
    }

    fn cargo_accepting(&self, accept: &str) -> (bool, String) {
        let Output { status, stderr, .. } = Command::new(env!("CARGO"))
            .args(["build", "--offline", "--verbose", "--color=never"])
            .current_dir(self.root())
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("user"),
            )
            .env_remove("RUSTFLAGS")
            .env("EXPAND_CONTRACT_ACCEPT", accept)
            .output()
            .unwrap();
        (
            status.success(),
            String::from_utf8_lossy(&stderr).into_owned(),
        )
    }

    /// Whether cargo had nothing to do.
    #[track_caller]
    fn is_fresh(&self) -> bool {
        let (succeeded, said) = self.cargo();
        assert!(succeeded, "{said}");
        said.contains("Fresh user v1.0.0")
    }
}

/// One test, one after the other: each step needs what the one before it left.
#[test]
fn a_users_project() {
    let project = Project::new();
    // The source tree is written to only when somebody says so.
    let (succeeded, said) = project.cargo();
    assert!(
        !succeeded && said.contains("error[stale-snapshot]: there is no snapshot"),
        "{said}"
    );
    assert!(!project.path("columns.snapshot").exists());
    let (succeeded, said) = project.cargo_accepting("1");
    assert!(succeeded, "{said}");
    let (succeeded, said) = project.cargo();
    assert!(succeeded, "{said}");
    assert!(!said.contains("warning: user@1.0.0"), "{said}");
    assert!(said.contains("build-script-build"), "{said}");

    // Unchanged: nothing is done. What the script does not read changes nothing either.
    assert!(project.is_fresh());
    project.write("NOTES.md", "later");
    project.write("sql/notes.sql", "DROP TABLE users;");
    assert!(project.is_fresh());

    // A warning is shown, and the build goes on.
    project.write(
        "migrations/0002_name/up.sql",
        "ALTER TABLE users ADD COLUMN name text;\n",
    );
    let (succeeded, said) = project.cargo();
    assert!(succeeded, "{said}");
    let warning = "warning: user@1.0.0: migrations/0002_name/up.sql:1:19: `users` is locked";
    assert!(said.contains(warning), "{said}");

    // An error fails it, with the place as a compiler shows it.
    project.write(
        "migrations/0003_mail/up.sql",
        "SET LOCAL lock_timeout = '1s';\nALTER TABLE users RENAME email TO mail;\n",
    );
    let (succeeded, said) = project.cargo();
    assert!(!succeeded, "{said}");
    for part in [
        "error[rename-column]: column `users.email` is renamed to `mail`",
        "--> migrations/0003_mail/up.sql:2:19",
        "2 | ALTER TABLE users RENAME email TO mail;",
        "= help: annotate the field `mail` with `#[migrate(rename_from = \"email\")]`",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }

    // A renamed column is noticed.
    fs::remove_dir_all(project.path("migrations/0003_mail")).unwrap();
    project.write("src/lib.rs", &LIB_RS.replace("email", "mail"));
    let (succeeded, said) = project.cargo();
    assert!(
        !succeeded && said.contains("error[drift]: `users.email` vanished, `mail` appeared"),
        "{said}"
    );
    assert!(
        said.contains("#[migrate(rename_from = \"email\")]"),
        "{said}"
    );

    // The annotation brings files of steps, written when somebody says so, and read whenever one changes.
    project.write("models.rs", "#[derive(Migrate)]\n#[diesel(table_name = users)]\nstruct User {\n    id: i32,\n    #[migrate(rename_from = \"email\")]\n    mail: String,\n}\n");
    let (succeeded, said) = project.cargo();
    assert!(!succeeded && said.contains("error[step-files]"), "{said}");
    assert!(!project.path("steps").exists());
    let (succeeded, said) = project.cargo_accepting("1");
    assert!(succeeded, "{said}");
    let steps = fs::read_dir(project.path("steps")).unwrap();
    let mut steps: Vec<_> = steps.map(|step| step.unwrap().path()).collect();
    steps.sort();
    assert!(steps.len() > 3, "{steps:?}");
    let (succeeded, said) = project.cargo();
    assert!(succeeded, "{said}");
    assert!(project.is_fresh());
    let file = steps[1].join("up.sql");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}DROP TABLE users;\n")).unwrap();
    let (succeeded, said) = project.cargo();
    assert!(!succeeded && said.contains("error[step-files]"), "{said}");
    assert!(said.contains("DROP TABLE users;"), "{said}");
    fs::write(&file, text).unwrap();
    let (succeeded, said) = project.cargo();
    assert!(succeeded, "{said}");
    assert!(project.is_fresh());

    // A mistake in a model is there too, before the compiler gets to it.
    project.write("src/lib.rs", &format!("{LIB_RS}mod model;\n"));
    project.write("src/model.rs", "#[derive(Migrate)]\n#[diesel(table_name = users)]\nstruct User {\n    id: i32,\n    #[migrate(rename_form = \"mail\")]\n    email: String,\n}\n");
    let (succeeded, said) = project.cargo();
    assert!(!succeeded, "{said}");
    assert!(said.contains("--> src/model.rs:5:15"), "{said}");
}
