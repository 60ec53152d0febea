//! The annotation on a model's field: all that Diesel does with a column, in every phase, on SQLite.
#![allow(missing_docs)]

use diesel::dsl::Filter;
use expand_contract::dsl::Gt;
use expand_contract::phase::{Phase, Stage};
use expand_contract::prelude::*;
use expand_contract::PhaseColumn;
use tests::phases;

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

fn show(number: i32) -> Result<String, std::convert::Infallible> {
    Ok(number.to_string())
}

/// One field of each kind: renamed, retyped by SQL, renamed and retyped by Rust.
#[derive(
    expand_contract::Queryable,
    Selectable,
    Identifiable,
    Insertable,
    AsChangeset,
    Migrate,
    Debug,
    PartialEq,
    Clone,
)]
#[diesel(table_name = accounts)]
struct Account {
    id: i32,
    #[migrate(rename_from = "legacy_email")]
    primary_contact: Option<String>,
    #[migrate(rename_from = "cents", retype_from = Text,
              up = "CAST(cents AS BIGINT)", down = "CAST(balance AS TEXT)")]
    balance: i64,
    #[migrate(rename_from = "points", retype_from = Text, old_type = String,
              up_with = parse, down_with = show, lossless)]
    score: i32,
}

#[derive(HasQuery, Debug, PartialEq)]
#[diesel(table_name = accounts)]
#[diesel(base_query = accounts::table.filter(Account::balance.gt(5)))]
#[diesel(base_query_type = Filter<accounts::table, Gt<PhaseColumn<accounts::balance>, i64>>)]
struct Rich {
    id: i32,
    balance: i64,
    score: i32,
}

fn create(phase: Phase) -> String {
    let contact = phases::columns(phase, "legacy_email TEXT", "primary_contact TEXT");
    let balance = phases::columns(phase, "cents TEXT", "balance BIGINT");
    let score = phases::columns(phase, "points TEXT", "score INTEGER");
    format!("CREATE TABLE accounts (id INTEGER PRIMARY KEY, {contact}, {balance}, {score})")
}

fn account(id: i32, contact: Option<&str>) -> Account {
    Account {
        id,
        primary_contact: contact.map(str::to_owned),
        balance: i64::from(id) * 5,
        score: id * 100,
    }
}

/// In every phase, with two accounts.
fn with_accounts(work: impl Fn(Phase, &mut diesel::SqliteConnection)) {
    phases::each::<accounts::table>(create, |phase, connection| {
        let rows = diesel::insert_into(accounts::table)
            .values(vec![account(1, Some("a@b")), account(2, None)])
            .execute(connection);
        assert_eq!(rows, Ok(2), "{phase}");
        work(phase, connection);
    });
}

fn all(connection: &mut diesel::SqliteConnection) -> Vec<Account> {
    accounts::table
        .select(Account::as_select())
        .order(accounts::id)
        .load(connection)
        .expect("selects")
}

#[test]
fn records_are_inserted_and_selected() {
    with_accounts(|phase, connection| {
        let expected = vec![account(1, Some("a@b")), account(2, None)];
        assert_eq!(all(connection), expected, "{phase}");
        diesel::insert_into(accounts::table)
            .values(&account(3, Some("c@d")))
            .execute(connection)
            .expect("inserts");
        assert_eq!(all(connection)[2], account(3, Some("c@d")), "{phase}");
    });
}

#[test]
fn both_columns_are_written_where_both_are_there() {
    with_accounts(|phase, connection| {
        use diesel::dsl::sql;
        use diesel::sql_types::{BigInt, Bool};
        let count = |connection: &mut _, predicate: &str| {
            accounts::table
                .filter(sql::<Bool>(predicate))
                .select(sql::<BigInt>("count(*)"))
                .get_result::<i64>(connection)
        };
        if phase.writes_old() {
            let old = count(
                connection,
                "cents = '5' AND points = '100' AND legacy_email = 'a@b'",
            );
            assert_eq!(old, Ok(1), "{phase}");
        }
        if phase.writes_new() {
            let new = count(
                connection,
                "balance = 5 AND score = 100 AND primary_contact = 'a@b'",
            );
            assert_eq!(new, Ok(1), "{phase}");
        }
    });
}

#[test]
fn records_are_updated() {
    with_accounts(|phase, connection| {
        let changed = Account {
            balance: 77,
            score: 78,
            ..account(1, Some("x@y"))
        };
        diesel::update(&changed)
            .set(&changed)
            .execute(connection)
            .expect("updates");
        assert_eq!(all(connection), [changed, account(2, None)], "{phase}");
    });
}

#[test]
fn columns_are_filtered_and_ordered() {
    with_accounts(|phase, connection| {
        let found = accounts::table
            .filter(
                Account::score
                    .eq_any([100, 300])
                    .and(Account::balance.between(1, 6))
                    .and(Account::primary_contact.eq("a@b")),
            )
            .select(accounts::id)
            .load::<i32>(connection);
        assert_eq!(found, Ok(vec![1]), "{phase}");
        let found = accounts::table
            .filter(Account::primary_contact.is_null())
            .order(Account::balance.desc())
            .select((Account::balance, Account::primary_contact))
            .load::<(i64, Option<String>)>(connection);
        assert_eq!(found, Ok(vec![(10, None)]), "{phase}");
    });
}

#[test]
fn columns_are_written_one_by_one() {
    with_accounts(|phase, connection| {
        diesel::update(accounts::table.find(2))
            .set((
                Account::primary_contact.eq(Some("n@n")),
                Account::balance.assign(1),
                Account::score.eq(2),
            ))
            .execute(connection)
            .expect("updates");
        diesel::insert_into(accounts::table)
            .values((Account::balance.eq(3), Account::score.eq(4)))
            .execute(connection)
            .expect("inserts");
        let expected = [
            account(1, Some("a@b")),
            Account {
                balance: 1,
                score: 2,
                ..account(2, Some("n@n"))
            },
            Account {
                balance: 3,
                score: 4,
                ..account(3, None)
            },
        ];
        assert_eq!(all(connection), expected, "{phase}");
    });
}

#[test]
fn columns_under_an_alias() {
    with_accounts(|phase, connection| {
        let other = diesel::alias!(accounts as other);
        let found = other
            .filter(Account::balance.on(&other).gt(5))
            .filter(Account::score.on(&other).ne(100))
            .select((other.field(accounts::id), Account::balance.on(&other)))
            .load::<(i32, i64)>(connection);
        assert_eq!(found, Ok(vec![(2, 10)]), "{phase}");
    });
}

#[test]
fn base_query_of_has_query() {
    with_accounts(|phase, connection| {
        let rich = Rich {
            id: 2,
            balance: 10,
            score: 200,
        };
        assert_eq!(Rich::query().load(connection), Ok(vec![rich]), "{phase}");
    });
}

#[test]
fn a_value_that_does_not_convert_is_an_error() {
    phases::within::<accounts::table>(
        Stage::first(Phase::Expanded),
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, legacy_email TEXT, primary_contact TEXT,
                                cents TEXT, balance BIGINT, points TEXT, score INTEGER);
         INSERT INTO accounts (cents, points) VALUES ('1', 'many')",
        |connection| {
            let error = accounts::table
                .select(Account::as_select())
                .load(connection)
                .expect_err("`many` is no number");
            assert!(
                error.to_string().contains("`score` cannot be converted"),
                "{error}"
            );
        },
    );
}

mod kept_name {
    use super::*;

    diesel::table! {
        counters (id) {
            id -> Integer,
            hits -> BigInt,
        }
    }

    #[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate, Debug, PartialEq)]
    #[diesel(table_name = counters)]
    struct Counter {
        id: i32,
        #[migrate(retype_from = Integer, up = "hits", down = "hits", lossless)]
        hits: i64,
    }

    #[test]
    fn goes_through_an_intermediate_column() {
        let stages = [
            (Stage::first(Phase::Original), "hits INTEGER"),
            (
                Stage::first(Phase::Expanded),
                "hits INTEGER, hits_expand_contract BIGINT",
            ),
            (
                Stage::first(Phase::Contracted),
                "hits_expand_contract BIGINT",
            ),
            (
                Stage::second(Phase::Original),
                "hits_expand_contract BIGINT",
            ),
            (
                Stage::second(Phase::Switched),
                "hits_expand_contract BIGINT, hits BIGINT",
            ),
            (Stage::second(Phase::Contracted), "hits BIGINT"),
        ];
        for (stage, columns) in stages {
            let create = format!("CREATE TABLE counters (id INTEGER PRIMARY KEY, {columns})");
            phases::within::<counters::table>(stage, &create, |connection| {
                let counter = Counter { id: 1, hits: 2 };
                diesel::insert_into(counters::table)
                    .values(&counter)
                    .execute(connection)
                    .expect("inserts");
                let found = counters::table
                    .filter(Counter::hits.eq(2))
                    .select(Counter::as_select())
                    .load(connection);
                assert_eq!(found, Ok(vec![counter]), "{stage}");
            });
        }
    }
}
