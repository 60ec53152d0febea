//! The derive and the build script refuse the same things, at the same places, in the same words.
//!
//! What the derive says is in the `.stderr` beside each case of `tests/tests/ui`, written by the compiler; what follows has
//! an error code (`E0277`) there, which no macro gives.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use expand_contract::build::{Models, ModelsFound};

use crate::support::ids;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut open = vec![folder.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// `line:column message`, for every error that a macro gave.
fn said_by_the_compiler(stderr: &str) -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    let mut message: Option<String> = None;
    for line in stderr.lines() {
        if let Some(first) = line.strip_prefix("error: ") {
            message = Some(first.trim().to_string());
        } else if let (Some(text), Some(place)) = (&mut message, line.trim().strip_prefix("--> ")) {
            let place = place.split_once(".rs:").map_or(place, |(_, place)| place);
            said.insert(format!("{place} {text}"));
            message = None;
        } else if let (Some(text), true) = (&mut message, line.starts_with("       ")) {
            text.push_str(" / ");
            text.push_str(line.trim());
        } else {
            message = None;
        }
    }
    said
}

fn said_here(found: &ModelsFound) -> BTreeSet<String> {
    let findings = found.report().findings.iter();
    // What stands in two places is no derive's to compare.
    let findings = findings.filter(|finding| finding.rule != "schema");
    findings
        .map(|finding| {
            let text = match finding.help.as_str() {
                "" => finding.message.clone(),
                help => format!("{}\nhelp: {help}", finding.message),
            };
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            format!("{} {}", finding.at, lines.join(" / "))
        })
        .collect()
}

/// What Diesel's own macro, or the parser of what it makes, says beside ours.
const DIESELS: &[(&str, &str)] = &[(
    "table/invalid_table.rs",
    "6:5 missing `fn` for function definition",
)];

#[test]
fn every_mistake_of_the_derives_tests() {
    let (mut cases, mut errors) = (0, 0);
    for file in rust_files(&root().join("tests/tests/ui")) {
        let stderr = fs::read_to_string(file.with_extension("stderr")).unwrap();
        let mut expected = said_by_the_compiler(&stderr);
        for (case, said) in DIESELS {
            if file.ends_with(case) {
                assert!(expected.remove(*said), "{case}");
            }
        }
        let found = said_here(&Models::new().tree(&file).read());
        assert_eq!(found, expected, "{}", file.display());
        cases += 1;
        errors += expected.len();
    }
    assert!(
        cases >= 100 && errors >= 80,
        "{cases} cases with {errors} errors"
    );
}

/// What compiles has no errors here, and the migrations that run have the ids by which they are known.
#[test]
fn every_example() {
    let mut found = Vec::new();
    for folder in fs::read_dir(root().join("examples")).unwrap() {
        let source = folder.unwrap().path().join("src");
        for main in ["main.rs", "lib.rs"] {
            let main = source.join(main);
            if main.is_file() {
                let read = Models::new().tree(&main).read();
                assert!(
                    read.report().findings.is_empty(),
                    "{:#?}",
                    read.report().findings
                );
                found.extend(ids(&read));
            }
        }
    }
    found.sort();
    assert!(
        found.contains(&"versions/tar_sha256".to_string()),
        "{found:?}"
    );
}

/// The scenarios, which compile as well: nothing is refused that the derives take.
#[test]
fn every_scenario() {
    let mut migrations = 0;
    for file in rust_files(&root().join("tests/tests")) {
        if file.components().any(|part| part.as_os_str() == "ui") {
            continue;
        }
        let read = Models::new().file(&file).read();
        let errors: Vec<_> = read.report().errors().collect();
        assert!(errors.is_empty(), "{errors:#?}");
        migrations += read.migrations().len();
    }
    assert!(migrations > 30, "{migrations}");
}
