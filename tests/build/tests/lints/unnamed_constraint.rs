use crate::support::Case;

const RULE: &str = "unnamed-constraint";

#[test]
fn unnamed() {
    Case::postgres("ALTER TABLE t ADD CHECK (a > 0) NOT VALID;").finds(RULE, &[(1, 15)]);
}

#[test]
fn named() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;").passes(RULE);
}
