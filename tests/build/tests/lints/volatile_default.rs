use crate::support::Case;

const RULE: &str = "volatile-default";

#[test]
fn a_random_key() {
    Case::postgres("ALTER TABLE t ADD COLUMN u uuid DEFAULT gen_random_uuid();")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn the_clock() {
    Case::postgres("ALTER TABLE t ADD COLUMN a timestamptz DEFAULT clock_timestamp();")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn a_function_of_ones_own() {
    Case::postgres("ALTER TABLE t ADD COLUMN a text DEFAULT app.token();").finds(RULE, &[(1, 15)]);
}

#[test]
fn stable_ones() {
    Case::postgres("ALTER TABLE t ADD a timestamptz DEFAULT now(), ADD b timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, ADD c text DEFAULT 'random()', ADD d text DEFAULT lower('A');").passes(RULE);
}

#[test]
fn a_new_table() {
    Case::postgres("CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid());").passes(RULE);
}
