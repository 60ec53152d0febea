use crate::support::Case;

const RULE: &str = "set-schema";

#[test]
fn table() {
    Case::postgres("ALTER TABLE users SET SCHEMA archive;").finds(RULE, &[(1, 19)]);
}

#[test]
fn a_function() {
    Case::postgres("ALTER FUNCTION f(int) SET SCHEMA archive;").finds(RULE, &[(1, 1)]);
}

#[test]
fn made_here() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t SET SCHEMA archive;")
        .passes(RULE);
}
