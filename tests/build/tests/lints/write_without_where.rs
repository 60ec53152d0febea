use crate::support::Case;

const RULE: &str = "write-without-where";

#[test]
fn update() {
    Case::postgres("UPDATE t SET a = 1;").finds(RULE, &[(1, 1)]);
}

#[test]
fn delete() {
    Case::sqlite("DELETE FROM t;").finds(RULE, &[(1, 1)]);
}

#[test]
fn a_condition_inside_is_none_outside() {
    Case::postgres("UPDATE t SET a = (SELECT b FROM u WHERE u.id = t.id);").finds(RULE, &[(1, 1)]);
}

#[test]
fn bounded() {
    Case::mysql("UPDATE t SET a = 1 WHERE b = 2; DELETE FROM t LIMIT 10;").passes(RULE);
}
