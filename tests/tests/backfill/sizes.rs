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
