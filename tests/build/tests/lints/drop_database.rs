use crate::support::Case;

const RULE: &str = "drop-database";

#[test]
fn dropped() {
    Case::postgres("DROP DATABASE app;").finds(RULE, &[(1, 15)]);
}

#[test]
fn a_role() {
    Case::postgres("DROP ROLE app;").passes(RULE);
}
