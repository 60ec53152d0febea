//! A worker's connection goes at a COMMIT, before the server has it or behind: another takes its place.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use tests::postgres::PgDatabase;
use tests::proxy::{Cut, Proxy};

use super::*;

#[test]
fn fm21_a_workers_connection_is_cut() {
    let db = PgDatabase::new();
    let conn = &mut db.connect();
    letters(conn, 1_000, FAST);
    advance(conn, &db.url(), options(), 1, Step::Expand).expect("nobody is in the way");
    let proxy = Arc::new(Proxy::to(&db));
    let (url, opened) = (proxy.url(&db), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&opened);
    let cut = proxy.cutter();
    let batches = Rc::new(RefCell::new(0));
    let seen = Rc::clone(&batches);
    let options = options().batch_size(10).workers(3).on_progress(move |now| {
        if now.sweep != 1 {
            return;
        }
        *seen.borrow_mut() += 1;
        match now.batches {
            10 => cut(Cut::Before),
            30 => cut(Cut::After),
            _ => {}
        }
    });
    Letter::migration()
        .connect_with(move || {
            count.fetch_add(1, Ordering::SeqCst);
            PgConnection::establish(&url)
        })
        .options(options)
        .advance_to(conn, Step::Backfill)
        .expect("there is another connection");
    assert!(!proxy.is_armed(), "both cuts have happened");
    assert_eq!(copied(conn), 1_000);
    // three for the walk, three for the look behind it, and one in the place of each that was cut
    assert_eq!(opened.load(Ordering::SeqCst), 8);
    assert_eq!(
        number(conn, "SELECT count(*) FROM expand_contract.cursors"),
        0
    );
    advance(conn, &db.url(), super::options(), 1, Step::Verify).expect("no row differs");
}
