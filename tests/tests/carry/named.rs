//! Names that are long, or not plain.

use crate::{options, rolls_back};
use expand_contract::prelude::*;
use tests::catalogue::{assert_same, of_table};
use tests::database::{Db, Postgres};

diesel::table! {
    #[sql_name = "Söme \"table\""]
    odd.things (id) {
        id -> Integer,
        #[sql_name = "neue_\"Größe\"_ein_Name_von_dreiundsechzig_Bytes_Länge_xyz1234"]
        size -> Nullable<Text>,
    }
}

#[derive(Migrate)]
#[diesel(table_name = things)]
#[allow(dead_code)]
struct Thing {
    id: i32,
    #[migrate(rename_from = "Weiße \"Größe\"")]
    size: Option<String>,
}

const OLD: &str = r#""Weiße ""Größe""""#;
const NEW: &str = r#""neue_""Größe""_ein_Name_von_dreiundsechzig_Bytes_Länge_xyz1234""#;
const TABLE: &str = r#"odd."Söme ""table""""#;

fn table(conn: &mut PgConnection) {
    // 63 bytes each
    let names = ["aa", "b'", "c\"", "dd", "ee"].map(|start| {
        let name = format!("{start}x{}", "ü".repeat(30));
        assert_eq!(name.len(), 63);
        format!("\"{}\"", name.replace('"', "\"\""))
    });
    let [check, index, unique, key, statistics] = names;
    Postgres::run(
        conn,
        &format!(
            "CREATE SCHEMA odd; CREATE TABLE {TABLE} (id integer PRIMARY KEY, {OLD} text NOT NULL DEFAULT 'Weiße \"Größe\"', \
               CONSTRAINT {check} CHECK ({OLD} <> 'Weiße \"Größe\"' OR length({OLD}) > 0), \
               CONSTRAINT {key} UNIQUE ({OLD}, id)); \
             CREATE INDEX {index} ON {TABLE} (lower({OLD}), {OLD}) WHERE {OLD} IS NOT NULL; \
             CREATE UNIQUE INDEX {unique} ON {TABLE} (({OLD} || 'x')); \
             CREATE STATISTICS odd.{statistics} ON id, {OLD} FROM {TABLE}; \
             COMMENT ON CONSTRAINT {check} ON {TABLE} IS 'c'; COMMENT ON INDEX odd.{index} IS 'i'; \
             COMMENT ON INDEX odd.{unique} IS 'u'; COMMENT ON STATISTICS odd.{statistics} IS 's'; \
             INSERT INTO {TABLE} SELECT i, i FROM generate_series(1, 60) i"
        ),
    );
}

#[test]
fn fm33_names_come_back_whatever_they_are() {
    let wanted = {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        table(conn);
        Postgres::run(
            conn,
            &format!("ALTER TABLE {TABLE} RENAME COLUMN {OLD} TO {NEW}"),
        );
        of_table(conn, TABLE)
    };
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table(conn);
    rolls_back(conn, TABLE, Thing::migration);
    let mut migration = Thing::migration().options(options());
    migration.run(conn).expect("it ends");
    assert_same(&of_table(conn, TABLE), &wanted, "after `contract`");
}
