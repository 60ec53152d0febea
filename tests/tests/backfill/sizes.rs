//! The size of the batches follows the clock.

use super::*;

/// How many rows each batch of the first walk was to have.
fn sizes(log: &Log) -> Vec<u64> {
    let told = log.borrow();
    let first: Vec<u64> = told
        .iter()
        .filter(|now| now.sweep == 1)
        .map(|now| now.rows)
        .collect();
    let before = [0].into_iter().chain(first.iter().copied());
    first
        .iter()
        .zip(before)
        .map(|(now, before)| now - before)
        .collect()
}

#[test]
fn batches_begin_small_and_grow_by_half_at_most() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    letters(conn, 20_000, FAST);
    for step in [Step::Backfill, Step::Verify] {
        // so long that no batch is too large
        let (options, log) = logging(options().target_time(Duration::from_secs(60)), step);
        advance(conn, &db.url(), options, 1, step).expect("all values convert");
        let sizes = sizes(&log);
        assert_eq!(
            sizes[..4],
            [1_000, 1_500, 2_250, 3_375],
            "{step}: {sizes:?}"
        );
    }
}

#[test]
fn a_batch_that_took_too_long_is_followed_by_a_small_one() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    letters(conn, 500, SLOW);
    let (options, log) = logging(
        options()
            .batch_size(300)
            .target_time(Duration::from_millis(20)),
        Step::Backfill,
    );
    advance(conn, &db.url(), options, 1, Step::Backfill).expect("all values convert");
    let sizes = sizes(&log);
    // 300 rows take 150 ms at least, and three quarters of a second are the end of any batch
    assert!(sizes.len() >= 4, "{sizes:?}");
    let (first, rest) = sizes.split_first().expect("there were batches");
    assert!(*first <= 300, "{sizes:?}");
    assert!(rest.iter().all(|rows| *rows <= 64), "{sizes:?}");
}

/// Where the keys are close together the rows of a batch need not be counted, and where they are not they are.
#[test]
fn gaps_between_the_keys_make_no_empty_batches() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    prices(conn, 500);
    Postgres::run(
        conn,
        "INSERT INTO prices SELECT i * 100000, '1.00' FROM generate_series(1, 500) i; \
         INSERT INTO prices SELECT 60000000 + i, '1.00' FROM generate_series(1, 500) i",
    );
    let (options, log) = logging(options().batch_size(50), Step::Backfill);
    advance_prices(conn, &db.url(), options, 1, Step::Backfill).expect("all values convert");
    let told = log.borrow();
    let walk = |told: &[Progress], sweep| {
        let first: Vec<u64> = told
            .iter()
            .filter(|now| now.sweep == sweep)
            .map(|now| now.changed)
            .collect();
        let before = [0].into_iter().chain(first.iter().copied());
        let changed: Vec<u64> = first
            .iter()
            .zip(before)
            .map(|(now, before)| now - before)
            .collect();
        changed
    };
    let changed = walk(&told, 1);
    assert_eq!(changed.iter().sum::<u64>(), 1_500);
    // one where the gaps begin, that is not full
    assert!(changed.len() <= 33, "{changed:?}");
    assert!(changed.iter().all(|rows| *rows <= 50), "{changed:?}");
}
