use crate::support::Case;

const RULE: &str = "rename-column";

#[test]
fn renamed() {
    Case::postgres("ALTER TABLE users RENAME COLUMN email TO contact;").finds(RULE, &[(1, 19)]);
}

#[test]
fn without_the_word() {
    Case::sqlite("ALTER TABLE users RENAME email TO contact;").finds(RULE, &[(1, 19)]);
}

#[test]
fn changed_on_mysql() {
    Case::mysql("ALTER TABLE users CHANGE email contact TEXT;").finds(RULE, &[(1, 19)]);
}

#[test]
fn of_a_table_made_here() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY, a int); ALTER TABLE t RENAME a TO b;")
        .passes(RULE);
}

#[test]
fn the_way_back() {
    Case::postgres("SELECT 1;")
        .down("ALTER TABLE users RENAME contact TO email;")
        .passes(RULE);
}

#[test]
fn a_constraint() {
    Case::postgres("ALTER TABLE users RENAME CONSTRAINT a TO b;").passes(RULE);
}
