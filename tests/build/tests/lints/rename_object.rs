use crate::support::Case;

const RULE: &str = "rename-object";

#[test]
fn each() {
    Case::postgres("ALTER VIEW v RENAME TO w;\nALTER TYPE mood RENAME TO feeling;\nALTER FUNCTION f(int) RENAME TO g;\nALTER SEQUENCE s RENAME TO z;")
        .finds(RULE, &[(1, 1), (2, 1), (3, 1), (4, 1)]);
}

#[test]
fn an_index_or_ones_own() {
    Case::postgres("ALTER INDEX i RENAME TO j;").passes(RULE);
    Case::postgres("CREATE TYPE mood_new AS ENUM ('ok');\nALTER TYPE mood_new RENAME TO mood;")
        .passes(RULE);
}

#[test]
fn on_the_way_back() {
    Case::postgres("SELECT 1;")
        .down("ALTER VIEW w RENAME TO v;")
        .passes(RULE);
}
