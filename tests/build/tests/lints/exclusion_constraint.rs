use crate::support::Case;

const RULE: &str = "exclusion-constraint";

#[test]
fn added() {
    Case::postgres(
        "ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (room WITH =, during WITH &&);",
    )
    .finds(RULE, &[(1, 15)]);
}

#[test]
fn a_new_table() {
    Case::postgres(
        "CREATE TABLE t (id int PRIMARY KEY, r int4range, EXCLUDE USING gist (r WITH &&));",
    )
    .passes(RULE);
}
