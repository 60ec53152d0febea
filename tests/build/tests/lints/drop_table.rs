use crate::support::Case;

const RULE: &str = "drop-table";

#[test]
fn dropped() {
    Case::postgres("DROP TABLE IF EXISTS users;").finds(RULE, &[(1, 22)]);
}

#[test]
fn the_way_back() {
    Case::postgres("CREATE TABLE users (id int PRIMARY KEY);")
        .down("DROP TABLE users;")
        .passes(RULE);
}

#[test]
fn made_anew() {
    Case::sqlite(
        "CREATE TABLE n (id INTEGER PRIMARY KEY); DROP TABLE t; ALTER TABLE n RENAME TO t;",
    )
    .passes(RULE);
}

#[test]
fn made_here() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY); DROP TABLE t;").passes(RULE);
}
