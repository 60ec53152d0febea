use crate::support::Case;

const RULE: &str = "unique-constraint";

#[test]
fn at_once() {
    Case::postgres("ALTER TABLE t ADD UNIQUE (a);").finds(RULE, &[(1, 15)]);
}

#[test]
fn with_the_column() {
    Case::postgres("ALTER TABLE t ADD COLUMN a int UNIQUE;").finds(RULE, &[(1, 15)]);
}

#[test]
fn by_an_index() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX i;").passes(RULE);
}
