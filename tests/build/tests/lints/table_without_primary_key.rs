use crate::support::Case;

const RULE: &str = "table-without-primary-key";

#[test]
fn without() {
    Case::postgres("CREATE TABLE t (a int);").finds(RULE, &[(1, 1)]);
}

#[test]
fn added_behind() {
    Case::postgres(
        "CREATE TABLE t (id int); ALTER TABLE ONLY t ADD CONSTRAINT p PRIMARY KEY (id);",
    )
    .passes(RULE);
}

#[test]
fn with() {
    Case::sqlite("CREATE TABLE t (a TEXT, b TEXT, PRIMARY KEY (a, b));").passes(RULE);
}

#[test]
fn like_another() {
    Case::postgres("CREATE TABLE t (LIKE u INCLUDING ALL);").passes(RULE);
}
