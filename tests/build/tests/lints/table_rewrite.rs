use crate::support::Case;

const RULE: &str = "table-rewrite";

#[test]
fn tablespace() {
    Case::postgres("ALTER TABLE t SET TABLESPACE fast;").finds(RULE, &[(1, 15)]);
}

#[test]
fn logged() {
    Case::postgres("ALTER TABLE t SET UNLOGGED;").finds(RULE, &[(1, 15)]);
}

#[test]
fn mysql_character_set() {
    Case::mysql("ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4, ENGINE=InnoDB;")
        .finds(RULE, &[(1, 15), (1, 49)]);
}

#[test]
fn parameters() {
    Case::postgres("ALTER TABLE t SET (fillfactor = 70), ALTER a SET STATISTICS 100;").passes(RULE);
}
