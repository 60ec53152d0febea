//! Names that need quotes, names as long as the database allows, schemas other than `public`.
#![allow(non_snake_case)]

use expand_contract::phase::{Phase, Step};
use expand_contract::prelude::*;
use expand_contract::MigrateOn;
use tests::database::{Db, Lite, Postgres};

use crate::options;

diesel::table! {
    #[sql_name = "Ta\"ble's"]
    odd (id) {
        id -> Integer,
        #[sql_name = "order"]
        order_ -> Nullable<Text>,
        #[sql_name = "Weiße Größe"]
        size -> Nullable<Integer>,
        #[sql_name = "sixty_three_bytes_is_all_that_postgresql_keeps_of_a_name_öäü"]
        long -> Binary,
        #[sql_name = "a \"quote\""]
        quote -> Text,
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate, Debug, Clone, PartialEq)]
#[diesel(table_name = odd, treat_none_as_null = true)]
struct Odd {
    id: i32,
    #[diesel(column_name = order_)]
    #[migrate(rename_from = "Grö\"ße")]
    order: Option<String>,
    #[migrate(rename_from = "select")]
    size: Option<i32>,
    #[migrate(
        rename_from = "a_name_of_sixty_three_bytes_that_postgresql_keeps_of_one_ÄÖÜ", retype_from = Text,
        up(
            sqlite = "unhex(\"a_name_of_sixty_three_bytes_that_postgresql_keeps_of_one_ÄÖÜ\")",
            postgres = "decode(\"a_name_of_sixty_three_bytes_that_postgresql_keeps_of_one_ÄÖÜ\", 'hex')"
        ),
        down(
            sqlite = "lower(hex(long))",
            postgres = "encode(long, 'hex')"
        ),
        lossless
    )]
    long: Vec<u8>,
    #[migrate(rename_from = "'apostrophes' %s $1 ? \\")]
    quote: String,
}

fn odd(id: i32) -> Odd {
    Odd {
        id,
        order: (id % 2 == 0).then(|| format!("it's \"{id}\"")),
        size: (id % 3 == 0).then_some(id),
        long: vec![0xca, u8::try_from(id).expect("a small number")],
        quote: format!("'{id}'"),
    }
}

diesel::table! {
    Größe.Straße (Nr, ort) {
        Nr -> Integer,
        ort -> Text,
        user -> Text,
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate, Debug, Clone, PartialEq)]
#[diesel(table_name = Straße, primary_key(Nr, ort))]
struct Street {
    Nr: i32,
    ort: String,
    #[migrate(rename_from = "Wer?")]
    user: String,
}

/// A row through the model in the phase in force, and all rows by it.
trait Application: Db {
    fn write_and_read(conn: &mut Self::Conn, rows: &mut Vec<Odd>);
}

macro_rules! application {
    ($($db:ident),*) => {$(
        impl Application for $db {
            fn write_and_read(conn: &mut Self::Conn, rows: &mut Vec<Odd>) {
                let id = i32::try_from(rows.len()).expect("a small number") + 1;
                rows.push(odd(id));
                let snapshot = Odd::migration().snapshot(conn).expect("the phase can be read");
                snapshot.scope(|| {
                    let written = diesel::insert_into(odd::table).values(odd(id)).execute(conn);
                    assert_eq!(written, Ok(1));
                    let change = odd(id + 100);
                    let written = diesel::update(odd::table.find(1)).set(Odd { id: 1, ..change });
                    assert_eq!(written.execute(conn), Ok(1));
                    let back = diesel::update(odd::table.find(1)).set(odd(1));
                    assert_eq!(back.execute(conn), Ok(1));
                    let found = odd::table
                        .filter(Odd::quote.ne("").and(Odd::long.ne(vec![])))
                        .order(Odd::long)
                        .select(Odd::as_select())
                        .load(conn);
                    assert_eq!(found.as_ref(), Ok(&*rows));
                });
            }
        }
    )*};
}

application!(Lite, Postgres);

fn fm33_names_that_need_quotes<D: Application>(db: &D)
where
    odd::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    let long = "a_name_of_sixty_three_bytes_that_postgresql_keeps_of_one_ÄÖÜ";
    let new = "sixty_three_bytes_is_all_that_postgresql_keeps_of_a_name_öäü";
    assert_eq!((long.len(), new.len()), (63, 63));
    D::run(
        conn,
        &format!(
            "CREATE TABLE \"Ta\"\"ble's\" (id integer PRIMARY KEY, \"Grö\"\"ße\" text, \"select\" integer, \
             \"{long}\" text NOT NULL, \"'apostrophes' %s $1 ? \\\" text NOT NULL DEFAULT '''\\'); \
             CREATE UNIQUE INDEX \"{long}\" ON \"Ta\"\"ble's\" (\"{long}\"); \
             CREATE INDEX \"in \"\"dex\" ON \"Ta\"\"ble's\" (\"Grö\"\"ße\" DESC, \"select\")"
        ),
    );
    let mut rows = Vec::new();
    for _ in 0..5 {
        D::write_and_read(conn, &mut rows);
    }
    let before = D::schema(conn);
    let migration = || Odd::migration().options(options());
    for step in [Step::Expand, Step::Switch, Step::Retire] {
        migration().advance_to(conn, step).expect("the names do");
        D::write_and_read(conn, &mut rows);
    }
    while migration().status(conn).expect("status").stage.phase != Phase::Original {
        migration().rollback(conn).expect("the names do");
        D::write_and_read(conn, &mut rows);
    }
    assert_eq!(D::schema(conn), before);
    migration().run(conn).expect("the names do");
    D::write_and_read(conn, &mut rows);
    let schema = D::schema(conn);
    assert!(
        schema.contains(long) && schema.contains("in \"\"dex"),
        "{schema}"
    );
}

on_every_database!(fm33_names_that_need_quotes);

#[test]
fn fm33_a_schema_whose_name_needs_quotes() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE SCHEMA \"Größe\"; \
         CREATE TABLE \"Größe\".\"Straße\" (\"Nr\" integer, ort text, \"Wer?\" text NOT NULL DEFAULT 'x', \
           PRIMARY KEY (\"Nr\", ort), CONSTRAINT \"Wer?\" UNIQUE (\"Wer?\")); \
         CREATE INDEX \"Ort & Wer\" ON \"Größe\".\"Straße\" (ort, \"Wer?\"); \
         CREATE TABLE \"Straße\" (\"Nr\" integer PRIMARY KEY, \"user\" text)",
    );
    let migration = || Street::migration().options(options());
    let mut rows = Vec::new();
    let write_and_read = |conn: &mut PgConnection, rows: &mut Vec<Street>| {
        let street = Street {
            Nr: i32::try_from(rows.len()).expect("a small number"),
            ort: "Österreich".to_owned(),
            user: format!("user {}", rows.len()),
        };
        rows.push(street.clone());
        let snapshot = Street::migration().snapshot(conn).expect("the phase");
        snapshot.scope(|| {
            let written = diesel::insert_into(Straße::table).values(&street);
            assert_eq!(written.execute(conn), Ok(1));
            let found = Straße::table
                .order(Straße::Nr)
                .select(Street::as_select())
                .load(conn);
            assert_eq!(found.as_ref(), Ok(&*rows));
        });
    };
    write_and_read(conn, &mut rows);
    let before = Postgres::schema(conn);
    for step in [Step::Expand, Step::Switch, Step::Retire] {
        migration().advance_to(conn, step).expect("the names do");
        write_and_read(conn, &mut rows);
    }
    while migration().status(conn).expect("status").stage.phase != Phase::Original {
        migration().rollback(conn).expect("the names do");
        write_and_read(conn, &mut rows);
    }
    assert_eq!(Postgres::schema(conn), before);
    migration().run(conn).expect("the names do");
    write_and_read(conn, &mut rows);
    let schema = Postgres::schema(conn);
    assert!(schema.contains("\"Ort & Wer\""), "{schema}");
    assert!(schema.contains("Wer? UNIQUE (\"user\")"), "{schema}");
    let namesake =
        "SELECT count(*) FROM pg_attribute WHERE attrelid = '\"Straße\"'::regclass AND attnum > 0";
    assert_eq!(Postgres::text(conn, namesake).as_deref(), Some("2"));
}
