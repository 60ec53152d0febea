use crate::support::Case;

const RULE: &str = "generated-stored-column";

#[test]
fn stored() {
    Case::postgres("ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS (a * 2) STORED;")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn virtual_on_mysql() {
    Case::mysql("ALTER TABLE t ADD COLUMN b INT GENERATED ALWAYS AS (a * 2) VIRTUAL;").passes(RULE);
}

#[test]
fn a_new_table() {
    Case::postgres(
        "CREATE TABLE t (id int PRIMARY KEY, b int GENERATED ALWAYS AS (id * 2) STORED);",
    )
    .passes(RULE);
}
