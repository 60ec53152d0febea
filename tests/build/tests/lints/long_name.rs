use crate::support::Case;

const RULE: &str = "long-name";

#[test]
fn of_an_index() {
    Case::postgres("CREATE INDEX CONCURRENTLY aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ON t (a);").finds(RULE, &[(1, 1)]);
}

#[test]
fn of_a_column_in_bytes() {
    Case::postgres(
        "CREATE TABLE t (id int PRIMARY KEY,\n  \"ääääääääääääääääääääääääääääääää\" int);",
    )
    .finds(RULE, &[(2, 3)]);
}

#[test]
fn of_63_bytes() {
    Case::postgres("CREATE TABLE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (id int PRIMARY KEY);").passes(RULE);
}

#[test]
fn mysql_counts_characters() {
    Case::mysql("CREATE TABLE `ääääääääääääääääääääääääääääääää` (id INT PRIMARY KEY);")
        .passes(RULE);
}
