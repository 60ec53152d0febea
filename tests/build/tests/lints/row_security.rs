use crate::support::Case;

const RULE: &str = "row-security";

#[test]
fn each() {
    Case::postgres("ALTER TABLE t ENABLE ROW LEVEL SECURITY;\nALTER TABLE t FORCE ROW LEVEL SECURITY;\nALTER TABLE t NO FORCE ROW LEVEL SECURITY;\nALTER TABLE t DISABLE ROW LEVEL SECURITY;\nCREATE POLICY p ON t USING (owner = current_user);\nALTER POLICY p ON t TO web;\nDROP POLICY p ON t;")
        .finds(RULE, &[(1, 15), (2, 15), (3, 15), (4, 15), (5, 1), (6, 1), (7, 13)]);
}

#[test]
fn of_a_new_table() {
    Case::postgres("CREATE TABLE t (id bigint PRIMARY KEY);\nALTER TABLE t ENABLE ROW LEVEL SECURITY;\nCREATE POLICY p ON t USING (true);")
        .passes(RULE);
}

#[test]
fn a_trigger_is_another_matter() {
    Case::postgres("ALTER TABLE t ENABLE TRIGGER g;").passes(RULE);
}
