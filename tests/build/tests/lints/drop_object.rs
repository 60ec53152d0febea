use crate::support::Case;

const RULE: &str = "drop-object";

#[test]
fn each() {
    Case::postgres("DROP VIEW v;\nDROP FUNCTION IF EXISTS f(int);\nDROP TRIGGER g ON t;\nDROP TYPE mood;\nDROP SEQUENCE s;\nDROP EXTENSION citext;")
        .finds(RULE, &[(1, 11), (2, 25), (3, 14), (4, 11), (5, 15), (6, 16)]);
    Case::sqlite("DROP TRIGGER g;").finds(RULE, &[(1, 14)]);
}

#[test]
fn made_again_in_the_same_transaction() {
    Case::postgres("DROP VIEW v;\nCREATE VIEW v AS SELECT 1;").passes(RULE);
    Case::mysql("DROP VIEW v;\nCREATE VIEW v AS SELECT 1;").finds(RULE, &[(1, 11)]);
}

#[test]
fn on_the_way_back_or_for_a_moment() {
    Case::postgres("CREATE TYPE mood AS ENUM ('ok');")
        .down("DROP TYPE mood;")
        .passes(RULE);
    Case::postgres("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\nSELECT f();\nDROP FUNCTION f();")
        .passes(RULE);
}
