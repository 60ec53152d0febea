//! Names that need quoting, or are as long as the database allows.

use diesel::connection::SimpleConnection;
use diesel::{insert_into, update};
use expand_contract::__private::Dialect;
use expand_contract::phase::{Phase, Stage};
use expand_contract::prelude::*;

use super::*;
use crate::support::snapshot;

mod default_schema {
    use super::*;

    diesel::table! {
        #[sql_name = "Täglicher \"Bestand\""]
        stock (id) {
            id -> Integer,
            #[sql_name = "order"]
            ordinal -> Integer,
            #[sql_name = "Weiße Größe"]
            white -> Text,
            #[sql_name = "a \"quoted\" name"]
            quoted -> Text,
            #[sql_name = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"]
            long -> Text,
        }
    }

    #[derive(
        Debug,
        Clone,
        PartialEq,
        Queryable,
        Selectable,
        Identifiable,
        Insertable,
        AsChangeset,
        Migrate,
    )]
    #[diesel(table_name = stock)]
    pub(super) struct Stock {
        pub(super) id: i32,
        #[migrate(rename_from = "group")]
        pub(super) ordinal: i32,
        #[migrate(rename_from = "Schwarze Größe")]
        pub(super) white: String,
        #[migrate(
            rename_from = "an \"old\" name",
            retype_from = Integer,
            up = "CAST(\"an \"\"old\"\" name\" AS text)",
            down = "CAST(quoted AS integer)",
            lossless
        )]
        pub(super) quoted: String,
        #[migrate(rename_from = "ooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo")]
        pub(super) long: String,
    }
}

mod named_schema {
    use super::*;

    // on SQLite: an attached database
    diesel::table! {
        #[sql_name = "user"]
        Lager.users (id) {
            id -> Integer,
            #[sql_name = "select"]
            name -> Text,
        }
    }

    #[derive(
        Debug,
        Clone,
        PartialEq,
        Queryable,
        Selectable,
        Identifiable,
        Insertable,
        AsChangeset,
        Migrate,
    )]
    #[diesel(table_name = users)]
    pub(super) struct User {
        pub(super) id: i32,
        #[migrate(rename_from = "from")]
        pub(super) name: String,
    }
}

fn at<T: expand_contract::__private::Migrate>(phase: Phase) -> expand_contract::Snapshot {
    snapshot::<T>(Stage::first(phase), DIALECT, &["integer"; 4])
}

fn quoted(name: &str) -> String {
    DIALECT.quote(name)
}

#[test]
fn fm33_columns_and_a_table_that_need_quotes() {
    use default_schema::{stock, Stock};
    let mut database = open();
    let conn = &mut database.conn;
    let names = [
        ("group", "order"),
        ("Schwarze Größe", "Weiße Größe"),
        ("an \"old\" name", "a \"quoted\" name"),
        (&"o".repeat(63), &"n".repeat(63)),
    ];
    let table = quoted("Täglicher \"Bestand\"");
    for phase in Phase::ALL {
        let both: Vec<String> = names
            .iter()
            .zip([
                ("integer", "integer"),
                ("text", "text"),
                ("integer", "text"),
                ("text", "text"),
            ])
            .map(|((old, new), (old_type, new_type))| {
                let old = format!("{} {old_type}", quoted(old));
                let new = format!("{} {new_type}", quoted(new));
                crate::support::columns(phase, true, &old, &new)
            })
            .collect();
        conn.batch_execute(&format!(
            "DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({KEY}, {}); CREATE UNIQUE INDEX u ON {table} ({})",
            both.join(", "),
            quoted(if phase.writes_old() { names[0].0 } else { names[0].1 }),
        ))
        .unwrap();
        at::<stock::table>(phase).scope(|| {
            let mut row = Stock {
                id: 1,
                ordinal: 3,
                white: "weiß".into(),
                quoted: "7".into(),
                long: "lang".into(),
            };
            insert_into(stock::table)
                .values(&row)
                .execute(conn)
                .unwrap();
            row.quoted = "8".into();
            row.ordinal = 4;
            update(&row).set(&row).execute(conn).unwrap();
            insert_into(stock::table)
                .values(&row)
                .on_conflict(Stock::ordinal.target().unwrap())
                .do_update()
                .set((Stock::white.eq_excluded(), Stock::long.eq("länger")))
                .execute(conn)
                .unwrap();
            row.long = "länger".into();
            let found: Vec<Stock> = stock::table
                .filter(Stock::ordinal.eq(4).and(Stock::white.like("wei%")))
                .filter(Stock::quoted.eq("8").and(Stock::long.ne("lang")))
                .order((Stock::ordinal, Stock::white, Stock::quoted, Stock::long))
                .select(Stock::as_select())
                .load(conn)
                .unwrap();
            assert_eq!(found, [row], "{phase}");
            let raw = format!(
                "SELECT count(*) AS n FROM {table} AS \"t \"\" t\" WHERE {} = 4 AND {} = '8'",
                Stock::ordinal.sql_of("t \" t").unwrap(),
                Stock::quoted.sql().unwrap(),
            );
            diesel::sql_query(raw).execute(conn).unwrap();
        });
    }
}

#[test]
fn fm33_a_schema_and_a_table_that_need_quotes() {
    use named_schema::{users, User};
    let mut database = open();
    let conn = &mut database.conn;
    conn.batch_execute(match DIALECT {
        Dialect::Postgres => "CREATE SCHEMA \"Lager\"",
        _ => "ATTACH ':memory:' AS \"Lager\"",
    })
    .unwrap();
    for phase in Phase::ALL {
        let column = crate::support::columns(phase, true, "\"from\" text", "\"select\" text");
        conn.batch_execute(&format!(
            "DROP TABLE IF EXISTS \"Lager\".\"user\"; CREATE TABLE \"Lager\".\"user\" ({KEY}, {column})"
        ))
        .unwrap();
        at::<users::table>(phase).scope(|| {
            let mut row = User {
                id: 1,
                name: "Ann".into(),
            };
            insert_into(users::table)
                .values(&row)
                .execute(conn)
                .unwrap();
            row.name = "Bob".into();
            update(&row).set(&row).execute(conn).unwrap();
            let found: User = users::table
                .filter(User::name.eq("Bob"))
                .order(User::name)
                .select(User::as_select())
                .first(conn)
                .unwrap();
            assert_eq!(found, row);
            let deleted: String = diesel::delete(users::table.filter(User::name.ne("Ann")))
                .returning(User::name)
                .get_result(conn)
                .unwrap();
            assert_eq!(deleted, "Bob");
        });
    }
}
