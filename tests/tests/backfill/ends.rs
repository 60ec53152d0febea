//! A walk ends, whoever writes meanwhile, and not before it has seen every row.

use expand_contract::MigrateOn;
use tests::database::Lite;

use super::*;

// More rows come behind the end with each batch than the batch takes.
fn fm37_sustained_inserts_do_not_keep_it_from_ending<D: Db>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE prices (id integer PRIMARY KEY, price text NOT NULL)",
    );
    for id in 1..=100 {
        D::run(
            conn,
            &format!("INSERT INTO prices VALUES ({id}, '{id}.00')"),
        );
    }
    for step in [Step::Backfill, Step::Verify] {
        let mut other = db.connect();
        let mut next = D::text(conn, "SELECT max(id) FROM prices")
            .and_then(|id| id.parse::<i32>().ok())
            .expect("there are rows");
        let options = options().batch_size(10).on_progress(move |now| {
            assert!(now.batches < 200, "it does not end: {now:?}");
            // a writer that knows the old column only, whose rows are queued, and one that knows both
            for _ in 0..8 {
                next += 2;
                let (id, other_id) = (next, next + 1);
                D::run(
                    &mut other,
                    &format!(
                        "INSERT INTO prices (id, price) VALUES ({id}, '{id}.00'); \
                         INSERT INTO prices (id, price, cents) VALUES ({other_id}, '{other_id}.00', {other_id} * 100)"
                    ),
                );
            }
        });
        Price::migration()
            .options(options)
            .advance_to(conn, step)
            .expect("all values convert");
    }
    Price::migration()
        .options(options())
        .advance_to(conn, Step::Switch)
        .expect("nothing is left behind");
    let wrong = "SELECT count(*) FROM prices WHERE cents IS NULL OR cents <> id * 100";
    assert_eq!(D::text(conn, wrong).as_deref(), Some("0"));
}

mod sqlite {
    use super::*;

    #[test]
    fn fm37_sustained_inserts_do_not_keep_it_from_ending() {
        super::fm37_sustained_inserts_do_not_keep_it_from_ending(&Lite::fresh());
    }
}

mod postgres {
    use super::*;

    #[test]
    fn fm37_sustained_inserts_do_not_keep_it_from_ending() {
        super::fm37_sustained_inserts_do_not_keep_it_from_ending(&Postgres::fresh());
    }
}

/// A row goes behind the cursor: the walk has passed it by, the look behind the walk finds it.
#[test]
fn a_key_that_moves_behind_the_cursor_is_found() {
    for workers in [1, 2] {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        letters(conn, 700, FAST);
        let mut other = db.connect();
        let (options, log) = logging(options(), Step::Backfill);
        let mut moved = false;
        let told = Rc::clone(&log);
        let options = options.batch_size(10).on_progress(move |now| {
            if now.step == Step::Backfill {
                told.borrow_mut().push(now.clone());
                if !std::mem::replace(&mut moved, true) {
                    // of the last sender to before the first
                    let last = "SELECT max(number) FROM letters WHERE sender = 'g' AND body IS NULL";
                    Postgres::run(
                        &mut other,
                        &format!("UPDATE letters SET sender = 'A' WHERE sender = 'g' AND number = ({last})"),
                    );
                }
            }
        });
        advance(conn, &db.url(), options, workers, Step::Backfill).expect("all values convert");
        assert_eq!(copied(conn), 700, "{workers} workers");
        // the look behind the first walk has found it, and another walk has copied it
        let told = log.borrow();
        let last = told
            .iter()
            .rfind(|now| now.changed > 0)
            .expect("rows were copied");
        assert_eq!(
            (last.sweep, last.changed),
            (2, 1),
            "{workers} workers: {told:?}"
        );
    }
}

/// Rows deleted while several batches wait for them.
#[test]
fn fm47_rows_deleted_while_workers_wait_for_them() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    letters(conn, 1_400, FAST);
    advance(conn, &db.url(), options(), 1, Step::Expand).expect("nobody is in the way");
    let (mut deleter, mut watcher) = (db.connect(), db.connect());
    Postgres::run(
        &mut deleter,
        "BEGIN; DELETE FROM letters WHERE number % 1400 BETWEEN 100 AND 300 OR number > 1300",
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
            tests::wait::until("both batches wait for rows", || {
                number(&mut watcher, waiting) >= 2
            });
            Postgres::run(&mut deleter, "COMMIT");
        });
        advance(conn, &db.url(), options().batch_size(50), 2, Step::Backfill)
            .expect("all values convert");
    });
    let left = "SELECT count(*) FROM letters";
    assert_eq!((number(conn, left), copied(conn)), (1_099, 1_099));
}
