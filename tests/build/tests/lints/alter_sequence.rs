use crate::support::Case;

const RULE: &str = "alter-sequence";

#[test]
fn each() {
    Case::postgres("ALTER SEQUENCE s RESTART WITH 1;\nALTER SEQUENCE s INCREMENT BY 10;\nALTER TABLE t ALTER id RESTART WITH 7;\nALTER TABLE t ALTER id SET INCREMENT BY 2;")
        .finds(RULE, &[(1, 1), (2, 1), (3, 15), (4, 15)]);
}

#[test]
fn what_leaves_the_numbers_alone() {
    Case::postgres("ALTER SEQUENCE s OWNED BY t.id;\nALTER SEQUENCE s OWNER TO me;").passes(RULE);
    Case::postgres("CREATE SEQUENCE s;\nALTER SEQUENCE s RESTART WITH 1000;").passes(RULE);
}
