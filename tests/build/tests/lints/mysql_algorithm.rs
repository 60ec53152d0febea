use crate::support::Case;

const RULE: &str = "mysql-algorithm";

#[test]
fn unsaid() {
    Case::mysql("ALTER TABLE t ADD a INT,\n  ADD b INT;\nALTER TABLE t ADD c INT;")
        .finds(RULE, &[(1, 15), (3, 15)]);
}

#[test]
fn said() {
    Case::mysql("ALTER TABLE t ADD a INT, ALGORITHM=INSTANT; ").passes(RULE);
}

#[test]
fn in_place() {
    Case::mysql("ALTER TABLE t ADD INDEX i (a), ALGORITHM=INPLACE, LOCK=NONE;").passes(RULE);
}

#[test]
fn by_copying() {
    Case::mysql("ALTER TABLE t ADD a INT, ALGORITHM=COPY;").finds(RULE, &[(1, 15)]);
}

#[test]
fn a_new_table() {
    Case::mysql("CREATE TABLE t (id INT PRIMARY KEY); ALTER TABLE t ADD a INT;").passes(RULE);
}
