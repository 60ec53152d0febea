use crate::support::Case;
use expand_contract::build::{Database, Level, Lints};

const RULE: &str = "malformed-allowance";

#[track_caller]
fn says(comment: &str, expected: &str) {
    let findings = Case::postgres(&format!("{comment}\nSELECT 1;"))
        .report()
        .findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].rule, findings[0].at.line), (RULE, 1));
    assert!(findings[0].message.contains(expected), "{}", findings[0]);
}

#[test]
fn no_reason() {
    says("-- expand-contract: allow(drop-table)", "needs a reason");
    says("-- expand-contract: allow(drop-table) --", "needs a reason");
}

#[test]
fn no_such_rule() {
    says(
        "-- expand-contract: allow(drop-tabel) gone",
        "did you mean `drop-table`?",
    );
    says(
        "/* expand-contract: allow(nothing-like-it-at-all) gone */",
        "there is no rule",
    );
}

#[test]
fn no_such_verb() {
    says(
        "-- expand-contract: ignore(drop-table) gone",
        "none of `allow`, `warn`, `deny`",
    );
}

#[test]
fn no_parentheses() {
    says(
        "-- expand-contract: allow drop-table",
        "the correct format looks like",
    );
}

#[test]
fn a_level_of_no_rule() {
    let root = tempfile::TempDir::new().unwrap();
    let report = Lints::new(root.path(), Database::Sqlite)
        .level("drop-tabel", Level::Allow)
        .check();
    assert_eq!(report.findings.len(), 1);
    assert!(report.findings[0]
        .message
        .contains("did you mean `drop-table`?"));
}

#[test]
fn other_comments_are_none_of_ours() {
    let rules =
        Case::postgres("-- allow(drop-table)\n-- expand and contract: later\nSELECT 1;").rules();
    assert!(rules.is_empty(), "{rules:?}");
}
