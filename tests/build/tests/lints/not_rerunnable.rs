use crate::support::Case;

const RULE: &str = "not-rerunnable";

#[test]
fn sqlite() {
    Case::sqlite("CREATE TABLE a (id INTEGER PRIMARY KEY);\nCREATE INDEX i ON a (id);")
        .without_transaction()
        .finds(RULE, &[(1, 1), (2, 1)]);
}

#[test]
fn sqlite_in_a_transaction_of_its_own() {
    Case::sqlite(
        "PRAGMA foreign_keys = OFF; BEGIN; CREATE TABLE a (id INTEGER PRIMARY KEY); COMMIT;",
    )
    .without_transaction()
    .passes(RULE);
}

#[test]
fn sqlite_repeatable() {
    Case::sqlite("CREATE TABLE IF NOT EXISTS a (id INTEGER PRIMARY KEY); CREATE INDEX IF NOT EXISTS i ON a (id);").without_transaction().passes(RULE);
}

#[test]
fn mysql_commits_each() {
    Case::mysql("CREATE TABLE a (id INT PRIMARY KEY);\nCREATE TABLE b (id INT PRIMARY KEY);")
        .finds(RULE, &[(1, 1), (2, 1)]);
}

#[test]
fn mysql_one() {
    Case::mysql("CREATE TABLE a (id INT PRIMARY KEY);").passes(RULE);
}

#[test]
fn postgres_in_diesels_transaction() {
    Case::postgres("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY);")
        .passes(RULE);
}

#[test]
fn postgres_sends_all_at_once() {
    Case::postgres("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY);")
        .without_transaction()
        .passes(RULE);
}

#[test]
fn what_else_is_made_and_dropped() {
    Case::sqlite("CREATE VIEW v AS SELECT 1;\nDROP TRIGGER x;\nCREATE TRIGGER IF NOT EXISTS y AFTER INSERT ON t BEGIN SELECT 1; END;\nDROP VIEW IF EXISTS w;")
        .without_transaction()
        .finds(RULE, &[(1, 1), (2, 14)]);
}

#[test]
fn postgres_behind_its_own_commit() {
    Case::postgres(
        "BEGIN; COMMIT; ALTER TYPE mood ADD VALUE 'ok';\nALTER TABLE t DROP CONSTRAINT c;",
    )
    .without_transaction()
    .finds(RULE, &[(1, 16), (2, 15)]);
}
