//! The kinds of change other than a lossless SQL conversion.

use diesel::connection::SimpleConnection;
use diesel::{insert_into, update};
use expand_contract::phase::{Pass, Phase, Stage};
use expand_contract::prelude::*;

use super::*;
use crate::forms::ddl::count;
use crate::support::{both_written, columns, snapshot};

diesel::table! {
    readings (id) {
        id -> Integer,
        amount -> Integer,
    }
}

#[derive(
    Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate,
)]
#[diesel(table_name = readings)]
struct Reading {
    id: i32,
    #[migrate(
        rename_from = "exact",
        retype_from = Double,
        up(any = "CAST(exact AS integer)", postgres = "CAST(trunc(exact) AS integer)"),
        down(any = "CAST(amount AS double precision)")
    )]
    amount: i32,
}

/// 1.5 in the old column is 1 in the new one. Writing the 1 back must not make it 1.0.
#[test]
fn fm11_a_lossy_conversion_keeps_what_only_the_old_column_knows() {
    let mut database = open();
    let conn = &mut database.conn;
    for phase in Phase::ALL {
        let changed = columns(phase, false, "exact double precision", "amount integer");
        let insert = match phase {
            Phase::Original => "(exact) VALUES (1.5), (2.5), (3.5)",
            Phase::Contracted => "(amount) VALUES (1), (2), (3)",
            _ => "(exact, amount) VALUES (1.5, 1), (2.5, 2), (3.5, 3)",
        };
        // SQLite cannot drop NOT NULL
        let changed = match phase {
            Phase::Retired => changed.replace(" NOT NULL", ""),
            _ => changed,
        };
        conn.batch_execute(&format!(
            "DROP TABLE IF EXISTS readings; CREATE TABLE readings ({KEY}, {changed}); INSERT INTO readings {insert};"
        ))
        .unwrap();
        snapshot::<readings::table>(Stage::first(phase), DIALECT, &["double precision"]).scope(
            || {
                let all: Vec<Reading> = readings::table
                    .order(readings::id)
                    .select(Reading::as_select())
                    .load(conn)
                    .unwrap();
                assert_eq!(all.iter().map(|r| r.amount).collect::<Vec<_>>(), [1, 2, 3]);
                // the whole record as it was read, the column alone, and a new value
                update(&all[0]).set(&all[0]).execute(conn).unwrap();
                update(readings::table.find(2))
                    .set(Reading::amount.eq(2))
                    .execute(conn)
                    .unwrap();
                update(readings::table.find(3))
                    .set(Reading::amount.eq(7))
                    .execute(conn)
                    .unwrap();
                if phase.writes_old() {
                    assert_eq!(count(conn, "readings", "exact IN (1.5, 2.5)"), 2, "{phase}");
                    assert_eq!(count(conn, "readings", "exact = 7.0"), 1, "{phase}");
                }
                // rows are found by what is read: 1.5 is 1
                let found: Vec<i32> = readings::table
                    .filter(Reading::amount.eq(1))
                    .select(readings::id)
                    .load(conn)
                    .unwrap();
                assert_eq!(found, [1], "{phase}");
                let found: Vec<i32> = readings::table
                    .filter(Reading::amount.between(2, 7))
                    .order(Reading::amount)
                    .select(readings::id)
                    .load(conn)
                    .unwrap();
                assert_eq!(found, [2, 3], "{phase}");
                insert_into(readings::table)
                    .values(Reading::amount.eq(9))
                    .execute(conn)
                    .unwrap();
                if both_written(phase) {
                    assert_eq!(count(conn, "readings", "exact = 9 AND amount = 9"), 1);
                }
            },
        );
    }
}

diesel::table! {
    scores (id) {
        id -> Integer,
        points -> Integer,
        bonus -> Nullable<Integer>,
    }
}

fn parse(text: String) -> Result<i32, std::num::ParseIntError> {
    text.trim_start_matches("p").parse()
}

fn show(points: i32) -> Result<String, String> {
    match points {
        ..0 => Err(format!("{points} is negative")),
        _ => Ok(format!("p{points}")),
    }
}

#[derive(
    Debug,
    Clone,
    PartialEq,
    expand_contract::Queryable,
    Selectable,
    Identifiable,
    Insertable,
    AsChangeset,
    Migrate,
)]
#[diesel(table_name = scores)]
struct Score {
    id: i32,
    #[migrate(rename_from = "label", retype_from = Text, up_with = parse, down_with = show, old_type = String, lossless)]
    points: i32,
    #[migrate(rename_from = "extra", retype_from = Nullable<Text>, up_with = parse, down_with = show, old_type = String, lossless)]
    bonus: Option<i32>,
}

#[test]
fn rust_functions() {
    let mut database = open();
    let conn = &mut database.conn;
    for phase in Phase::ALL {
        let points = columns(phase, true, "label text", "points integer");
        let bonus = columns(phase, true, "extra text", "bonus integer");
        let insert = match phase {
            Phase::Original => "(label, extra) VALUES ('p1', 'p5'), ('p2', NULL)",
            Phase::Contracted => "(points, bonus) VALUES (1, 5), (2, NULL)",
            _ => "(label, extra, points, bonus) VALUES ('p1', 'p5', 1, 5), ('p2', NULL, 2, NULL)",
        };
        conn.batch_execute(&format!(
            "DROP TABLE IF EXISTS scores; CREATE TABLE scores ({KEY}, {points}, {bonus}); INSERT INTO scores {insert};"
        ))
        .unwrap();
        snapshot::<scores::table>(Stage::first(phase), DIALECT, &["text", "text"]).scope(|| {
            let score = |id, points, bonus| Score { id, points, bonus };
            insert_into(scores::table)
                .values(&vec![score(3, 3, None), score(4, 4, Some(8))])
                .execute(conn)
                .unwrap();
            insert_into(scores::table)
                .values((
                    scores::id.eq(5),
                    Score::points.eq(5),
                    Score::bonus.eq(Some(9)),
                ))
                .execute(conn)
                .unwrap();
            let second = score(2, 22, Some(6));
            update(&second).set(&second).execute(conn).unwrap();
            update(scores::table.find(1))
                .set(Score::bonus.eq(None::<i32>))
                .execute(conn)
                .unwrap();
            let all: Vec<Score> = scores::table
                .order(scores::id)
                .select(Score::as_select())
                .load(conn)
                .unwrap();
            assert_eq!(
                all,
                [
                    score(1, 1, None),
                    second,
                    score(3, 3, None),
                    score(4, 4, Some(8)),
                    score(5, 5, Some(9)),
                ],
                "{phase}"
            );
            let found: Vec<i32> = scores::table
                .filter(Score::points.eq(22).or(Score::bonus.eq_any([8, 9])))
                .order(scores::id)
                .select(scores::id)
                .load(conn)
                .unwrap();
            assert_eq!(found, [2, 4, 5], "{phase}");
            let error = insert_into(scores::table)
                .values((
                    scores::id.eq(6),
                    Score::points.eq(-1),
                    Score::bonus.eq(None::<i32>),
                ))
                .execute(conn);
            match error {
                Err(diesel::result::Error::SerializationError(reason)) if phase.writes_old() => {
                    assert!(reason.to_string().contains("-1 is negative"), "{reason}");
                }
                Ok(1) if !phase.writes_old() => {}
                other => panic!("{phase}: {other:?}"),
            }
            if both_written(phase) {
                let wrong = "label IS NULL OR label <> 'p' || points OR coalesce(extra, '') <> coalesce('p' || bonus, '')";
                assert_eq!(count(conn, "scores", wrong), 0, "{phase}");
            }
        });
    }
}

diesel::table! {
    balances (id) {
        id -> Integer,
        amount -> BigInt,
    }
}

#[derive(
    Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate,
)]
#[diesel(table_name = balances)]
struct Balance {
    id: i32,
    #[migrate(
        retype_from = Integer,
        up = "CAST(amount AS bigint)",
        down = "CAST(amount AS integer)",
        via = "amount_wide",
        lossless,
        monotonic
    )]
    amount: i64,
}

/// `amount integer` → `amount_wide bigint` → `amount bigint`, on one connection, and back again.
#[test]
fn fm15_a_retype_that_keeps_its_name_on_a_warm_connection() {
    let mut database = open();
    let conn = &mut database.conn;
    let stages: Vec<Stage> = [Pass::First, Pass::Second]
        .into_iter()
        .flat_map(|pass| Phase::ALL.map(|phase| Stage { pass, phase }))
        .collect();
    let there_and_back = stages.iter().chain(stages.iter().rev().skip(1));
    let mut have = vec!["amount integer"];
    conn.batch_execute(&format!(
        "CREATE TABLE balances ({KEY}, amount integer); INSERT INTO balances (amount) VALUES (10)"
    ))
    .unwrap();
    for stage in there_and_back {
        let (from, to) = match stage.pass {
            Pass::First => ("amount integer", "amount_wide bigint"),
            Pass::Second => ("amount_wide bigint", "amount bigint"),
        };
        let want: Vec<&str> = match stage.phase {
            Phase::Original => vec![from],
            Phase::Contracted => vec![to],
            _ => vec![from, to],
        };
        let name = |column: &&str| column.split_once(' ').unwrap().0.to_owned();
        for column in want.iter().filter(|column| !have.contains(column)) {
            conn.batch_execute(&format!(
                "ALTER TABLE balances ADD COLUMN {column}; UPDATE balances SET {} = {}",
                name(column),
                name(&have[0])
            ))
            .unwrap();
        }
        for column in have.iter().filter(|column| !want.contains(column)) {
            conn.batch_execute(&format!(
                "ALTER TABLE balances DROP COLUMN {}",
                name(column)
            ))
            .unwrap();
        }
        have = want;
        snapshot::<balances::table>(*stage, DIALECT, &["integer"]).scope(|| {
            for round in 0..3 {
                insert_into(balances::table)
                    .values(&[
                        Balance { id: 50, amount: 50 },
                        Balance { id: 51, amount: 51 },
                    ])
                    .execute(conn)
                    .unwrap();
                insert_into(balances::table)
                    .values(&Balance { id: 52, amount: 52 })
                    .execute(conn)
                    .unwrap();
                update(balances::table.find(50))
                    .set(Balance::amount.eq(60 + round))
                    .execute(conn)
                    .unwrap();
                let all: Vec<Balance> = balances::table
                    .order(Balance::amount)
                    .select(Balance::as_select())
                    .load(conn)
                    .unwrap();
                let amounts: Vec<i64> = all.iter().map(|balance| balance.amount).collect();
                assert_eq!(amounts, [10, 51, 52, 60 + round], "{stage}");
                let deleted: Vec<i64> =
                    diesel::delete(balances::table.filter(Balance::amount.ge(50)))
                        .returning(Balance::amount)
                        .get_results(conn)
                        .unwrap();
                assert_eq!(deleted.len(), 3, "{stage}");
            }
        });
    }
}
