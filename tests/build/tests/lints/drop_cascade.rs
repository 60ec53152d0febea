use crate::support::Case;

const RULE: &str = "drop-cascade";

#[test]
fn table() {
    Case::postgres("DROP TABLE t CASCADE;").finds(RULE, &[(1, 12)]);
}

#[test]
fn column() {
    Case::postgres("ALTER TABLE t DROP COLUMN a CASCADE;").finds(RULE, &[(1, 27)]);
}

#[test]
fn type_and_view() {
    Case::postgres("DROP TYPE mood CASCADE; DROP VIEW v CASCADE;").finds(RULE, &[(1, 11), (1, 35)]);
}

#[test]
fn constraint() {
    Case::postgres("ALTER TABLE t DROP CONSTRAINT c CASCADE;").finds(RULE, &[(1, 15)]);
}

#[test]
fn alone() {
    Case::postgres("DROP TABLE t; DROP VIEW v RESTRICT;").passes(RULE);
}

#[test]
fn the_other_cascade() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id) ON DELETE CASCADE NOT VALID;").passes(RULE);
}
