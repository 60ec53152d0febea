use crate::support::Case;

const RULE: &str = "update-extension";

#[test]
fn updated() {
    Case::postgres("ALTER EXTENSION postgis UPDATE TO '3.4';").finds(RULE, &[(1, 1)]);
}

#[test]
fn others() {
    Case::postgres("ALTER EXTENSION postgis ADD TABLE t;").passes(RULE);
}
