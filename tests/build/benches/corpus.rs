//! How long a build script takes over a real project's size: 1,000 migrations, made up, with what projects write.
//!
//! `cargo bench -p tests-build` optimized; as a build script has it, which is not: `cargo test -p tests-build --bench corpus`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod project;

use std::fs;
use std::path::Path;
use std::time::Instant;

use expand_contract::build::{Build, Database, Lints, Models, Report, Snapshot};

fn measured(name: &str, check: impl Fn() -> Report) -> Report {
    // what the page cache has and what it has not is nobody's business here
    check();
    let started = Instant::now();
    let report = check();
    let seconds = started.elapsed().as_secs_f64();
    println!("figure {name} seconds {seconds:.3}");
    report
}

fn is_understood(report: &Report) {
    for finding in &report.findings {
        let rule = finding.rule;
        assert!(rule != "not-understood" && rule != "not-read", "{finding}");
    }
}

fn project(root: &Path, database: Database) -> Build {
    Build::new()
        .models(Models::new().tree(root.join("src/lib.rs")))
        .snapshot(Snapshot::new(root.join("columns.snapshot")).accept("1"))
        .migrations(Lints::new(root.join("migrations"), database))
}

fn main() {
    for (name, database) in [
        ("postgres", Database::Postgres),
        ("sqlite", Database::Sqlite),
        ("mysql", Database::Mysql),
    ] {
        let root = tempfile::TempDir::new().unwrap();
        let written = project::write(root.path(), database);
        println!(
            "figure corpus_{name} migrations {} bytes {}",
            written.migrations, written.bytes
        );
        let migrations = root.path().join("migrations");
        let files = project::MIGRATIONS;
        let report = measured(&format!("lints_of_{files}_files_{name}"), || {
            Lints::new(&migrations, database).check()
        });
        is_understood(&report);
        assert!(report.errors().count() >= files / 10, "{name}");
        let report = measured(
            &format!("lints_models_snapshot_{files}_files_{name}"),
            || project(root.path(), database).check(),
        );
        is_understood(&report);
        // the columns that the last migrations drop are read
        let in_use = report.errors().filter(|it| it.rule == "drop-column-in-use");
        assert!(in_use.count() >= 10, "{name}");
        assert!(
            fs::read_to_string(root.path().join("columns.snapshot"))
                .unwrap()
                .lines()
                .count()
                > 1_000
        );
    }
}
