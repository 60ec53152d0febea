use crate::support::Case;

const RULE: &str = "missing-statement-timeout";

#[test]
fn missing() {
    Case::postgres("SET LOCAL lock_timeout = '2s';\nALTER TABLE t ADD COLUMN a int;\nALTER TABLE t ADD COLUMN b int;")
        .finds(RULE, &[(2, 15)]);
}

#[test]
fn zero_is_no_limit() {
    Case::postgres("SET LOCAL statement_timeout = 0;\nALTER TABLE t ADD COLUMN a int;")
        .finds(RULE, &[(2, 15)]);
}

#[test]
fn set() {
    Case::postgres("SET LOCAL statement_timeout = '30s';\nALTER TABLE t ADD COLUMN a int;")
        .passes(RULE);
}
