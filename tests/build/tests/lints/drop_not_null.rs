use crate::support::Case;

const RULE: &str = "drop-not-null";

#[test]
fn dropped() {
    Case::postgres("ALTER TABLE users ALTER COLUMN email DROP NOT NULL;").finds(RULE, &[(1, 19)]);
}

#[test]
fn mysql_leaves_it_out() {
    Case::mysql("ALTER TABLE users MODIFY email TEXT;")
        .after("CREATE TABLE users (id INT PRIMARY KEY, email TEXT NOT NULL);")
        .finds(RULE, &[(1, 19)]);
}

#[test]
fn its_default() {
    Case::postgres("ALTER TABLE users ALTER COLUMN email DROP DEFAULT;").passes(RULE);
}
