use crate::support::Case;

const RULE: &str = "new-restriction";

#[test]
fn each() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\nALTER TABLE t ALTER a SET NOT NULL;")
        .finds(RULE, &[(1, 15), (2, 15)]);
    Case::postgres("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);")
        .without_transaction()
        .finds(RULE, &[(1, 1)]);
}

#[test]
fn what_forbids_nothing_new() {
    Case::postgres(
        "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX i;\nCREATE INDEX j ON t (b);",
    )
    .passes(RULE);
    Case::postgres("ALTER TABLE t ALTER a SET NOT NULL;")
        .after("ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;")
        .after("ALTER TABLE t VALIDATE CONSTRAINT c;")
        .passes(RULE);
}

#[test]
fn on_a_new_table() {
    Case::postgres(
        "CREATE TABLE t (id bigint PRIMARY KEY, a int);\nCREATE UNIQUE INDEX i ON t (a);",
    )
    .passes(RULE);
}
