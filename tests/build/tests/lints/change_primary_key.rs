use crate::support::Case;

const RULE: &str = "change-primary-key";

#[test]
fn added() {
    Case::postgres("ALTER TABLE t ADD PRIMARY KEY (id);").finds(RULE, &[(1, 15)]);
}

#[test]
fn dropped_by_its_name() {
    Case::postgres("ALTER TABLE t DROP CONSTRAINT t_pkey;").finds(RULE, &[(1, 15)]);
}

#[test]
fn dropped_by_a_name_of_its_own() {
    Case::postgres("ALTER TABLE t DROP CONSTRAINT key;")
        .after("CREATE TABLE t (id int, CONSTRAINT key PRIMARY KEY (id));")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn dropped_on_mysql() {
    Case::mysql("ALTER TABLE t DROP PRIMARY KEY;").finds(RULE, &[(1, 15)]);
}

#[test]
fn by_an_index() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT p PRIMARY KEY USING INDEX i;").passes(RULE);
}

#[test]
fn another_constraint() {
    Case::postgres("ALTER TABLE t DROP CONSTRAINT c;").passes(RULE);
}
