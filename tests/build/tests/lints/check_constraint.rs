use crate::support::Case;

const RULE: &str = "check-constraint";

#[test]
fn at_once() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);").finds(RULE, &[(1, 15)]);
}

#[test]
fn with_the_column() {
    Case::postgres("ALTER TABLE t ADD COLUMN a int CHECK (a > 0);").finds(RULE, &[(1, 15)]);
}

#[test]
fn in_two_steps() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;").passes(RULE);
}
