//! Foreign keys that refer to the column.

use crate::common::*;
use crate::support::*;
use diesel::PgConnection;
use expand_contract::phase::Step;
use expand_contract::{Migrate, NoticeKind};

// a unique constraint and a unique index are referred to, and the table refers to itself
fn coded(conn: &mut PgConnection) {
    Postgres::run(
        conn,
        "CREATE TABLE parents (id integer PRIMARY KEY, code varchar(20) NOT NULL CONSTRAINT parents_code UNIQUE, region integer NOT NULL DEFAULT 1, boss varchar(20));
         CREATE UNIQUE INDEX parents_region ON parents (region, code);
         ALTER TABLE parents ADD CONSTRAINT boss_fk FOREIGN KEY (boss) REFERENCES parents (code) ON UPDATE CASCADE;
         CREATE SCHEMA other;
         CREATE TABLE other.\"Chil\"\"dren\" (id integer PRIMARY KEY, code varchar(20) CONSTRAINT code_fk REFERENCES parents (code) ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED);
         CREATE TABLE pairs (region integer, code text, CONSTRAINT pair_fk FOREIGN KEY (region, code) REFERENCES parents (region, code) MATCH FULL ON UPDATE CASCADE ON DELETE CASCADE);
         ALTER TABLE pairs ADD CONSTRAINT unchecked FOREIGN KEY (code) REFERENCES parents (code) ON UPDATE CASCADE NOT VALID;
         COMMENT ON CONSTRAINT code_fk ON other.\"Chil\"\"dren\" IS 'it''s';
         INSERT INTO parents (id, code, boss) SELECT g, 'c' || g, 'c1' FROM generate_series(1, 20) g;
         INSERT INTO other.\"Chil\"\"dren\" SELECT g, 'c' || g FROM generate_series(1, 20) g;
         INSERT INTO pairs SELECT 1, 'c' || g FROM generate_series(1, 20) g",
    );
}

fn one(conn: &mut PgConnection, sql: &str) -> String {
    Postgres::text(conn, sql).unwrap_or_default()
}

#[test]
fn keys_refer_to_the_new_column_under_their_names() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    coded(conn);
    let mut n = 1;
    let (before, after) = through::<ParentKey>(conn, |conn, step| {
        n += 1;
        let column = match step {
            Step::Contract => "key",
            _ => "code",
        };
        // referential actions through whichever column is written
        Postgres::run(
            conn,
            &format!("UPDATE parents SET {column} = 'm{n}' WHERE {column} = 'c{n}'"),
        );
        let children = one(
            conn,
            &format!("SELECT count(*) FROM other.\"Chil\"\"dren\" WHERE code = 'm{n}'"),
        );
        assert_eq!(children, "1", "{step}");
        n += 1;
        Postgres::run(conn, &format!("DELETE FROM pairs WHERE code = 'c{n}'; DELETE FROM parents WHERE {column} = 'c{n}'"));
        let children = one(
            conn,
            "SELECT count(*) FROM other.\"Chil\"\"dren\" WHERE code IS NULL",
        );
        assert_eq!(children.parse::<i32>().unwrap() * 2, n - 1, "{step}");
        assert!(
            Postgres::fails(conn, "INSERT INTO pairs VALUES (1, 'none')"),
            "{step}"
        );
    });
    let named = |line: &str| {
        // what the pairs and children call their own column stays
        let (end, rest) = line.split_once(" REFERENCES ").unwrap_or(("", line));
        let rest = rest.replace("code)", "key)").replace(".code ", ".key ");
        let rest = rest.replace("NOT NULL code ", "NOT NULL key ");
        match end {
            "" if line.contains(" boss") || line.contains("Chil") || line.contains("pairs.") => {
                line.to_owned()
            }
            "" => rest,
            end => format!("{end} REFERENCES {rest}"),
        }
    };
    let expected: Vec<String> = before.lines().map(named).collect();
    same(&expected.join("\n"), &after);
}

#[test]
fn a_rollback_from_every_action_gives_the_keys_back() {
    let db = Postgres::fresh();
    coded(&mut db.connect());
    and_back::<ParentKey>(&db, 2, |conn| {
        assert!(Postgres::fails(
            conn,
            "INSERT INTO pairs VALUES (1, 'none')"
        ));
        Postgres::run(conn, "INSERT INTO pairs VALUES (1, 'c3')");
    });
}

#[test]
fn who_keeps_the_narrow_type_is_told() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE parents (id integer PRIMARY KEY, key text); CREATE TABLE children (id integer, parent_id integer REFERENCES parents)",
    );
    let notices = ParentId::migration()
        .options(fast())
        .preflight(conn)
        .unwrap();
    let told: Vec<&str> = notices
        .iter()
        .filter(|notice| notice.kind == NoticeKind::Referencing)
        .map(|notice| notice.object.as_str())
        .collect();
    assert_eq!(told, ["column public.children.parent_id"]);
    let notices = TicketUid::migration();
    drop(notices);
}

#[test]
fn an_empty_table_is_referred_to_again() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE parents (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text);
         CREATE TABLE children (id serial PRIMARY KEY, parent_id bigint CONSTRAINT fk REFERENCES parents ON DELETE CASCADE);
         INSERT INTO children (parent_id) VALUES (NULL)",
    );
    let before = catalogue(conn);
    ParentId::migration().options(fast()).run(conn).unwrap();
    let expected = before
        .replace("parents.id integer", "parents.id bigint")
        .replace(
            "parents_id_seq integer 1 1 1 2147483647",
            "parents_id_seq bigint 1 1 1 9223372036854775807",
        );
    same(&expected, &catalogue(conn));
}
