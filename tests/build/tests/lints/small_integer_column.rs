use crate::support::Case;

const RULE: &str = "small-integer-column";

#[test]
fn each() {
    Case::postgres("CREATE TABLE t (\n  id bigint PRIMARY KEY,\n  a integer,\n  b smallint\n);")
        .finds(RULE, &[(3, 3), (4, 3)]);
    Case::postgres("ALTER TABLE t ADD COLUMN a int;").finds(RULE, &[(1, 26)]);
}

#[test]
fn keys_and_wide_ones() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY, a bigint, b text);").passes(RULE);
    Case::mysql("CREATE TABLE t (id bigint PRIMARY KEY, a tinyint(1));").passes(RULE);
}
