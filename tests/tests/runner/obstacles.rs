//! What the runner cannot carry is named before anything is changed.

use crate::common::*;
use expand_contract::phase::Step;
use expand_contract::{Error, Migrate, MigrateOn};

fn obstacle<D: Db>(sql: &str, kind: &str)
where
    Users: MigrateOn<D::Conn>,
{
    let db = D::fresh();
    let conn = &mut db.connect();
    D::run(conn, sql);
    let before = D::schema(conn);
    match Users::migration().options(fast()).expand(conn) {
        Err(Error::Obstacles { obstacles, .. }) => {
            assert!(
                obstacles.iter().any(|found| found.kind == kind),
                "{sql}: {obstacles:?}"
            );
        }
        other => panic!("{sql}: {other:?}"),
    }
    assert_eq!(D::schema(conn), before);
}

const TABLE: &str = "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL, note text)";

#[test]
fn sqlite_names_what_it_cannot_carry() {
    for (sql, kind) in [
        (
            "CREATE TABLE users (id integer PRIMARY KEY, email text UNIQUE)",
            "UNIQUE constraint in the table's definition",
        ),
        (
            "CREATE TABLE users (id integer PRIMARY KEY, email text REFERENCES users (id))",
            "foreign key",
        ),
        (
            "CREATE TABLE users (id integer PRIMARY KEY, email text, x AS (email || ''))",
            "generated column or CHECK",
        ),
        (
            "CREATE TABLE users (id integer PRIMARY KEY, email text, UNIQUE (id, email))",
            "table constraint",
        ),
        (
            "CREATE TABLE users (id integer, email text PRIMARY KEY)",
            "PRIMARY KEY",
        ),
        (
            &format!("{TABLE}; CREATE VIEW v AS SELECT email FROM users"),
            "view",
        ),
        (
            &format!(
                "{TABLE}; CREATE TRIGGER g AFTER UPDATE OF email ON users BEGIN SELECT 1; END"
            ),
            "trigger",
        ),
        (
            "CREATE TABLE users (id integer PRIMARY KEY, email text, note text CHECK (note <> email))",
            "generated column or CHECK",
        ),
        (
            &format!("{TABLE}; CREATE INDEX i ON users (id) WHERE CAST(email AS EMAIL) <> ''"),
            "partial index that cannot be translated",
        ),
        (
            &format!("{TABLE}; CREATE TABLE w (e text REFERENCES users (email))"),
            "foreign key to the column",
        ),
    ] {
        obstacle::<Lite>(sql, kind);
    }
}

fn preflight<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
    UsersNext: MigrateOn<D::Conn>,
    Versions: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    assert!(matches!(
        Users::migration().load(conn),
        Err(Error::TableNotFound { .. })
    ));
    D::run(conn, "CREATE TABLE users (id integer, email text)");
    assert!(matches!(
        Users::migration().options(fast()).expand(conn),
        Err(Error::NoPrimaryKey { .. })
    ));
    D::run(
        conn,
        "DROP TABLE users; CREATE TABLE users (id integer PRIMARY KEY, email text, mail text)",
    );
    assert!(matches!(
        Users::migration().load(conn),
        Err(Error::BothColumns { .. })
    ));
    assert!(matches!(
        Users::migration().run(conn),
        Err(Error::BothColumns { .. })
    ));
    D::run(
        conn,
        "DROP TABLE users; CREATE TABLE users (id integer PRIMARY KEY)",
    );
    assert!(matches!(
        Users::migration().load(conn),
        Err(Error::ColumnMissing { .. })
    ));
    D::run(conn, "DROP TABLE users");
    plain::<D>(conn);
    Users::migration()
        .options(fast())
        .advance_to(conn, Step::Expand)
        .unwrap();
    // one migration at a time
    match UsersNext::migration().options(fast()).expand(conn) {
        Err(Error::OtherMigration { other, .. }) => assert_eq!(other, "users-mail"),
        other => panic!("{other:?}"),
    }
    Users::migration().options(fast()).run(conn).unwrap();
    UsersNext::migration().options(fast()).run(conn).unwrap();
    // a conversion that never works must fail the expand
    D::run(
        conn,
        "CREATE TABLE versions (id integer PRIMARY KEY, checksum text); \
                  INSERT INTO versions VALUES (1, 'zz'), (2, 'no'), (3, NULL)",
    );
    let before = D::schema(conn);
    assert!(matches!(
        Versions::migration().options(fast()).expand(conn),
        Err(Error::Conversion { .. })
    ));
    assert_eq!(D::schema(conn), before);
}

on_every_database!(preflight);
