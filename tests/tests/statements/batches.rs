//! A batch that is built while another thread moves the process-wide phase.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::insert_into;
use expand_contract::phase::{Phase, Stage};
use expand_contract::prelude::*;

use super::*;
use crate::support::snapshot;

const BATCHES: usize = 1_000;
const ROWS: i32 = 40;

diesel::table! {
    #[sql_name = "batches"]
    readings (id) {
        id -> Integer,
        batch -> Integer,
        value -> Text,
    }
}

#[derive(Debug, Clone, Insertable, Migrate)]
#[diesel(table_name = readings)]
struct Reading {
    batch: i32,
    #[migrate(rename_from = "reading")]
    value: String,
}

fn at(phase: Phase) -> expand_contract::Snapshot {
    snapshot::<readings::table>(Stage::first(phase), DIALECT, &["text"])
}

#[derive(QueryableByName)]
struct Mixed {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

/// Flips between the phases as fast as it goes while batches are built and sent. The table takes the statements of both
/// phases, so that only a mixture can fail or show.
fn flipping(phases: [Phase; 2]) {
    let mut database = open();
    let conn = &mut database.conn;
    conn.batch_execute(&format!(
        "CREATE TABLE batches ({KEY}, batch integer NOT NULL, reading text, value text)"
    ))
    .unwrap();
    at(phases[0]).make_process_wide();
    let done = AtomicBool::new(false);
    let flips = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (done, flips) = (&done, &flips);
        scope.spawn(move || {
            let [one, other] = phases.map(at);
            while !done.load(Ordering::Relaxed) {
                one.make_process_wide();
                other.make_process_wide();
                flips.fetch_add(2, Ordering::Relaxed);
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (0..BATCHES).for_each(|batch| insert(conn, batch));
        }));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
    let flips = flips.into_inner();
    assert!(flips > BATCHES, "the phase moved {flips} times only");
    // every batch wrote the same columns in all of its rows, and what it wrote twice is the same
    let mixed: Mixed = diesel::sql_query(
        "SELECT count(*) AS n FROM (SELECT batch FROM batches GROUP BY batch HAVING
             (count(reading) NOT IN (0, count(*))) OR (count(value) NOT IN (0, count(*)))
             OR count(*) <> 40 OR sum(CASE WHEN reading <> value THEN 1 ELSE 0 END) > 0) AS mixed",
    )
    .get_result(conn)
    .unwrap();
    assert_eq!(mixed.n, 0);
}

fn insert(conn: &mut Conn, batch: usize) {
    let number = i32::try_from(batch).unwrap();
    let record = |i: i32| Reading {
        batch: number,
        value: i.to_string(),
    };
    let tuple = |i: i32| (readings::batch.eq(number), Reading::value.eq(i.to_string()));
    let inserted = match batch % 4 {
        0 => insert_into(readings::table)
            .values(&(0..ROWS).map(record).collect::<Vec<_>>())
            .execute(conn),
        1 => insert_into(readings::table)
            .values((0..ROWS).map(tuple).collect::<Vec<_>>())
            .execute(conn),
        2 => {
            let array: [Reading; ROWS as usize] = std::array::from_fn(|i| record(i as i32));
            insert_into(readings::table).values(&array).execute(conn)
        }
        _ => {
            let array: [_; ROWS as usize] = std::array::from_fn(|i| tuple(i as i32));
            insert_into(readings::table).values(array).execute(conn)
        }
    };
    assert_eq!(inserted, Ok(ROWS as usize));
}

// One test: both move the phase of the same process.
#[test]
fn fm14_a_batch_never_mixes_phases() {
    flipping([Phase::Original, Phase::Expanded]);
    flipping([Phase::Expanded, Phase::Switched]);
    flipping([Phase::Switched, Phase::Retired]);
}
