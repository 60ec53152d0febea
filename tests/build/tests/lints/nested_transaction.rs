use crate::support::Case;

const RULE: &str = "nested-transaction";

#[test]
fn nested() {
    Case::postgres("BEGIN;\nSELECT 1;\nCOMMIT;").finds(RULE, &[(1, 1), (3, 1)]);
}

#[test]
fn sqlite() {
    Case::sqlite("BEGIN TRANSACTION;\nEND;").finds(RULE, &[(1, 1), (2, 1)]);
}

#[test]
fn diesel_opens_none() {
    Case::postgres("BEGIN; SELECT 1; COMMIT;")
        .without_transaction()
        .passes(RULE);
}

#[test]
fn a_savepoint() {
    Case::postgres("SAVEPOINT a; ROLLBACK TO SAVEPOINT a;").passes(RULE);
}

#[test]
fn the_body_of_a_function() {
    Case::postgres(
        "CREATE FUNCTION f() RETURNS void AS $$ BEGIN PERFORM 1; END; $$ LANGUAGE plpgsql;",
    )
    .passes(RULE);
}

#[test]
fn the_body_of_a_trigger() {
    Case::sqlite("CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE t SET a = CASE WHEN b THEN 1 END; DELETE FROM u WHERE a = 1; END;\nCREATE TABLE v (id INTEGER PRIMARY KEY);").passes(RULE);
}
