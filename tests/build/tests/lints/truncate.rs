use crate::support::Case;

const RULE: &str = "truncate";

#[test]
fn truncated() {
    Case::postgres("TRUNCATE TABLE a, b CASCADE;").finds(RULE, &[(1, 1), (1, 1)]);
}

#[test]
fn on_mysql() {
    Case::mysql("TRUNCATE a;").finds(RULE, &[(1, 1)]);
}

#[test]
fn made_here() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY); TRUNCATE t;").passes(RULE);
}
