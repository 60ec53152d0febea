//! The connection goes at the COMMIT of a phase: nobody knows whether it was published. The next run looks.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;

use diesel::{Connection, PgConnection};
use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, Moment, Options};
use tests::postgres::PgDatabase;
use tests::proxy::{Cut, Proxy};

use crate::support::*;

/// Forward to the end, or from `Retired` back to the start.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Forth,
    Back,
}

fn prepare(conn: &mut PgConnection, way: Way) {
    table::<Postgres>(conn, 120);
    Postgres::run(conn, "CREATE UNIQUE INDEX items_email ON items (email)");
    if way == Way::Back {
        advance::<Postgres>(conn, Step::Retire).expect("nobody is in the way");
        Postgres::run(conn, "UPDATE items SET mail = 'changed' WHERE id = 60");
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

/// The options with the n-th transaction that publishes cut.
fn cutting(nth: usize, cut: Cut, proxy: &Proxy) -> (Options, Rc<Cell<usize>>) {
    let seen = Rc::new(Cell::new(0));
    let (count, order) = (Rc::clone(&seen), proxy.cutter());
    let options = options().on_action(move |event| {
        let words = [
            "publish",
            "drop the new columns",
            "complete the old columns",
        ];
        let publishes = words.iter().any(|word| event.action.contains(word));
        if publishes && event.moment == Moment::Before {
            if count.get() == nth {
                order(cut);
            }
            count.set(count.get() + 1);
        }
        ControlFlow::Continue(())
    });
    (options, seen)
}

fn published(conn: &mut PgConnection) -> String {
    let sql = "SELECT epoch || ' ' || (SELECT count(*) FROM expand_contract.actions \
               WHERE action LIKE '%publish%' OR action LIKE '%columns') FROM expand_contract.meta";
    Postgres::text(conn, sql).expect("there is a ledger")
}

fn fm21_at_every_commit(way: Way) {
    let db = PgDatabase::new();
    let proxy = Proxy::to(&db);
    let conn = &mut db.connect();
    prepare(conn, way);
    let (options, seen) = cutting(usize::MAX, Cut::After, &proxy);
    run(conn, way, options).expect("nobody disturbs it");
    let (schema, phases) = (Postgres::schema(conn), published(conn));
    let rows = |conn: &mut PgConnection| {
        let column = if way == Way::Forth { "mail" } else { "email" };
        let sql = format!("SELECT string_agg({column}, ' ' ORDER BY id) FROM items");
        Postgres::text(conn, &sql)
    };
    let wanted = rows(conn);
    assert!(seen.get() >= 4, "{}", seen.get());
    for nth in 0..seen.get() {
        for cut in [Cut::Before, Cut::After] {
            let db = PgDatabase::new();
            prepare(&mut db.connect(), way);
            let proxy = Proxy::to(&db);
            let (options, _) = cutting(nth, cut, &proxy);
            let by_proxy = &mut PgConnection::establish(&proxy.url(&db)).expect("it forwards");
            let outcome = run(by_proxy, way, options);
            assert!(
                matches!(outcome, Err(Error::Database { .. })) && !proxy.is_armed(),
                "{way:?} {nth} {cut:?}: {outcome:?}"
            );
            let conn = &mut db.connect();
            if let Err(error) = run(conn, way, crate::support::options()) {
                panic!("{way:?} {nth} {cut:?}: {error}");
            }
            assert_eq!(Postgres::schema(conn), schema, "{way:?} {nth} {cut:?}");
            // nothing was published twice
            assert_eq!(published(conn), phases, "{way:?} {nth} {cut:?}");
            assert_eq!(rows(conn), wanted, "{way:?} {nth} {cut:?}");
            let now = status::<Postgres>(conn);
            assert!(now.settled && !now.leftover, "{now:?}");
        }
    }
}

#[test]
fn fm21_a_connection_that_goes_at_the_commit_of_a_phase() {
    fm21_at_every_commit(Way::Forth);
}

#[test]
fn fm21_a_connection_that_goes_at_the_commit_of_a_rollback() {
    fm21_at_every_commit(Way::Back);
}
