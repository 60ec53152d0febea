use crate::support::Case;

const RULE: &str = "json-column";

#[test]
fn json() {
    Case::postgres("ALTER TABLE t ADD COLUMN a json;").finds(RULE, &[(1, 26)]);
}

#[test]
fn jsonb() {
    Case::postgres("ALTER TABLE t ADD COLUMN a jsonb;").passes(RULE);
}
