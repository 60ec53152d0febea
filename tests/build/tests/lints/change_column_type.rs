use crate::support::Case;

const RULE: &str = "change-column-type";

#[test]
fn rewritten() {
    Case::postgres("ALTER TABLE t ALTER COLUMN n TYPE bigint;")
        .after("CREATE TABLE t (id int PRIMARY KEY, n int);")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn unknown_before() {
    Case::postgres("ALTER TABLE t ALTER n SET DATA TYPE text;").finds(RULE, &[(1, 15)]);
}

#[test]
fn widened() {
    Case::postgres(
        "ALTER TABLE t ALTER a TYPE varchar(40), ALTER b TYPE text, ALTER c TYPE numeric(12, 2);",
    )
    .after("CREATE TABLE t (id int PRIMARY KEY, a varchar(20), b varchar(20), c numeric(10, 2));")
    .passes(RULE);
}

#[test]
fn narrowed() {
    Case::postgres("ALTER TABLE t ALTER a TYPE varchar(10);")
        .after("CREATE TABLE t (id int PRIMARY KEY, a varchar(20));")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn with_the_cast_that_happens_anyway() {
    Case::postgres("ALTER TABLE t ALTER a TYPE text USING a::text;")
        .after("CREATE TABLE t (id int PRIMARY KEY, a varchar(20));")
        .passes(RULE);
}

#[test]
fn with_an_expression() {
    Case::postgres("ALTER TABLE t ALTER a TYPE text USING lower(a);")
        .after("CREATE TABLE t (id int PRIMARY KEY, a varchar(20));")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn mysql_modify() {
    Case::mysql("ALTER TABLE t MODIFY a BIGINT;")
        .after("CREATE TABLE t (id INT PRIMARY KEY, a INT);")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn mysql_widened() {
    Case::mysql("ALTER TABLE t MODIFY a VARCHAR(60);")
        .after("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20));")
        .passes(RULE);
}

#[test]
fn of_a_table_made_here() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t ALTER id TYPE bigint;")
        .passes(RULE);
}
