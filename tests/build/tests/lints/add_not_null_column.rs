use crate::support::Case;

const RULE: &str = "add-not-null-column";

#[test]
fn without_default() {
    Case::postgres("ALTER TABLE t ADD COLUMN a int NOT NULL;").finds(RULE, &[(1, 15)]);
}

#[test]
fn null_is_no_default() {
    Case::sqlite("ALTER TABLE t ADD COLUMN a INTEGER NOT NULL DEFAULT NULL;")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn mysql() {
    Case::mysql("ALTER TABLE t ADD (a INT NOT NULL, b INT);").finds(RULE, &[(1, 15)]);
}

#[test]
fn with_default() {
    Case::postgres("ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0;").passes(RULE);
}

#[test]
fn nullable() {
    Case::postgres("ALTER TABLE t ADD COLUMN a int;").passes(RULE);
}

#[test]
fn a_table_made_here() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t ADD COLUMN a int NOT NULL;")
        .passes(RULE);
}
