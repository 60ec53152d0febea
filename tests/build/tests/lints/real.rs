//! What Diesel's CLI itself writes: `diesel setup`, and `diesel migration generate --diff-schema` (2.3.14) for schemas of
//! our own. All of it is understood, what makes new tables is not reported at all, and the rest only for what it does.

use std::path::Path;

use expand_contract::build::{Database, Level, Lints};

type Expected = &'static [(Level, &'static str, &'static str, usize)];

#[track_caller]
fn says(folder: &str, database: Database, expected: Expected) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("diesel_cli")
        .join(folder);
    let report = Lints::new(&root, database).check();
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            let file = finding.file.strip_prefix(&root).unwrap();
            (
                finding.level,
                finding.rule,
                file.to_str().unwrap(),
                finding.at.line,
            )
        })
        .collect();
    assert_eq!(found, expected, "{:#?}", report.findings);
}

/// A NOT NULL column without a default fails where there are rows, whoever has written it.
#[test]
fn on_postgresql() {
    const UP: &str = "2026-01-02-000000_second/up.sql";
    const DOWN: &str = "2026-01-02-000000_second/down.sql";
    says(
        "postgres",
        Database::Postgres,
        &[
            (Level::Warn, "missing-lock-timeout", DOWN, 2),
            (Level::Warn, "drop-column", UP, 2),
            (Level::Warn, "missing-lock-timeout", UP, 2),
            (Level::Deny, "add-not-null-column", UP, 4),
            (Level::Warn, "drop-table", UP, 6),
        ],
    );
}

#[test]
fn on_sqlite() {
    const UP: &str = "2026-01-02-000000_second/up.sql";
    const DOWN: &str = "2026-01-02-000000_second/down.sql";
    // the CLI takes NUMERIC for another type than it wrote, and makes the column anew
    says(
        "sqlite",
        Database::Sqlite,
        &[
            (Level::Deny, "add-not-null-column", DOWN, 14),
            (Level::Warn, "drop-column", UP, 2),
            (Level::Deny, "add-not-null-column", UP, 3),
            (Level::Warn, "drop-table", UP, 6),
            (Level::Warn, "drop-column", UP, 8),
            (Level::Deny, "add-not-null-column", UP, 9),
        ],
    );
}
