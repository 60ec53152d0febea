use crate::support::Case;

const RULE: &str = "unused-allowance";

#[track_caller]
fn says(sql: &str, expected: &[(&str, usize)]) {
    let report = Case::postgres(sql).report();
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|f| (f.rule, f.at.line))
        .collect();
    assert_eq!(found, expected, "{:?}", report.findings);
}

#[test]
fn allows_nothing() {
    says(
        "-- expand-contract: allow(drop-table) gone\nSELECT 1;",
        &[(RULE, 1)],
    );
}

#[test]
fn before_a_statement_it_is_about_all_of_it() {
    says(
        "SET LOCAL lock_timeout = '1s';\n-- expand-contract: allow(drop-column) gone since 1.4\nALTER TABLE t\n  DROP a,\n  DROP b;\nALTER TABLE t DROP c;",
        &[("drop-column", 6)],
    );
}

#[test]
fn behind_something_it_is_about_the_line() {
    says(
        "SET LOCAL lock_timeout = '1s';\nALTER TABLE t\n  DROP a, -- expand-contract: allow(drop-column) gone since 1.4\n  DROP b;",
        &[("drop-column", 4)],
    );
}

#[test]
fn within_a_statement_it_is_about_the_next_line() {
    says(
        "SET LOCAL lock_timeout = '1s';\nALTER TABLE t\n  -- expand-contract: allow(drop-column) gone since 1.4\n  DROP a,\n  DROP b;",
        &[("drop-column", 5)],
    );
}

#[test]
fn about_the_file() {
    says(
        "-- expand-contract: allow-file(drop-column, missing-lock-timeout) nobody runs yet\nALTER TABLE t DROP a;\nALTER TABLE t DROP b;",
        &[],
    );
}

#[test]
fn one_of_two_is_not_needed() {
    says(
        "-- expand-contract: allow(drop-table, rename-table, missing-lock-timeout) gone\nDROP TABLE t;",
        &[(RULE, 1)],
    );
}

/// What is not reported needs no allowance: who wrote it believes something that is not so.
#[test]
fn of_a_rule_that_is_switched_off() {
    says(
        "-- expand-contract: allow(serial-column) small\nCREATE TABLE t (id serial PRIMARY KEY);",
        &[(RULE, 1)],
    );
}

#[test]
fn a_level_for_one_statement() {
    says(
        "-- expand-contract: deny(serial-column)\nCREATE TABLE t (id serial PRIMARY KEY);\nCREATE TABLE u (id serial PRIMARY KEY);",
        &[("serial-column", 2)],
    );
}

#[test]
fn the_report_can_be_allowed_itself() {
    says(
        "-- expand-contract: allow-file(unused-allowance) kept for the next release\n-- expand-contract: allow(drop-table) gone\nSELECT 1;",
        &[],
    );
}
