#![allow(missing_docs)]
use diesel::sqlite::Sqlite;
use expand_contract::__private::Dialect;
use expand_contract::phase::{Phase, Stage};
use expand_contract::prelude::*;
use expand_contract::Snapshot;

diesel::table! {
    accounts (id) {
        id -> Integer,
        primary_contact -> Nullable<Text>,
        balance -> BigInt,
        score -> Integer,
    }
}

fn parse(text: String) -> Result<i32, std::num::ParseIntError> {
    text.parse()
}
fn show(n: i32) -> Result<String, std::convert::Infallible> {
    Ok(n.to_string())
}

#[derive(
    expand_contract::Queryable, Selectable, Identifiable, Debug, Insertable, AsChangeset, Migrate,
)]
#[diesel(table_name = accounts)]
struct Account {
    id: i32,
    #[migrate(rename_from = "legacy_email")]
    primary_contact: Option<String>,
    #[migrate(retype_from = diesel::sql_types::Integer, up = "CAST(balance AS BIGINT)", down = "CAST(balance AS INTEGER)")]
    balance: i64,
    #[migrate(rename_from = "points", retype_from = Text, up_with = parse, down_with = show, old_type = String, lossless)]
    score: i32,
}

#[test]
fn ddd() {
    for phase in Phase::ALL {
        Snapshot::new(
            <accounts::table as expand_contract::__private::Migrate>::cell(),
            Stage::first(phase),
            Dialect::Sqlite,
            vec![],
        )
        .scope(|| {
            let a = Account {
                id: 1,
                primary_contact: None,
                balance: 2,
                score: 3,
            };
            println!(
                "{}",
                diesel::debug_query::<Sqlite, _>(&diesel::insert_into(accounts::table).values(&a))
            );
            println!(
                "{}",
                diesel::debug_query::<Sqlite, _>(&diesel::update(&a).set(&a))
            );
            println!(
                "{}",
                diesel::debug_query::<Sqlite, _>(
                    &accounts::table
                        .filter(
                            Account::score
                                .eq(5)
                                .or(Account::score.eq_any([5, 6]))
                                .and(Account::primary_contact.eq("x"))
                        )
                        .select(Account::as_select())
                )
            );
        });
    }
    if false {
        let conn: &mut diesel::SqliteConnection =
            &mut diesel::SqliteConnection::establish(":memory:").unwrap();
        let _: Vec<Account> = accounts::table
            .select(Account::as_select())
            .load(conn)
            .unwrap();
        let _ = Account::migration();
    }
}
