use crate::support::Case;

const RULE: &str = "missing-lock-timeout";

#[test]
fn missing() {
    Case::postgres("ALTER TABLE t ADD COLUMN a int;\nALTER TABLE u ADD COLUMN a int;")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn too_late() {
    Case::postgres("ALTER TABLE t ADD COLUMN a int;\nSET LOCAL lock_timeout = '1s';")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn switched_off() {
    Case::postgres("SET LOCAL lock_timeout = 0;\nALTER TABLE t ADD COLUMN a int;")
        .finds(RULE, &[(2, 15)]);
}

#[test]
fn set() {
    Case::postgres("SET LOCAL lock_timeout = '1s';\nALTER TABLE t ADD COLUMN a int;").passes(RULE);
}

#[test]
fn set_by_a_function() {
    Case::postgres(
        "SELECT set_config('lock_timeout', '1s', true);\nALTER TABLE t ADD COLUMN a int;",
    )
    .passes(RULE);
}

#[test]
fn on_mysql() {
    Case::mysql("SET SESSION lock_wait_timeout = 2;\nALTER TABLE t ADD a INT;").passes(RULE);
}

#[test]
fn on_mysql_missing() {
    Case::mysql("ALTER TABLE t ADD a INT;").finds(RULE, &[(1, 15)]);
}

#[test]
fn a_new_table() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t ADD COLUMN a int;")
        .passes(RULE);
}

#[test]
fn what_takes_no_such_lock() {
    Case::postgres("ALTER TABLE t VALIDATE CONSTRAINT c;").passes(RULE);
}

#[test]
fn an_index_of_mysql() {
    Case::mysql("DROP INDEX i ON t;").finds(RULE, &[(1, 12)]);
}

#[test]
fn given_back_too_early() {
    Case::postgres("RESET lock_timeout;\nALTER TABLE t ADD COLUMN a int;").finds(RULE, &[(2, 15)]);
}
