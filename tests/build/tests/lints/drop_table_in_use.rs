use crate::support::Case;

const RULE: &str = "drop-table-in-use";

#[test]
fn read() {
    Case::postgres("DROP TABLE old, users;")
        .reads("users", "id")
        .finds(RULE, &[(1, 17)]);
}

#[test]
fn not_read() {
    Case::postgres("DROP TABLE users;")
        .reads("posts", "id")
        .passes(RULE);
}

#[test]
fn made_again() {
    Case::sqlite(
        "CREATE TABLE n (id INTEGER PRIMARY KEY); DROP TABLE users; ALTER TABLE n RENAME TO users;",
    )
    .reads("users", "id")
    .passes(RULE);
}
