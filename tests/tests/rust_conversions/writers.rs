//! Who writes what, and what becomes of it, while both columns exist.

use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{Error, MigrateOn};
use tests::database::{Db, Postgres};

use crate::*;

fn fm07_old_only_writers_are_queued<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut start(db, Step::Verify);
    assert_eq!(queued::<D>(conn), 0);
    D::run(
        conn,
        "INSERT INTO prices (id, price) VALUES (10, '0.10'), (11, '0.11'); \
         UPDATE prices SET price = '1.01' WHERE id = 1; \
         INSERT INTO prices (id, price) VALUES (2, '2.02'), (12, '0.12') \
           ON CONFLICT (id) DO UPDATE SET price = excluded.price;",
    );
    // the value that is there no more was right no more
    for (id, wanted) in [(1, "1.01 -"), (2, "2.02 -"), (10, "0.10 -"), (12, "0.12 -")] {
        assert_eq!(row::<D>(conn, id), wanted);
    }
    assert_eq!(queued::<D>(conn), 5);
    // who is turned away has written nothing, and who writes again has no second entry
    D::run(
        conn,
        "INSERT INTO prices (id, price) VALUES (3, '9.99') ON CONFLICT (id) DO NOTHING; \
         UPDATE prices SET price = '1.02' WHERE id = 1; UPDATE prices SET price = '1.03' WHERE id = 1; \
         UPDATE prices SET note = 'x', price = price; UPDATE prices SET price = '3.00' WHERE id = 3;",
    );
    assert_eq!(queued::<D>(conn), 5);
    let status = Price::migration().status(conn).expect("there is a ledger");
    assert!(status.queued_since.is_some(), "{status:?}");
    // this release reads what was written, before and after
    let read = |conn: &mut D::Conn| -> Vec<(i32, i32)> {
        let all = D::all(conn).expect("all rows can be read");
        all.into_iter()
            .map(|price| (price.id, price.cents))
            .collect()
    };
    let wanted = [(1, 103), (2, 202), (3, 300), (10, 10), (11, 11), (12, 12)];
    assert_eq!(read(conn), wanted);
    let drained = drain::<D>(conn);
    assert_eq!((drained.converted, drained.left), (5, 0));
    assert_eq!(read(conn), wanted);
    for (id, wanted) in [
        (1, "1.03 103"),
        (2, "2.02 202"),
        (3, "3.00 300"),
        (11, "0.11 11"),
    ] {
        assert_eq!(row::<D>(conn, id), wanted);
    }
    assert_eq!(drain::<D>(conn), Default::default());
    advance::<D>(conn, Step::Switch).expect("every row is right");
    assert_eq!(read(conn), wanted);
}

fn fm06_dual_writers_are_not_queued<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut start(db, Step::Verify);
    for step in [Step::Verify, Step::Switch] {
        advance::<D>(conn, step).expect("nothing is in the way");
        D::run(conn, "DELETE FROM prices WHERE id > 3");
        let write = |written: QueryResult<usize>, rows| assert_eq!(written, Ok(rows), "{step}");
        write(D::insert(conn, &[price(4, 4), price(5, 5)]), 2);
        write(D::save(conn, &price(4, 44)), 1);
        write(D::set(conn, 5, 55), 1);
        write(D::upsert(conn, &price(5, 56)), 1);
        write(D::upsert(conn, &price(6, 6)), 1);
        assert_eq!(queued::<D>(conn), 0, "{step}");
        assert_eq!(row::<D>(conn, 5), "0.56 56");
        // the old value stays as it is, and no one-sided write is what changes the new one
        write(D::set(conn, 5, -56), 1);
        write(D::save(conn, &price(6, -6)), 1);
        write(D::upsert(conn, &price(4, -44)), 1);
        // and the other way round
        D::run(
            conn,
            "UPDATE prices SET price = '0.569', cents = 56 WHERE id = 5; \
             UPDATE prices SET cents = 56, price = '0.568' WHERE id = 5",
        );
        assert_eq!(row::<D>(conn, 5), "0.568 56", "{step}");
        assert_eq!(row::<D>(conn, 6), "0.06 -6", "{step}");
        assert_eq!(row::<D>(conn, 4), "0.44 -44", "{step}");
        assert_eq!(queued::<D>(conn), 0, "{step}");
        // fm11: what only the old column knows is kept
        write(D::save(conn, &price(5, 56)), 1);
        assert_eq!(row::<D>(conn, 5), "0.568 56", "{step}");
    }
}

fn fm09_new_only_writers_are_queued<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut start(db, Step::Expand);
    // before the row was copied: a copy must not take the value for one that is stale
    D::run(conn, "UPDATE prices SET cents = 7 WHERE id = 1");
    assert_eq!(queued::<D>(conn), 1);
    advance::<D>(conn, Step::Backfill).expect("all values convert");
    assert_eq!(row::<D>(conn, 1), "0.07 7");
    D::run(conn, "UPDATE prices SET cents = 8 WHERE id IN (1, 2)");
    assert_eq!(
        (row::<D>(conn, 1), queued::<D>(conn)),
        ("0.07 8".to_owned(), 2)
    );
    advance::<D>(conn, Step::Verify).expect("what waits is known to differ");
    assert_eq!(
        (row::<D>(conn, 2), queued::<D>(conn)),
        ("2.00 8".to_owned(), 2)
    );
    advance::<D>(conn, Step::Switch).expect("the queue is drained");
    assert_eq!(
        (row::<D>(conn, 1), row::<D>(conn, 2)),
        ("0.08 8".into(), "0.08 8".into())
    );
}

// Whoever writes last, whichever the column.
fn fm01_the_last_write_counts<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut start(db, Step::Verify);
    D::run(
        conn,
        "UPDATE prices SET price = '5.00' WHERE id = 1; UPDATE prices SET cents = 6 WHERE id = 1; \
         UPDATE prices SET cents = 7 WHERE id = 2; UPDATE prices SET price = '8.00' WHERE id = 2; \
         UPDATE prices SET price = '9.00' WHERE id = 3",
    );
    assert_eq!(queued::<D>(conn), 3);
    // a release that writes both ends the wait
    assert_eq!(D::set(conn, 3, 10), Ok(1));
    drain::<D>(conn);
    for (id, wanted) in [(1, "0.06 6"), (2, "8.00 800"), (3, "0.10 10")] {
        assert_eq!(row::<D>(conn, id), wanted);
    }
}

// Behind the triggers nothing is queued: the comparison finds it, and another backfill repairs it.
fn fm01_a_late_writer_that_no_trigger_saw<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut start(db, Step::Verify);
    D::behind_the_triggers(conn, "UPDATE prices SET price = '4.00' WHERE id = 2");
    assert_eq!(
        (row::<D>(conn, 2), queued::<D>(conn)),
        ("4.00 200".to_owned(), 0)
    );
    match advance::<D>(conn, Step::Switch) {
        Err(Error::Mismatches { count, samples, .. }) => {
            assert_eq!((count, samples[0].as_str()), (1, "2"));
        }
        other => panic!("{other:?}"),
    }
    assert!(
        Price::migration()
            .options(options())
            .advance_to(conn, Step::Verify)
            .is_ok(),
        "a backfill comes first, and repairs it"
    );
    assert_eq!(row::<D>(conn, 2), "4.00 400");
    advance::<D>(conn, Step::Contract).expect("every row is right");
}

fn fm38_a_value_that_does_not_convert<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut start(db, Step::Verify);
    D::run(
        conn,
        "UPDATE prices SET price = 'free' WHERE id = 2; UPDATE prices SET cents = 666 WHERE id = 3; \
         UPDATE prices SET price = '1.01' WHERE id = 1",
    );
    for _ in 0..2 {
        let drained = drain::<D>(conn);
        assert_eq!(drained.left, 2);
        let poison: Vec<(&str, &str)> = drained
            .poison
            .iter()
            .map(|row| (row.key.as_str(), row.reason.as_str()))
            .collect();
        assert_eq!(
            poison,
            [("2", "`free` is no price"), ("3", "nobody pays that")]
        );
        assert_eq!(row::<D>(conn, 1), "1.01 101");
        let dot = if D::POSTGRES { "." } else { "_" };
        let on_record = format!("SELECT count(*) FROM expand_contract{dot}quarantine");
        assert_eq!(D::text(conn, &on_record).as_deref(), Some("2"));
    }
    match advance::<D>(conn, Step::Switch) {
        Err(Error::GateClosed { gate, found, .. }) => {
            assert_eq!(gate, expand_contract::Gate::Queue);
            assert!(
                found.contains("2 rows") && found.contains("`free` is no price"),
                "{found}"
            );
        }
        other => panic!("{other:?}"),
    }
    match advance::<D>(conn, Step::Backfill) {
        Err(Error::Poison { count, .. }) => assert_eq!(count, 2),
        other => panic!("{other:?}"),
    }
    D::run(
        conn,
        "UPDATE prices SET price = '2.02' WHERE id = 2; UPDATE prices SET cents = 33 WHERE id = 3",
    );
    advance::<D>(conn, Step::Switch).expect("all values convert now");
    assert_eq!(
        (row::<D>(conn, 2), row::<D>(conn, 3)),
        ("2.02 202".into(), "0.33 33".into())
    );
}

// The queue is never longer than the table, and a bulk is worked off in batches.
fn fm37_a_bulk_update<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 0);
    let numbers =
        "WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 2500) ";
    D::run(
        conn,
        &format!("INSERT INTO prices (id, price) {numbers} SELECT i, i || '.00' FROM s"),
    );
    let migrate = |conn: &mut D::Conn, step| {
        let options = options().batch_size(1_000);
        Price::migration().options(options).advance_to(conn, step)
    };
    migrate(conn, Step::Verify).expect("all values convert");
    for _ in 0..3 {
        D::run(conn, "UPDATE prices SET price = price || '1'");
    }
    assert_eq!(queued::<D>(conn), 2_500);
    let drained = Price::migration()
        .options(options().batch_size(1_000))
        .drain(conn);
    assert_eq!(drained.expect("all values convert").converted, 2_500);
    migrate(conn, Step::Switch).expect("every row is right");
    let right = "SELECT count(*) FROM prices WHERE cents = id * 100 AND price = id || '.00111'";
    assert_eq!(D::text(conn, right).as_deref(), Some("2500"));
}

diesel::table! {
    sizes (id) {
        id -> Integer,
        size -> Nullable<BigInt>,
    }
}

fn read_size(text: String) -> Result<i64, std::num::ParseIntError> {
    text.parse()
}

fn print_size(size: i64) -> Result<String, std::convert::Infallible> {
    Ok(size.to_string())
}

#[derive(expand_contract::Queryable, Selectable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = sizes)]
struct Size {
    id: i32,
    #[migrate(rename_from = "length", retype_from = Nullable<Text>, old_type = String, up_with = read_size, down_with = print_size)]
    size: Option<i64>,
}

// NULL is NULL on both sides: no function is needed for it.
fn fm06_nulls<D: Db>(db: &D)
where
    sizes::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE sizes (id integer NOT NULL PRIMARY KEY, length text); \
         INSERT INTO sizes VALUES (1, '1'), (2, '2'), (3, NULL)",
    );
    let size = || Size::migration().options(options());
    size()
        .advance_to(conn, Step::Verify)
        .expect("all values convert");
    D::run(conn, "INSERT INTO sizes (id) VALUES (4)");
    assert_eq!(size().status(conn).expect("a ledger").queued, 0);
    D::run(
        conn,
        "UPDATE sizes SET length = NULL WHERE id = 1; UPDATE sizes SET size = NULL WHERE id = 2; \
         UPDATE sizes SET size = 3 WHERE id = 3; INSERT INTO sizes (id, size) VALUES (5, 5), (6, NULL)",
    );
    let all = |conn: &mut D::Conn| {
        let aggregate = if D::POSTGRES {
            "string_agg"
        } else {
            "group_concat"
        };
        let sql = format!(
            "SELECT {aggregate}(coalesce(length, '-') || coalesce(CAST(size AS text), '-'), ' ') \
             FROM (SELECT * FROM sizes ORDER BY id) q"
        );
        D::text(conn, &sql).expect("there are rows")
    };
    assert_eq!(all(conn), "-- -- -3 -- -5 --");
    size()
        .advance_to(conn, Step::Switch)
        .expect("the queue is drained");
    assert_eq!(all(conn), "-- -- 33 -- 55 --");
    assert!(D::fails(
        conn,
        "UPDATE sizes SET length = NULL WHERE id = 5"
    ));
    assert!(D::fails(conn, "UPDATE sizes SET size = NULL WHERE id = 5"));
    D::run(
        conn,
        "UPDATE sizes SET size = NULL, length = NULL WHERE id = 5",
    );
}

on_every_database!(
    fm07_old_only_writers_are_queued,
    fm06_dual_writers_are_not_queued,
    fm09_new_only_writers_are_queued,
    fm01_the_last_write_counts,
    fm01_a_late_writer_that_no_trigger_saw,
    fm38_a_value_that_does_not_convert,
    fm37_a_bulk_update,
    fm06_nulls,
);

#[test]
fn fm07_copy_and_another_role() {
    let db = Postgres::fresh();
    let conn = &mut start(&db, Step::Verify);
    Postgres::run(
        conn,
        "COPY prices (id, price) FROM PROGRAM 'printf \"10\\t0.10\\n11\\t0.11\\n\"'; \
         CREATE ROLE queue_stranger; GRANT INSERT, UPDATE, SELECT ON prices TO queue_stranger; \
         SET ROLE queue_stranger; UPDATE prices SET price = '1.01' WHERE id = 1; RESET ROLE",
    );
    assert_eq!(queued::<Postgres>(conn), 3);
    drain::<Postgres>(conn);
    Postgres::run(
        conn,
        "DROP OWNED BY queue_stranger; DROP ROLE queue_stranger",
    );
    for (id, wanted) in [(1, "1.01 101"), (10, "0.10 10"), (11, "0.11 11")] {
        assert_eq!(row::<Postgres>(conn, id), wanted);
    }
}

// A statement that skips a row leaves nothing behind for the next one.
#[test]
fn fm08_update_or_ignore() {
    let db = tests::database::Lite::fresh();
    let conn = &mut start(&db, Step::Switch);
    type L = tests::database::Lite;
    L::run(
        conn,
        "CREATE UNIQUE INDEX one_note ON prices (note); UPDATE prices SET note = 'x' WHERE id = 1; \
         UPDATE OR IGNORE prices SET note = 'x', price = '2.001', cents = cents WHERE id = 2",
    );
    assert_eq!(row::<L>(conn, 2), "2.00 200");
    assert!(L::fails(
        conn,
        "UPDATE prices SET price = '9.00' WHERE id = 3"
    ));
    assert!(L::fails(conn, "UPDATE prices SET cents = 9 WHERE id = 2"));
    assert_eq!(queued::<L>(conn), 0);
}
