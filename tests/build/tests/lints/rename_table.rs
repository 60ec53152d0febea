use crate::support::Case;

const RULE: &str = "rename-table";

#[test]
fn renamed() {
    Case::postgres("ALTER TABLE users RENAME TO people;").finds(RULE, &[(1, 19)]);
}

#[test]
fn on_mysql() {
    Case::mysql("RENAME TABLE users TO people, a TO b;").finds(RULE, &[(1, 1), (1, 1)]);
}

#[test]
fn with_a_view_in_its_place() {
    Case::postgres(
        "ALTER TABLE users RENAME TO people; CREATE VIEW users AS SELECT * FROM people;",
    )
    .passes(RULE);
}

#[test]
fn made_anew() {
    Case::sqlite(
        "CREATE TABLE n (id INTEGER PRIMARY KEY); DROP TABLE t; ALTER TABLE n RENAME TO t;",
    )
    .passes(RULE);
}
