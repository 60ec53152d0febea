use crate::support::Case;

const RULE: &str = "varchar-limit";

#[test]
fn limited() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY, a character varying(3));")
        .finds(RULE, &[(1, 37)]);
}

#[test]
fn unlimited() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY, a varchar);").passes(RULE);
}
