use crate::support::Case;

const RULE: &str = "foreign-key";

#[test]
fn at_once() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id);")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn with_the_column() {
    Case::postgres("ALTER TABLE t ADD COLUMN a int REFERENCES u;").finds(RULE, &[(1, 15)]);
}

#[test]
fn in_two_steps() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id) NOT VALID;")
        .passes(RULE);
}

#[test]
fn a_new_table() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY, a int REFERENCES u (id));").passes(RULE);
}

#[test]
fn with_columns_to_clear() {
    Case::postgres(
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a, b) REFERENCES u ON DELETE SET NULL (b);",
    )
    .finds(RULE, &[(1, 15)]);
}
