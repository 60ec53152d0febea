use crate::support::Case;

const RULE: &str = "sqlite-add-column";

#[test]
fn unique() {
    Case::sqlite("ALTER TABLE t ADD COLUMN a TEXT UNIQUE;").finds(RULE, &[(1, 15)]);
}

#[test]
fn the_time() {
    Case::sqlite("ALTER TABLE t ADD COLUMN a TEXT DEFAULT CURRENT_TIMESTAMP;")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn computed() {
    Case::sqlite("ALTER TABLE t ADD COLUMN a INTEGER DEFAULT (random());").finds(RULE, &[(1, 15)]);
}

#[test]
fn constant() {
    Case::sqlite("ALTER TABLE t ADD COLUMN a INTEGER NOT NULL DEFAULT 0;").passes(RULE);
}
