//! Foreign keys that leave the column.

use crate::common::*;
use crate::support::*;
use diesel::PgConnection;
use expand_contract::phase::Step;

fn family(conn: &mut PgConnection, foreign_keys: &str) {
    Postgres::run(
        conn,
        &format!(
            "CREATE TABLE parents (id integer PRIMARY KEY, tenant integer NOT NULL DEFAULT 1, UNIQUE (tenant, id));
             CREATE TABLE children (id integer PRIMARY KEY, tenant integer DEFAULT 1, pid integer DEFAULT 1, note text{foreign_keys});
             INSERT INTO parents SELECT g FROM generate_series(1, 20) g;
             INSERT INTO children (id, pid) SELECT g, g FROM generate_series(1, 20) g",
        ),
    );
}

#[test]
fn every_form_is_carried_with_its_name() {
    for (key, comment) in [
        (", CONSTRAINT fk FOREIGN KEY (pid) REFERENCES parents (id)", true),
        (", CONSTRAINT fk FOREIGN KEY (pid) REFERENCES parents ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED", false),
        (", CONSTRAINT fk FOREIGN KEY (pid) REFERENCES parents ON DELETE SET DEFAULT ON UPDATE RESTRICT DEFERRABLE", true),
        (", CONSTRAINT fk FOREIGN KEY (tenant, pid) REFERENCES parents (tenant, id) MATCH FULL ON DELETE CASCADE", false),
        (", CONSTRAINT fk FOREIGN KEY (tenant, pid) REFERENCES parents (tenant, id) ON DELETE SET NULL (pid)", false),
        ("; ALTER TABLE children ADD CONSTRAINT \"the \"\"fk\" FOREIGN KEY (pid) REFERENCES parents NOT VALID", false),
    ] {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        match key.strip_prefix("; ") {
            Some(later) => {
                family(conn, "");
                Postgres::run(conn, later);
            }
            None => family(conn, key),
        }
        if comment {
            Postgres::run(conn, "COMMENT ON CONSTRAINT fk ON children IS 'it''s \\ here'");
        }
        let (before, after) = through::<ChildParent>(conn, |conn, step| {
            // an old-only writer, as long as there is such a column
            if step < Step::Contract {
                Postgres::run(conn, "INSERT INTO children (id, pid) VALUES (100, 3); DELETE FROM children WHERE id = 100");
                assert!(Postgres::fails(conn, "INSERT INTO children (id, pid) VALUES (100, 99); SET CONSTRAINTS ALL IMMEDIATE"), "{step}");
            }
            if step >= Step::Expand {
                assert!(Postgres::fails(conn, "INSERT INTO children (id, parent_id) VALUES (100, 99); SET CONSTRAINTS ALL IMMEDIATE"), "{step}");
            }
        });
        same(&before.replace("pid", "parent_id"), &after);
    }
}

#[test]
fn referential_actions_find_both_columns_in_every_phase() {
    for (action, expected) in [
        ("ON DELETE SET NULL", "null"),
        ("ON DELETE SET DEFAULT", "1"),
        ("ON DELETE CASCADE", "gone"),
        ("ON UPDATE CASCADE ON DELETE NO ACTION", "moved"),
    ] {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        family(
            conn,
            &format!(", CONSTRAINT fk FOREIGN KEY (pid) REFERENCES parents {action}"),
        );
        let mut parent = 1;
        through::<ChildParent>(conn, |conn, step| {
            parent += 1;
            let (id, moved) = (parent, parent + 100);
            Postgres::run(
                conn,
                &match expected {
                    "moved" => format!("UPDATE parents SET id = {moved} WHERE id = {id}"),
                    _ => format!("DELETE FROM parents WHERE id = {id}"),
                },
            );
            let columns: &[&str] = match step {
                Step::Contract => &["parent_id"],
                // by now the old one is for nobody but old-only writers, and the new ones see to it
                _ => &["pid", "parent_id"],
            };
            for column in columns {
                let found = Postgres::text(
                    conn,
                    &format!("SELECT coalesce((SELECT coalesce({column}::text, 'null') FROM children WHERE id = {id}), 'gone')"),
                );
                let expected = match expected {
                    "moved" => moved.to_string(),
                    other => other.to_owned(),
                };
                assert_eq!(found, Some(expected), "{action}: {column} after {step}");
            }
        });
    }
}

#[test]
fn a_rollback_from_every_action_gives_the_key_back() {
    let db = Postgres::fresh();
    {
        let conn = &mut db.connect();
        family(
            conn,
            ", CONSTRAINT fk FOREIGN KEY (pid) REFERENCES parents ON DELETE SET NULL",
        );
        Postgres::run(conn, "COMMENT ON CONSTRAINT fk ON children IS 'kept'");
    }
    and_back::<ChildParent>(&db, 2, |conn| {
        assert!(Postgres::fails(
            conn,
            "INSERT INTO children (id, pid) VALUES (100, 99)"
        ));
        Postgres::run(
            conn,
            "INSERT INTO children (id, pid) VALUES (100, 3); DELETE FROM children WHERE id = 100",
        );
    });
}

#[test]
fn a_wider_type_refers_to_a_narrower_one() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    family(
        conn,
        ", CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parents, parent_id integer",
    );
    Postgres::run(
        conn,
        "ALTER TABLE children DROP COLUMN pid; UPDATE children SET parent_id = id",
    );
    let (before, after) = through::<ChildParentWide>(conn, |_, _| ());
    same(
        &before.replace("children.parent_id integer", "children.parent_id bigint"),
        &after,
    );
    assert!(Postgres::fails(
        conn,
        "INSERT INTO children (id, parent_id) VALUES (100, 5000000000)"
    ));
}

#[test]
fn an_empty_table_takes_its_keys_along() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    family(
        conn,
        ", CONSTRAINT fk FOREIGN KEY (pid) REFERENCES parents ON DELETE SET NULL",
    );
    Postgres::run(conn, "DELETE FROM children");
    let before = catalogue(conn);
    use expand_contract::Migrate;
    ChildParent::migration().options(fast()).run(conn).unwrap();
    same(&before.replace("pid", "parent_id"), &catalogue(conn));
}
