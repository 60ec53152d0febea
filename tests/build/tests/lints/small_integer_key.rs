use crate::support::Case;

const RULE: &str = "small-integer-key";

#[test]
fn int() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY, a int);").finds(RULE, &[(1, 17)]);
}

#[test]
fn by_a_constraint() {
    Case::mysql("CREATE TABLE t (a BIGINT, id INT UNSIGNED NOT NULL, PRIMARY KEY (id));")
        .finds(RULE, &[(1, 27)]);
}

#[test]
fn bigint() {
    Case::postgres("CREATE TABLE t (id bigserial PRIMARY KEY);").passes(RULE);
}
