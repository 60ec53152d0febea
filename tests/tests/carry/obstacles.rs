//! What cannot be carried is named by its kind before anything is changed, and nothing is ever dropped along with a column.

use crate::options;
use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::Obstacle;
use expand_contract::{Error, MigrateOn};
use tests::catalogue::of_table;
use tests::database::{Db, Postgres};

diesel::table! {
    users (id) {
        id -> Integer,
        mail -> Nullable<Text>,
        note -> Nullable<Text>,
    }
}

#[derive(Migrate)]
#[diesel(table_name = users)]
#[allow(dead_code)]
struct User {
    id: i32,
    #[migrate(rename_from = "email")]
    mail: Option<String>,
    note: Option<String>,
}

/// The same table, and a column whose type changes.
mod retyped {
    use expand_contract::prelude::*;

    diesel::table! {
        users (id) {
            id -> Integer,
            years -> Nullable<Integer>,
            note -> Nullable<Text>,
        }
    }

    #[derive(Migrate)]
    #[diesel(table_name = users)]
    #[allow(dead_code)]
    pub(super) struct User {
        id: i32,
        #[migrate(
            rename_from = "email", retype_from = Nullable<Text>, lossless,
            up = "cast(email as integer)", down = "cast(years as text)"
        )]
        years: Option<i32>,
        note: Option<String>,
    }

    pub(super) mod wrong {
        use expand_contract::prelude::*;

        #[derive(Migrate)]
        #[diesel(table_name = super::super::wrong_users)]
        #[allow(dead_code)]
        pub(crate) struct User {
            id: i32,
            #[migrate(
                rename_from = "email", retype_from = Nullable<Text>, lossless,
                up = "cast(email as integer)", down = "cast(years as text)",
                carry("there" = "years > 0 AND note IS NULL", "nowhere" = "years > zeal"),
            )]
            years: Option<i32>,
        }
    }

    pub(super) mod annotated {
        use expand_contract::prelude::*;

        #[derive(Migrate)]
        #[diesel(table_name = super::super::annotated_users)]
        #[allow(dead_code)]
        pub(crate) struct User {
            id: i32,
            #[migrate(
                rename_from = "email", retype_from = Nullable<Text>, lossless,
                up = "cast(email as integer)", down = "cast(years as text)",
                carry("there" = "years > 0", "nowhere" = "years > 0"),
                drop("never"),
            )]
            years: Option<i32>,
        }
    }
}

diesel::table! {
    #[sql_name = "users"]
    annotated_users (id) {
        id -> Integer,
        years -> Nullable<Integer>,
    }
}

diesel::table! {
    #[sql_name = "users"]
    wrong_users (id) {
        id -> Integer,
        years -> Nullable<Integer>,
    }
}

const TABLE: &str = "CREATE TABLE users (id integer PRIMARY KEY, email text, note text)";

/// What the preflight says of a database with this schema, in which nothing may have changed then.
fn found<T: MigrateOn<PgConnection>>(
    migration: expand_contract::Migration<T>,
    sql: &str,
) -> Result<Vec<Obstacle>, Error> {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(conn, sql);
    let description = |conn: &mut PgConnection| {
        let schema = Postgres::schema(conn);
        format!("{schema}\n{}", of_table(conn, "users"))
    };
    let before = description(conn);
    let result = migration.options(options()).expand(conn);
    assert_eq!(description(conn), before, "{sql}");
    match result {
        Err(Error::Obstacles { obstacles, .. }) => Ok(obstacles),
        Err(other) => Err(other),
        Ok(_) => panic!("{sql}: it was carried"),
    }
}

#[track_caller]
fn named<T: MigrateOn<PgConnection>>(
    migration: expand_contract::Migration<T>,
    sql: &str,
    kind: &str,
    name: &str,
) {
    let obstacles = found(migration, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert!(
        obstacles
            .iter()
            .any(|found| found.kind == kind && found.name == name),
        "{sql}: {obstacles:?}"
    );
}

#[test]
fn fm27_every_kind_is_named() {
    let function =
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'";
    for (more, kind, name) in [
        ("CREATE VIEW v AS SELECT email FROM users", "view", "v"),
        ("CREATE VIEW v AS SELECT id FROM users ORDER BY email", "view", "v"),
        (
            "CREATE MATERIALIZED VIEW v AS SELECT upper(email) FROM users",
            "materialized view",
            "v",
        ),
        (
            "CREATE RULE r AS ON UPDATE TO users WHERE new.email = 'x' DO ALSO SELECT 1",
            "rule",
            "r",
        ),
        (
            "CREATE TABLE log (x text); CREATE RULE r AS ON INSERT TO log DO ALSO SELECT email FROM users",
            "rule",
            "r",
        ),
        ("CREATE POLICY p ON users USING (email = current_user)", "policy", "p"),
        (
            "CREATE POLICY p ON users FOR INSERT WITH CHECK (email <> '')",
            "policy",
            "p",
        ),
        (
            "ALTER TABLE users ADD COLUMN x text GENERATED ALWAYS AS (email || '') STORED",
            "generated column",
            "x",
        ),
        (
            "ALTER TABLE users DROP COLUMN email; ALTER TABLE users ADD COLUMN email text GENERATED ALWAYS AS (note || '') STORED",
            "generated column",
            "email",
        ),
        (
            "CREATE PUBLICATION p FOR TABLE users (id, email)",
            "publication's column list",
            "p",
        ),
        (
            "ALTER TABLE users REPLICA IDENTITY FULL; CREATE PUBLICATION p FOR TABLE users WHERE (email <> '')",
            "publication's row filter",
            "p",
        ),
        (
            "CREATE FUNCTION g() RETURNS text BEGIN ATOMIC SELECT min(email) FROM users; END",
            "function",
            "g()",
        ),
        (
            &format!("{function}; CREATE TRIGGER g BEFORE UPDATE OF email ON users FOR EACH ROW EXECUTE FUNCTION f()"),
            "trigger",
            "g",
        ),
        (
            &format!("{function}; CREATE TRIGGER g BEFORE INSERT ON users FOR EACH ROW WHEN (new.email <> '') EXECUTE FUNCTION f()"),
            "trigger",
            "g",
        ),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.email := 1; RETURN NEW; END'; \
             CREATE TRIGGER g BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f()",
            "trigger",
            "g",
        ),
        (
            "ALTER TABLE users ADD CONSTRAINT e EXCLUDE USING gist (box(point(length(email), 1), point(2, 2)) WITH &&)",
            "exclusion constraint",
            "e",
        ),
        (
            "CREATE FUNCTION g(users) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.email <> '''''; \
             ALTER TABLE users ADD CONSTRAINT whole CHECK (g(users))",
            "CHECK constraint over the whole row",
            "whole",
        ),
        (
            "CREATE FUNCTION g(users) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.email'; \
             CREATE INDEX whole ON users (g(users))",
            "index over the whole row",
            "whole",
        ),
        (
            "CREATE EXTENSION hstore; ALTER EXTENSION hstore ADD TABLE users",
            "table of extension",
            "hstore",
        ),
    ] {
        named(User::migration(), &format!("{TABLE}; {more}"), kind, name);
    }
}

/// Since 18 NOT NULL may hold for new rows only; the copy would be held against all of them.
#[test]
fn fm27_a_not_null_that_is_not_validated_is_named() {
    let version = "SELECT current_setting('server_version_num')::integer >= 180000";
    if Postgres::text(&mut Postgres::fresh().connect(), version).as_deref() != Some("true") {
        return;
    }
    let table = format!("{TABLE}; ALTER TABLE users ADD CONSTRAINT later NOT NULL email NOT VALID");
    let kind = "NOT NULL constraint that is not validated";
    named(User::migration(), &table, kind, "later");
}

#[test]
fn fm27_relations_that_are_no_ordinary_tables_are_named() {
    for (sql, kind) in [
        (
            "CREATE TABLE all_users (id integer PRIMARY KEY, email text, note text) PARTITION BY RANGE (id); \
             CREATE TABLE users PARTITION OF all_users DEFAULT PARTITION BY LIST (id)",
            "a partition that is partitioned itself",
        ),
        (
            "CREATE TABLE all_users (id integer PRIMARY KEY, email text, note text) PARTITION BY RANGE (id); \
             CREATE TABLE users PARTITION OF all_users DEFAULT",
            "a partition",
        ),
        (
            "CREATE TABLE users (id integer PRIMARY KEY, email text, note text); CREATE TABLE kids () INHERITS (users)",
            "a table with inheritance",
        ),
        (
            "CREATE TABLE parents (id integer PRIMARY KEY, email text); CREATE TABLE users (note text) INHERITS (parents)",
            "a table with inheritance",
        ),
        (
            "CREATE EXTENSION file_fdw; CREATE SERVER s FOREIGN DATA WRAPPER file_fdw; \
             CREATE FOREIGN TABLE users (id integer, email text, note text) SERVER s OPTIONS (filename '/dev/null')",
            "a foreign table",
        ),
        ("CREATE VIEW users AS SELECT 1 AS id, ''::text AS email", "a view"),
        (
            "CREATE MATERIALIZED VIEW users AS SELECT 1 AS id, ''::text AS email",
            "a materialized view",
        ),
    ] {
        match found(User::migration(), sql) {
            Err(Error::Unsupported { what, .. }) => assert!(what.ends_with(kind), "{what}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn fm30_what_is_over_a_retyped_column_is_asked_for() {
    for (more, kind) in [
        (
            "ALTER TABLE users ADD CONSTRAINT o CHECK (email <> '')",
            "CHECK constraint over a column whose type changes",
        ),
        (
            "CREATE INDEX o ON users (note, lower(email))",
            "expression index over a column whose type changes",
        ),
        (
            "CREATE INDEX o ON users (note) WHERE email IS NOT NULL",
            "partial index over a column whose type changes",
        ),
        (
            "CREATE INDEX o ON users (email text_pattern_ops)",
            "index with an operator class or collation over a column whose type changes",
        ),
        (
            "CREATE INDEX o ON users (email COLLATE \"C\")",
            "index with an operator class or collation over a column whose type changes",
        ),
        (
            "CREATE STATISTICS o ON note, (lower(email)) FROM users",
            "extended statistics over a column whose type changes",
        ),
        (
            "CREATE INDEX o ON users USING spgist (email)",
            "index of a method without an operator class for the new type",
        ),
    ] {
        let sql = format!("{TABLE}; {more}");
        named(retyped::User::migration(), &sql, kind, "o");
        let found = found(retyped::User::migration(), &sql).expect("it is named");
        let text = found[0].to_string();
        assert!(
            text.contains("add `carry(\"o\" = \"") && text.contains("`drop(\"o\")`"),
            "{text}"
        );
    }
    // what does not depend on the type is carried: the same by name, and a condition on another column
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        &format!(
            "{TABLE}; CREATE INDEX a ON users (email, lower(note)) WHERE note <> ''; CREATE INDEX b ON users USING hash (email); \
             CREATE STATISTICS c ON email, note FROM users"
        ),
    );
    let mut migration = retyped::User::migration().options(options());
    migration.run(conn).expect("it ends");
    let all = of_table(conn, "users");
    for line in [
        "INDEX a ON public.users USING btree (years, lower(note)) WHERE (note <> ''::text)",
        "INDEX b ON public.users USING hash (years)",
        "statistics public c on note, years",
    ] {
        assert!(all.contains(line), "{all}");
    }
}

#[test]
fn an_annotation_that_names_nothing_is_refused() {
    let sql = format!("{TABLE}; ALTER TABLE users ADD CONSTRAINT there CHECK (email <> '')");
    let obstacles = found(retyped::annotated::User::migration(), &sql).expect("it is named");
    let names: Vec<&str> = obstacles.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["nowhere", "never"]);
}

#[test]
fn a_condition_that_the_server_does_not_take_is_refused() {
    let sql = "CREATE TABLE users (id integer PRIMARY KEY, email text, note text, CONSTRAINT there CHECK (email <> ''), \
               CONSTRAINT nowhere CHECK (email <> 'x')); CREATE INDEX never ON users (email)";
    // `years` is a number, and compared with one; but there is no such column as `zeal`
    let obstacles = found(retyped::wrong::User::migration(), sql).expect("it is named");
    let said: Vec<String> = obstacles.iter().map(|found| found.to_string()).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("zeal") && said[0].contains("`nowhere`"),
        "{said:?}"
    );
}

#[test]
fn a_check_that_came_late_stops_the_drop() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(conn, TABLE);
    Postgres::run(conn, "INSERT INTO users VALUES (1, 'a', 'b')");
    let mut migration = User::migration().options(options());
    migration
        .advance_to(conn, Step::Retire)
        .expect("it gets there");
    Postgres::run(
        conn,
        "ALTER TABLE users ADD CONSTRAINT late CHECK (email <> 'x'); CREATE INDEX late_too ON users (lower(email))",
    );
    let mut migration = User::migration().options(options());
    match migration.run(conn) {
        Err(Error::Obstacles { obstacles, .. }) => assert_eq!(obstacles[0].name, "late"),
        other => panic!("{other:?}"),
    }
    Postgres::run(conn, "ALTER TABLE users DROP CONSTRAINT late");
    let mut migration = User::migration().options(options());
    migration.run(conn).expect("the index is carried as well");
    assert!(of_table(conn, "users")
        .contains("INDEX late_too ON public.users USING btree (lower(mail))"));
}

/// Fails without the comparison of expression trees: the copy would take the index's name.
#[test]
fn a_copy_that_is_over_something_else_stops_retire() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        &format!("{TABLE}; CREATE INDEX lowered ON users (lower(email)); INSERT INTO users VALUES (1, 'A', 'n')"),
    );
    let mut migration = User::migration().options(options());
    migration
        .advance_to(conn, Step::Verify)
        .expect("nothing is in the way");
    let copy = "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'lowered\\_ec\\_%'";
    let copy = Postgres::text(conn, copy).expect("there is a copy");
    Postgres::run(
        conn,
        &format!("DROP INDEX {copy}; CREATE INDEX {copy} ON users (upper(mail))"),
    );
    let mut migration = User::migration().options(options());
    match migration.advance_to(conn, Step::Retire) {
        Err(Error::Obstacles { obstacles, .. }) => {
            assert_eq!(obstacles.len(), 1, "{obstacles:?}");
            assert_eq!(obstacles[0].kind, "index whose copy came out differently");
            assert_eq!(obstacles[0].name, "lowered");
        }
        other => panic!("{other:?}"),
    }
}
