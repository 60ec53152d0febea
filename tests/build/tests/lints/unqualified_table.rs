use crate::support::Case;

const RULE: &str = "unqualified-table";

#[test]
fn unqualified() {
    Case::postgres("CREATE TABLE t (id bigint PRIMARY KEY);").finds(RULE, &[(1, 1)]);
}

#[test]
fn qualified_or_temporary() {
    Case::postgres("CREATE TABLE app.t (id bigint PRIMARY KEY);\nCREATE TEMPORARY TABLE u (id bigint PRIMARY KEY);")
        .passes(RULE);
    Case::postgres("CREATE TABLE public.t (id bigint PRIMARY KEY);").passes(RULE);
}
