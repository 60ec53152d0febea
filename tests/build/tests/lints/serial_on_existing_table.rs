use crate::support::Case;

const RULE: &str = "serial-on-existing-table";

#[test]
fn serial() {
    Case::postgres("ALTER TABLE t ADD COLUMN id bigserial;").finds(RULE, &[(1, 15)]);
}

#[test]
fn identity() {
    Case::postgres("ALTER TABLE t ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn mysql() {
    Case::mysql("ALTER TABLE t ADD COLUMN id INT AUTO_INCREMENT UNIQUE;").finds(RULE, &[(1, 15)]);
}

#[test]
fn a_new_table() {
    Case::postgres("CREATE TABLE t (id bigserial PRIMARY KEY);").passes(RULE);
}
