use crate::support::Case;

const RULE: &str = "set-not-null";

#[test]
fn unproven() {
    Case::postgres("ALTER TABLE t ALTER COLUMN a SET NOT NULL;").finds(RULE, &[(1, 15)]);
}

#[test]
fn not_yet_validated() {
    Case::postgres("ALTER TABLE t ALTER COLUMN a SET NOT NULL;")
        .after("ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn another_column_is_validated() {
    Case::postgres("ALTER TABLE t ALTER COLUMN b SET NOT NULL;")
        .after("ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;")
        .after("ALTER TABLE t VALIDATE CONSTRAINT c;")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn validated() {
    Case::postgres("ALTER TABLE t ALTER COLUMN a SET NOT NULL, DROP CONSTRAINT c;")
        .after("ALTER TABLE t ADD CONSTRAINT c CHECK ((a IS NOT NULL)) NOT VALID;")
        .after("ALTER TABLE t VALIDATE CONSTRAINT c;")
        .passes(RULE);
}

#[test]
fn named_and_validated() {
    Case::postgres("ALTER TABLE t ALTER COLUMN a SET NOT NULL;")
        .after("ALTER TABLE t ADD CONSTRAINT c NOT NULL a NOT VALID;")
        .after("ALTER TABLE t VALIDATE CONSTRAINT c;")
        .passes(RULE);
}

#[test]
fn the_way_back() {
    Case::postgres("ALTER TABLE t ALTER a DROP NOT NULL;")
        .down("ALTER TABLE t ALTER a SET NOT NULL;")
        .passes(RULE);
}
