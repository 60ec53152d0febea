use crate::support::Case;

const RULE: &str = "disable-trigger";

#[test]
fn all() {
    Case::postgres("ALTER TABLE t DISABLE TRIGGER ALL;").finds(RULE, &[(1, 15)]);
}

#[test]
fn on_again() {
    Case::postgres("ALTER TABLE t ENABLE TRIGGER x;").passes(RULE);
}
