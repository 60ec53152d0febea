use crate::support::Case;

const RULE: &str = "drop-default";

#[test]
fn dropped() {
    Case::postgres("ALTER TABLE t ALTER COLUMN a DROP DEFAULT;").finds(RULE, &[(1, 15)]);
    Case::mysql("ALTER TABLE t ALTER COLUMN a DROP DEFAULT;").finds(RULE, &[(1, 15)]);
}

/// Instances of the release before do not know the column.
#[test]
fn of_a_column_that_was_just_added() {
    Case::postgres(
        "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0;\nALTER TABLE t ALTER a DROP DEFAULT;",
    )
    .finds(RULE, &[(2, 15)]);
}

#[test]
fn of_a_new_table_or_on_the_way_back() {
    Case::postgres(
        "CREATE TABLE t (id bigint PRIMARY KEY DEFAULT 7);\nALTER TABLE t ALTER id DROP DEFAULT;",
    )
    .passes(RULE);
    Case::postgres("ALTER TABLE t ALTER a SET DEFAULT 7;")
        .down("ALTER TABLE t ALTER a DROP DEFAULT;")
        .passes(RULE);
}
