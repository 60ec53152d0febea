//! The connection goes where something becomes durable: nobody knows whether it has. The next run looks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use diesel::{Connection, PgConnection};
use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, Options};
use tests::postgres::PgDatabase;
use tests::proxy::{Cut, Proxy};

use crate::support::*;

/// Forward to the end, or from `Retired` back to the start.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Forth,
    Back,
}

const ROWS: i32 = 30;

fn prepare(conn: &mut PgConnection, way: Way) {
    table::<Postgres>(conn, ROWS);
    Postgres::run(conn, "CREATE UNIQUE INDEX items_email ON items (email)");
    if way == Way::Back {
        advance::<Postgres>(conn, Step::Retire).expect("nobody is in the way");
        Postgres::run(conn, "UPDATE items SET mail = 'changed' WHERE id = 20");
    }
}

fn run(conn: &mut PgConnection, way: Way, options: Options) -> Result<(), Error> {
    let mut migration = Item::migration().options(options);
    if way == Way::Forth {
        return migration.run(conn).map(drop);
    }
    loop {
        let status = migration.status(conn)?;
        if status.stage.phase == Phase::Original && !status.leftover {
            return Ok(());
        }
        migration.rollback(conn)?;
    }
}

/// What comes out of a run: the schema, the rows, and how many phases were published.
fn result(conn: &mut PgConnection, way: Way) -> [Option<String>; 3] {
    let column = if way == Way::Forth { "mail" } else { "email" };
    let rows = format!("SELECT string_agg({column}, ' ' ORDER BY id) FROM items");
    let published = "SELECT epoch || ' ' || (SELECT count(*) FROM expand_contract.actions \
                     WHERE action LIKE '%publish%' OR action LIKE '%columns') FROM expand_contract.meta";
    [
        Some(Postgres::schema(conn)),
        Postgres::text(conn, &rows),
        Postgres::text(conn, published),
    ]
}

/// A run whose connection is cut at the n-th point, and another one that ends it.
fn cut(prepared: &PgDatabase, way: Way, nth: usize, cut: Cut) -> [Option<String>; 3] {
    let db = prepared.copy();
    let proxy = Proxy::to(&db);
    proxy.cut_at(nth, cut);
    let by_proxy = &mut PgConnection::establish(&proxy.url(&db)).expect("it forwards");
    let outcome = run(by_proxy, way, options());
    assert!(
        outcome.is_err() && !proxy.is_armed(),
        "{way:?} {nth} {cut:?}: {outcome:?}"
    );
    let conn = &mut db.connect();
    if let Err(error) = run(conn, way, options()) {
        panic!("{way:?} {nth} {cut:?}: {error}");
    }
    let now = status::<Postgres>(conn);
    assert!(now.settled && !now.leftover, "{nth} {cut:?}: {now:?}");
    result(conn, way)
}

// Fails, both ways, if a CHECK is added without a look at whether it is there.
fn fm21_at_every_commit(way: Way) {
    let prepared = PgDatabase::new();
    prepare(&mut prepared.connect(), way);
    let db = prepared.copy();
    let proxy = Proxy::to(&db);
    let by_proxy = &mut PgConnection::establish(&proxy.url(&db)).expect("it forwards");
    run(by_proxy, way, options()).expect("nobody disturbs it");
    let wanted = result(&mut db.connect(), way);
    let points = proxy.durable();
    assert!(points >= 20, "{points}");
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let cutters = [0, 1, 2].map(|_| {
            scope.spawn(|| loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                if nth >= points {
                    return;
                }
                // what does not reach the server is not done: that is the easier part
                let before = (nth % 3 == 0).then_some(Cut::Before);
                for when in before.into_iter().chain([Cut::After]) {
                    let found = cut(&prepared, way, nth, when);
                    assert_eq!(found, wanted, "{way:?} {nth} {when:?}");
                }
            })
        });
        for cutter in cutters {
            if let Err(panic) = cutter.join() {
                next.store(points, Ordering::Relaxed);
                std::panic::resume_unwind(panic);
            }
        }
    });
}

#[test]
fn fm21_a_connection_that_goes_at_any_commit() {
    fm21_at_every_commit(Way::Forth);
}

#[test]
fn fm21_a_connection_that_goes_at_any_commit_of_a_rollback() {
    fm21_at_every_commit(Way::Back);
}
