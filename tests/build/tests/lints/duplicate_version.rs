use std::fs;

use expand_contract::build::{Database, Lints};
use tempfile::TempDir;

const RULE: &str = "duplicate-version";

fn found(folders: &[&str]) -> Vec<String> {
    let root = TempDir::new().unwrap();
    for folder in folders {
        let folder = root.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("up.sql"), "SELECT 1;").unwrap();
    }
    let findings = Lints::new(root.path(), Database::Postgres).check().findings;
    let of_rule = findings.iter().filter(|finding| finding.rule == RULE);
    of_rule
        .map(|finding| {
            finding
                .file
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

#[test]
fn hyphens_do_not_count() {
    assert_eq!(found(&["2026-01-01_a", "20260101_b"]), ["20260101_b"]);
}

#[test]
fn different_versions() {
    assert!(found(&["2026-01-01_a", "2026-01-02_a"]).is_empty());
}

/// Each folder of migrations has an order of its own.
#[test]
fn in_another_folder() {
    assert!(found(&["postgres/2026-01-01_a", "sqlite/2026-01-01_a"]).is_empty());
}
