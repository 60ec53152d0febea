use crate::support::Case;

const RULE: &str = "migrating-column";

#[test]
fn the_old_column_is_dropped() {
    Case::postgres("ALTER TABLE users DROP COLUMN email;")
        .migrates("users", "email", true)
        .finds(RULE, &[(1, 31)]);
}

#[test]
fn the_new_column_is_added() {
    Case::postgres("ALTER TABLE users ADD COLUMN contact text;")
        .migrates("users", "contact", false)
        .finds(RULE, &[(1, 19)]);
}

#[test]
fn the_old_column_was_added_once() {
    Case::postgres("ALTER TABLE users ADD COLUMN email text;")
        .migrates("users", "email", true)
        .passes(RULE);
}

#[test]
fn its_type() {
    Case::postgres("ALTER TABLE users ALTER COLUMN email TYPE text;")
        .migrates("users", "email", true)
        .finds(RULE, &[(1, 19)]);
}

#[test]
fn another_column() {
    Case::postgres("ALTER TABLE users DROP COLUMN name;")
        .migrates("users", "email", true)
        .passes(RULE);
}
