use crate::support::Case;

const RULE: &str = "drop-column";

#[test]
fn dropped() {
    Case::postgres("ALTER TABLE users DROP COLUMN a, DROP IF EXISTS b;")
        .finds(RULE, &[(1, 31), (1, 49)]);
}

#[test]
fn sqlite() {
    Case::sqlite("ALTER TABLE users DROP COLUMN a;").finds(RULE, &[(1, 31)]);
}

#[test]
fn mysql() {
    Case::mysql("ALTER TABLE users DROP `a`;").finds(RULE, &[(1, 24)]);
}

#[test]
fn of_a_table_made_here() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY, a int); ALTER TABLE t DROP COLUMN a;")
        .passes(RULE);
}

#[test]
fn the_way_back() {
    Case::postgres("ALTER TABLE t ADD COLUMN a int;")
        .down("ALTER TABLE t DROP COLUMN a;")
        .passes(RULE);
}

#[test]
fn on_the_way_back_another_one() {
    Case::postgres("ALTER TABLE t ADD COLUMN a int;")
        .down("ALTER TABLE t DROP COLUMN b;")
        .finds_down(RULE, &[(1, 27)]);
}

#[test]
fn read_ones_are_reported_as_such() {
    Case::postgres("ALTER TABLE users DROP COLUMN email;")
        .reads("users", "email")
        .passes(RULE);
}

#[test]
fn lost_in_a_table_made_anew() {
    Case::sqlite(
        "CREATE TABLE n (id INTEGER PRIMARY KEY); DROP TABLE t; ALTER TABLE n RENAME TO t;",
    )
    .after("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);")
    .finds(RULE, &[(1, 70)]);
}
