//! A rule is a file, a heading and a file of tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use expand_contract::build::{databases_of, rules, Database, Level};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn stems(folder: &Path, others: &[&str]) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let stems = entries.map(|entry| entry.unwrap().path());
    let stems = stems.map(|path| {
        path.file_stem()
            .unwrap()
            .to_string_lossy()
            .replace('_', "-")
    });
    stems
        .filter(|stem| !others.contains(&stem.as_str()))
        .collect()
}

/// `## rule-id`, with the line below it.
fn headings() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("docs/lints.md")).unwrap();
    let mut lines = text.lines();
    let mut headings = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(id) = line.strip_prefix("## ") {
            let below = lines.find(|line| !line.is_empty()).unwrap_or_default();
            headings.push((id.to_string(), below.to_string()));
        }
    }
    headings
}

#[test]
fn every_rule_has_its_file_its_tests_and_its_heading() {
    let ids: BTreeSet<String> = rules().map(|(id, _)| id.to_string()).collect();
    assert!(ids.len() > 60);
    assert_eq!(ids.len(), rules().count(), "an id is there twice");
    let sources = root().join("expand-contract/src/build/lints/rules");
    assert_eq!(stems(&sources, &["mod"]), ids);
    let tests = root().join("tests/build/tests/lints");
    let others = ["main", "agreement", "guides", "real", "support"];
    assert_eq!(stems(&tests, &others), ids);
    let headings: Vec<String> = headings().into_iter().map(|(id, _)| id).collect();
    let in_order: Vec<&str> = rules().map(|(id, _)| id).collect();
    assert_eq!(headings, in_order);
}

/// The line below a heading says the level and the databases.
#[test]
fn the_documentation_says_what_holds() {
    for ((id, level), (_, below)) in rules().zip(headings()) {
        let level = match level {
            Level::Allow => "off",
            Level::Warn => "warning",
            Level::Deny => "error",
        };
        let databases: Vec<String> = databases_of(id).iter().map(Database::to_string).collect();
        assert_eq!(
            below,
            format!("*{level}; {}*", databases.join(", ")),
            "{id}"
        );
    }
}

/// A test file tests the rule of its name, both ways.
#[test]
fn every_file_of_tests_is_about_its_rule() {
    for (id, _) in rules() {
        let file = root().join(format!(
            "tests/build/tests/lints/{}.rs",
            id.replace('-', "_")
        ));
        let text = fs::read_to_string(file).unwrap();
        assert!(
            text.contains(&format!("const RULE: &str = \"{id}\";")),
            "{id}"
        );
        assert!(text.matches("#[test]").count() > 1, "{id}");
    }
}
