//! Who still sees the rows as they were before the copy.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use expand_contract::phase::{Phase, Step};
use expand_contract::{Gate, MigrateOn, Moment};

use crate::support::*;

/// Begins a transaction that sees the rows as they are now, to its end.
fn snapshot<D: Db>(conn: &mut D::Conn) {
    let begin = match D::POSTGRES {
        true => "BEGIN ISOLATION LEVEL REPEATABLE READ",
        false => "BEGIN",
    };
    D::run(conn, &format!("{begin}; SELECT count(*) FROM items"));
}

fn fm02_a_reader_from_before_the_backfill_never_sees_nulls<D: App>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 120);
    advance::<D>(conn, Step::Expand).expect("nobody is in the way");
    let reader = &mut db.connect();
    snapshot::<D>(reader);
    let outcome = advance_with::<D>(conn, impatient(), Step::Switch);
    let found = closed(outcome, Gate::Transactions, Step::Switch);
    assert!(
        found.contains(if D::POSTGRES {
            "pid "
        } else {
            "read transaction"
        }),
        "{found}"
    );
    // the phase that an instance knows meanwhile, and what its transaction reads by it
    let phase = known::<D>(conn);
    assert_eq!(phase.stage().phase, Phase::Expanded);
    for id in [1, 60, 120] {
        let read = D::read(reader, &phase, id);
        assert_eq!(read, Ok(format!("item {id}")));
    }
    D::run(reader, "COMMIT");
    let now = advance::<D>(conn, Step::Switch).expect("the reader has ended");
    assert_eq!(now.stage.phase, Phase::Switched);
    snapshot::<D>(reader);
    let phase = known::<D>(conn);
    assert_eq!(D::read(reader, &phase, 60), Ok("item 60".to_owned()));
    D::run(reader, "COMMIT");
}

fn fm02_a_reader_from_before_the_copy_back_never_sees_what_was_there<D: App>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 120);
    advance::<D>(conn, Step::Retire).expect("nobody is in the way");
    // nobody writes the old column any more
    D::behind_the_triggers(conn, "UPDATE items SET mail = 'new' WHERE id = 60");
    let reader = Rc::new(RefCell::new(db.connect()));
    let begins = Rc::clone(&reader);
    let options_ = impatient().on_action(move |event| {
        if event.action == "copy back" && event.moment == Moment::Before {
            snapshot::<D>(&mut begins.borrow_mut());
        }
        ControlFlow::Continue(())
    });
    let back = |conn: &mut D::Conn, options| Item::migration().options(options).rollback(conn);
    closed(back(conn, options_), Gate::Transactions, Step::Rollback);
    let reader = &mut *reader.borrow_mut();
    let phase = known::<D>(conn);
    assert_eq!(phase.stage().phase, Phase::Switched);
    assert!(status::<D>(conn).old_incomplete);
    assert_eq!(D::read(reader, &phase, 60), Ok("new".to_owned()));
    D::run(reader, "COMMIT");
    let now = back(conn, options()).expect("the reader has ended");
    assert!(!now.old_incomplete);
    back(conn, options()).expect("the old column is complete");
    snapshot::<D>(reader);
    let phase = known::<D>(conn);
    assert_eq!(phase.stage().phase, Phase::Expanded);
    assert_eq!(D::read(reader, &phase, 60), Ok("new".to_owned()));
    D::run(reader, "COMMIT");
}

// In READ COMMITTED a snapshot is as old as the statement.
#[test]
fn whoever_reads_anew_is_not_waited_for_by_switch() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table::<Postgres>(conn, 3);
    Postgres::run(conn, "CREATE TABLE other (id integer)");
    advance::<Postgres>(conn, Step::Verify).expect("nobody is in the way");
    let reader = &mut db.connect();
    Postgres::run(reader, "BEGIN; SELECT * FROM other");
    advance_with::<Postgres>(conn, impatient(), Step::Switch).expect("it does not matter");
}

/// A transaction from before the phase was published that writes behind it, by the phase that it knew.
fn fm02_writes_of_transactions_that_are_open_during_the_backfill<D: App>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 120);
    let old = known::<D>(conn);
    assert_eq!(old.stage().phase, Phase::Original);
    let writer = &mut db.connect();
    D::run(writer, "BEGIN");
    advance::<D>(conn, Step::Expand).expect("it has not touched the table");
    assert_eq!(D::write(writer, &old, 1, "late"), Ok(1));
    assert_eq!(D::insert(writer, &old, 200, "later"), Ok(1));
    if D::POSTGRES {
        // copies what it sees
        advance::<D>(conn, Step::Expand).expect("it is done");
        let outcome = advance_with::<D>(conn, impatient().retries(1), Step::Backfill);
        assert!(outcome.is_err(), "row 1 is locked: {outcome:?}");
    }
    D::run(writer, "COMMIT");
    let now = advance::<D>(conn, Step::Switch).expect("all rows are right");
    assert_eq!(now.mismatches, Some(0));
    let new = known::<D>(conn);
    assert_eq!(D::read(conn, &new, 1), Ok("late".to_owned()));
    assert_eq!(D::read(conn, &new, 200), Ok("later".to_owned()));
}

on_every_database!(
    fm02_a_reader_from_before_the_backfill_never_sees_nulls,
    fm02_a_reader_from_before_the_copy_back_never_sees_what_was_there,
    fm02_writes_of_transactions_that_are_open_during_the_backfill,
);
