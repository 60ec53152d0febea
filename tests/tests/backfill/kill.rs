//! `kill -9` in the middle: the next run goes on from there, with however many workers.

use tests::process::{self, TestProcess};

use super::*;

const ROWS: u32 = 2_000;
const SIZE: u32 = 10;
/// Half of the batches that the table has.
const HALF: u64 = 100;

/// Kills a run of `first` workers half-way and lets `then` workers go on.
fn killed(first: u32, then: u32) {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    letters(conn, ROWS, SLOW);
    advance(conn, &db.url(), options(), 1, Step::Expand).expect("nobody is in the way");
    let role = format!("{first} {}", db.url());
    let mut child = TestProcess::spawn("kill::child_copies", &role);
    child.wait_for_point("half");
    child.kill();
    Postgres::alone(conn);
    let before = copied(conn);
    // the last batch of a range is a smaller one
    assert!((700..2_000).contains(&before), "{before} rows");
    let ranges =
        "SELECT count(*) FROM expand_contract.cursors WHERE slot LIKE '%:end' AND position = 0";
    let ranges = number(conn, ranges);
    assert_eq!(ranges > 1, first > 1, "{ranges} ranges are left");

    let (options, log) = logging(options().batch_size(SIZE), Step::Backfill);
    advance(conn, &db.url(), options, then, Step::Backfill).expect("all values convert");
    assert_eq!(copied(conn), u64::from(ROWS));
    let told = log.borrow();
    // not from the start: what is left, and the last batch of each range
    let batches = told.iter().filter(|now| now.sweep == 1).count() as u64;
    let left = 2 * HALF - before / u64::from(SIZE) + 8 * u64::from(first.max(then));
    assert!(batches <= left, "{batches} batches, {left} at most");
    assert_eq!(
        number(conn, "SELECT count(*) FROM expand_contract.cursors"),
        0
    );
    let status = advance(conn, &db.url(), super::options(), then, Step::Verify);
    assert_eq!(status.expect("no row differs").mismatches, Some(0));
}

#[test]
fn fm24_four_workers_are_killed_and_one_goes_on() {
    killed(4, 1);
}

#[test]
fn fm24_one_worker_is_killed_and_four_go_on() {
    killed(1, 4);
}

#[test]
fn fm24_four_workers_are_killed_and_three_go_on() {
    killed(4, 3);
}

#[test]
#[ignore = "the child of `killed`"]
fn child_copies() {
    let Some(role) = process::role() else {
        return;
    };
    let (workers, url) = role.split_once(' ').expect("workers and a URL");
    let options = options().batch_size(SIZE).on_progress(|now| {
        if now.sweep == 1 && now.batches == HALF {
            process::at_point("half", "");
        }
    });
    let workers = workers.parse().expect("a number");
    let outcome = advance(
        &mut Postgres::open(url),
        url,
        options,
        workers,
        Step::Backfill,
    );
    panic!("it was to be killed: {outcome:?}");
}
