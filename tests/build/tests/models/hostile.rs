//! Files that nobody meant: an answer, never a panic, never a build that hangs.

use std::fs;

use expand_contract::build::{Database, Lints, Models};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{places, Sources};

#[track_caller]
fn is_skipped(text: &str, saying: &str) {
    let sources = Sources::new(&[("src/lib.rs", text)]);
    let found = sources.tree();
    let findings = &found.report().findings;
    assert_eq!(findings.len(), 1, "{:.300?}", findings);
    assert!(
        findings[0].message.contains(saying),
        "{:.300}",
        findings[0].message
    );
}

#[test]
fn deep_and_long() {
    is_skipped(
        &format!(
            "const A: i32 = {}1{};",
            "(".repeat(50_000),
            ")".repeat(50_000)
        ),
        "levels deep",
    );
    is_skipped(
        &format!("m! {{ {}{} }}", "[".repeat(50_000), "]".repeat(50_000)),
        "levels deep",
    );
    is_skipped(
        &format!("const A: bool = {}true;", "!".repeat(200_000)),
        "a chain of more than",
    );
    is_skipped(
        &format!("fn f() {{ if a {{}} {} }}", "else if a {}".repeat(50_000)),
        "a chain of more than",
    );
    is_skipped(
        &format!("type A = {}u8;", "&".repeat(200_000)),
        "a chain of more than",
    );
}

/// What is just below the limits is parsed.
#[test]
fn at_the_limits() {
    for text in [
        format!("const A: i32 = {}1{};", "(".repeat(200), ")".repeat(200)),
        format!("const A: bool = {}true;", "!".repeat(9_000)),
        format!("const A: i32 = 1{};", " + 1".repeat(4_000)),
        format!("fn f() {{ if a {{}} {} }}", "else if a {}".repeat(2_400)),
        format!("type A = {}u8{};", "V<".repeat(3_000), ">".repeat(3_000)),
        format!(
            "mod m {{ {} }}",
            "fn f() {} struct S { a: i32 }".repeat(20_000)
        ),
    ] {
        let sources = Sources::new(&[("src/lib.rs", &text)]);
        let found = sources.tree();
        assert!(
            found.report().findings.is_empty(),
            "{:.300?}",
            found.report().findings
        );
    }
}

#[test]
fn binary_and_large() {
    let sources = Sources::new(&[("src/lib.rs", "mod a; mod b;")]);
    fs::write(sources.path().join("src/a.rs"), [0xff, 0xfe, 0, 1]).unwrap();
    let large = fs::File::create(sources.path().join("src/b.rs")).unwrap();
    large.set_len(100 * 1024 * 1024).unwrap();
    let found = sources.tree();
    assert_eq!(
        places(&found, sources.path()),
        ["src/lib.rs:1:5 module", "src/lib.rs:1:12 module"]
    );
}

#[test]
fn a_folder_in_place_of_a_file() {
    let sources = Sources::new(&[("src/lib.rs", "mod a;"), ("src/a.rs/x", "")]);
    let found = sources.tree();
    assert_eq!(places(&found, sources.path()), ["src/lib.rs:1:5 module"]);
}

#[test]
fn no_root() {
    let found = Models::new()
        .tree("/nowhere/lib.rs")
        .folder("/nowhere")
        .file("/nowhere/x.rs")
        .read();
    assert_eq!(found.report().errors().count(), 3);
}

/// A model that a macro writes is seen by its derive only; it is said so.
#[test]
fn models_within_macros() {
    let sources = Sources::new(&[(
        "src/lib.rs",
        "macro_rules! m { () => { #[derive(Migrate)] struct A; } }\nwrap! {\n  #[derive(Migrate)] struct B;\n}\n",
    )]);
    let found = sources.tree();
    assert_eq!(
        places(&found, sources.path()),
        [
            "src/lib.rs:1:35 unseen-macro",
            "src/lib.rs:3:12 unseen-macro"
        ]
    );
}

const SQL: &[&str] = &[
    "ALTER",
    "TABLE",
    "CREATE",
    "DROP",
    "INDEX",
    "CONCURRENTLY",
    "IF",
    "NOT",
    "EXISTS",
    "ON",
    "ONLY",
    "users",
    "\"a b\"",
    "ADD",
    "COLUMN",
    "CONSTRAINT",
    "CHECK",
    "FOREIGN",
    "KEY",
    "PRIMARY",
    "UNIQUE",
    "REFERENCES",
    "NULL",
    "DEFAULT",
    "TYPE",
    "int",
    "varchar(3)",
    "numeric(",
    "(",
    ")",
    ",",
    ";",
    "'text'",
    "'",
    "$$",
    "$a$",
    "--",
    "-- expand-contract: allow(",
    "/*",
    "*/",
    "BEGIN",
    "END",
    "CASE",
    "TRIGGER",
    "FUNCTION",
    "UPDATE",
    "SET",
    "=",
    "DELETE",
    "FROM",
    "WHERE",
    "INSERT",
    "INTO",
    "SELECT",
    "WITH",
    "AS",
    "PRAGMA",
    "VACUUM",
    "REINDEX",
    "TRUNCATE",
    "RENAME",
    "TO",
    "MODIFY",
    "CHANGE",
    "`",
    "\"",
    ".",
    "*",
    "::",
    "1",
    "-1",
    "\n",
    "\t",
    "\u{0}",
    "ä",
    "\\",
    "@",
    "%",
    "[",
    "]",
    "{",
    "}",
    "VALUE",
    "ENUM",
    "PARTITION",
    "OF",
    "ATTACH",
    "DETACH",
    "USING",
    "SCHEMA",
    "EXTENSION",
    "DOMAIN",
    "LIKE",
    "GENERATED",
    "ALWAYS",
    "STORED",
    "IDENTITY",
];

const RUST: &[&str] = &[
    "#[derive(Migrate)]",
    "#[derive(expand_contract::Insertable, Migrate)]",
    "#[diesel(table_name = t)]",
    "struct",
    "enum",
    "A",
    "{",
    "}",
    "(",
    ")",
    "id",
    ":",
    "i32",
    ",",
    ";",
    "#[migrate(",
    "rename_from",
    "=",
    "\"old\"",
    "\"",
    ")]",
    "retype_from",
    "up",
    "down",
    "Nullable<Text>",
    "diesel::table!",
    "->",
    "#[expand_contract::migrate(",
    "a(",
    "mod",
    "x",
    "#[cfg(",
    "#[cfg_attr(",
    "unix",
    "not(",
    "#[path",
    "use",
    "expand_contract::prelude::*",
    "fn",
    "f()",
    "include!",
    "'a",
    "'",
    "<",
    ">",
    "#",
    "!",
    "[",
    "]",
    "\n",
    "/*",
    "*/",
    "//",
    "r#",
    "b'",
    "\\",
    "ä",
    "\u{0}",
    "#![cfg(x)]",
    "1.",
    "..",
];

fn soup(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word = proptest::sample::select(words);
    let gap = prop_oneof![Just(" "), Just(""), Just("\n")];
    proptest::collection::vec((word, gap), 0..60).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(word, gap)| [word, gap])
            .collect()
    })
}

fn lint(database: Database, text: &str) {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("0001_x");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("up.sql"), text).unwrap();
    fs::write(folder.join("down.sql"), text).unwrap();
    fs::write(folder.join("metadata.toml"), text).unwrap();
    let report = Lints::new(root.path(), database).check();
    for finding in &report.findings {
        assert!(!finding.message.contains("gave up"), "{finding}: {text}");
        assert!(
            !finding.message.contains("could not be looked at"),
            "{finding}: {text}"
        );
        assert!(
            finding.at.line <= text.lines().count().max(1),
            "{finding}: {text}"
        );
    }
}

fn read(text: &str) {
    let sources = Sources::new(&[("src/lib.rs", text)]);
    let found = sources.tree();
    for finding in &found.report().findings {
        assert!(!finding.message.contains("gave up"), "{finding}: {text}");
        assert!(
            !finding.message.contains("could not be looked at"),
            "{finding}: {text}"
        );
    }
}

const DATABASES: [Database; 3] = [Database::Postgres, Database::Sqlite, Database::Mysql];

/// Everything that the tests of the rules and the guides write.
fn all_sql() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lints");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    files
        .flat_map(|text| text.split('"').map(str::to_string).collect::<Vec<_>>())
        .filter(|part| part.contains(' '))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn soup_of_sql(text in soup(SQL), database in proptest::sample::select(&DATABASES[..])) {
        lint(database, &text);
    }

    #[test]
    fn soup_of_rust(text in soup(RUST)) {
        read(&text);
    }

    #[test]
    fn any_text(text in any::<String>(), database in proptest::sample::select(&DATABASES[..])) {
        lint(database, &text);
        read(&text);
    }

    #[test]
    fn truncated_sql(text in proptest::sample::select(all_sql()), cut in any::<proptest::sample::Index>(), database in proptest::sample::select(&DATABASES[..])) {
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        lint(database, &text[..ends[cut.index(ends.len())]]);
    }

    #[test]
    fn truncated_rust(cut in any::<proptest::sample::Index>()) {
        let text = include_str!("../../../tests/table_form.rs");
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        read(&text[..ends[cut.index(ends.len())]]);
    }
}
