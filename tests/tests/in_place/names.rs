//! Names that need quotes, and two migrations of one table.

use diesel::prelude::*;
use expand_contract::phase::{Phase, Stage, Step};
use expand_contract::{Error, Migrate as _, MigrateOn};
use tests::database::{Db, Lite, Postgres};

use crate::options;

#[expand_contract::migrate(
    order(rename_from = "o\"ld 'é", strategy = in_place),
    size(
        rename_from = "name_of_sixty_three_bytes_which_is_as_long_as_postgresql_allows",
        strategy = in_place,
        via = "The \"marker\""
    ),
    id = "odd"
)]
diesel::table! {
    #[sql_name = "Odd \"table\""]
    odd (id) {
        id -> Integer,
        order -> Text,
        #[sql_name = "Weiße \"Größe\""]
        size -> Nullable<Text>,
    }
}

fn odd_names<D: Db>(step: Step) -> (D, String)
where
    odd::table: MigrateOn<D::Conn>,
{
    let db = D::fresh();
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE \"Odd \"\"table\"\"\" (id integer PRIMARY KEY, \"o\"\"ld 'é\" text NOT NULL, \
         \"name_of_sixty_three_bytes_which_is_as_long_as_postgresql_allows\" text); \
         INSERT INTO \"Odd \"\"table\"\"\" VALUES (1, 'a', 'b')",
    );
    let before = D::schema(conn);
    let moved = odd::table::migration()
        .options(options())
        .advance_to(conn, step);
    moved.expect("names are quoted");
    (db, before)
}

macro_rules! odd_names {
    ($D:ident) => {{
        for step in [Step::Expand, Step::Contract] {
            let (db, before) = odd_names::<$D>(step);
            let conn = &mut db.connect();
            let known = odd::table::migration().snapshot(conn).unwrap();
            known.scope(|| {
                let row = (odd::id.eq(2), odd::order.eq("c"), odd::size.eq(Some("d")));
                let inserted = diesel::insert_into(odd::table).values(row).execute(conn);
                assert_eq!(inserted, Ok(1));
                let rows = odd::table.order(odd::id).select((odd::order, odd::size));
                let text = |value: &str| Some(value.to_owned());
                assert_eq!(
                    rows.load::<(String, Option<String>)>(conn),
                    Ok(vec![
                        ("a".to_owned(), text("b")),
                        ("c".to_owned(), text("d"))
                    ])
                );
            });
            let mut migration = odd::table::migration().options(options());
            let status = migration.status(conn).unwrap();
            assert_eq!(status.strangers, []);
            if status.stage != Stage::first(Phase::Original) {
                migration.rollback(conn).unwrap();
            }
            assert_eq!($D::schema(conn), before);
        }
    }};
}

// one after the other: the process has one phase per table
#[test]
fn fm33_names_that_need_quotes() {
    odd_names!(Lite);
    odd_names!(Postgres);
}

mod two {
    use super::*;

    #[expand_contract::migrate(contact(rename_from = "email", strategy = in_place), id = "contact")]
    diesel::table! {
        people (id) {
            id -> Integer,
            contact -> Text,
            note -> Text,
        }
    }

    pub(super) mod other {
        #[expand_contract::migrate(remark(rename_from = "note"), id = "remark")]
        diesel::table! {
            people (id) {
                id -> Integer,
                remark -> Text,
            }
        }
    }

    pub(super) fn refused<D: Db>()
    where
        people::table: MigrateOn<D::Conn>,
        other::people::table: MigrateOn<D::Conn>,
    {
        let db = D::fresh();
        let conn = &mut db.connect();
        D::run(
            conn,
            "CREATE TABLE people (id integer PRIMARY KEY, email text NOT NULL, note text NOT NULL); \
             INSERT INTO people VALUES (1, 'p1', 'n1')",
        );
        let mut rename = people::table::migration().options(options());
        let mut other = other::people::table::migration().options(options());
        let begun = other.advance_to(conn, Step::Expand);
        begun.expect("nobody else is under way");
        let refused = rename.advance_to(conn, Step::Contract);
        assert!(
            matches!(refused, Err(Error::OtherMigration { .. })),
            "{refused:?}"
        );
        other.rollback(conn).expect("it has only begun");
        rename
            .advance_to(conn, Step::Contract)
            .expect("the other is over");
        // what the next migration rests on is not taken from under it
        let begun = other.advance_to(conn, Step::Expand);
        begun.expect("nobody else is under way");
        let refused = rename.rollback(conn);
        assert!(
            matches!(refused, Err(Error::OtherMigration { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn fm46_another_migration_of_the_table() {
    two::refused::<Lite>();
    two::refused::<Postgres>();
}
