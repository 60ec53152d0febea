use crate::support::Case;

const RULE: &str = "drop-column-in-use";

#[test]
fn read() {
    Case::postgres("ALTER TABLE users\n  DROP COLUMN email;")
        .reads("users", "email")
        .finds(RULE, &[(2, 15)]);
}

#[test]
fn names_are_compared_as_the_database_does() {
    Case::postgres("ALTER TABLE public.Users DROP COLUMN EMAIL;")
        .reads("users", "email")
        .finds(RULE, &[(1, 38)]);
}

#[test]
fn not_read() {
    Case::postgres("ALTER TABLE users DROP COLUMN email;")
        .reads("users", "name")
        .passes(RULE);
}

#[test]
fn another_case_in_quotes_is_another_column() {
    Case::postgres("ALTER TABLE users DROP COLUMN \"Email\";")
        .reads("users", "email")
        .passes(RULE);
}

#[test]
fn added_again() {
    Case::postgres("ALTER TABLE users DROP COLUMN email; ALTER TABLE users ADD COLUMN email text;")
        .reads("users", "email")
        .passes(RULE);
}

#[test]
fn lost_in_a_table_made_anew() {
    Case::sqlite("CREATE TABLE users_new (id INTEGER PRIMARY KEY);\nINSERT INTO users_new SELECT id FROM users;\nDROP TABLE users;\nALTER TABLE users_new RENAME TO users;").after("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);").reads("users", "email").finds(RULE, &[(4, 23)]);
}

#[test]
fn the_way_back_may() {
    Case::postgres("ALTER TABLE users ADD COLUMN email text;")
        .down("ALTER TABLE users DROP COLUMN email;")
        .reads("users", "email")
        .passes(RULE);
}
