use crate::support::Case;

const RULE: &str = "char-column";

#[test]
fn char() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY,\n  a char(3));").finds(RULE, &[(2, 3)]);
}

#[test]
fn added() {
    Case::postgres("ALTER TABLE t ADD COLUMN a character(3);").finds(RULE, &[(1, 26)]);
}

#[test]
fn text() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY, a text, b varchar(3));").passes(RULE);
}
