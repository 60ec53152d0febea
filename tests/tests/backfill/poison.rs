//! Values that do not convert, or that the database refuses: each is named, the others are copied.

use expand_contract::PoisonRow;

use super::*;

fn keys(rows: &[PoisonRow]) -> Vec<&str> {
    let mut keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    keys.sort_unstable();
    keys
}

/// In the ranges of several workers, by a conversion in SQL that raises.
#[test]
fn fm38_poison_of_several_workers() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    letters(
        conn,
        1_400,
        "IF x LIKE ''%7__'' THEN RAISE ''not %'', x; END IF; RETURN x;",
    );
    for workers in [4, 1] {
        match advance(
            conn,
            &db.url(),
            options().samples(1_000),
            workers,
            Step::Backfill,
        ) {
            Err(Error::Poison { count, rows, .. }) => {
                assert_eq!((count, rows.len()), (100, 100));
                assert!(keys(&rows).contains(&"(a, 700)"), "{rows:?}");
                assert!(
                    rows.iter().all(|row| row.reason.contains("not letter 7")),
                    "{rows:?}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(number(conn, "SELECT count(body) FROM letters"), 1_300);
    }
    // a switch is refused, and possible once the values are right
    let outcome = advance(conn, &db.url(), options(), 2, Step::Switch);
    assert!(matches!(outcome, Err(Error::Poison { .. })), "{outcome:?}");
    Postgres::run(
        conn,
        "CREATE OR REPLACE FUNCTION slow(x text) RETURNS text IMMUTABLE STRICT LANGUAGE plpgsql AS 'BEGIN RETURN x; END'",
    );
    advance(conn, &db.url(), options(), 2, Step::Switch).expect("all values convert");
    assert_eq!(copied(conn), 1_400);
}

/// What Rust makes of a value, the database may refuse: the other rows of the batch are written all the same.
#[test]
fn fm38_a_value_made_by_rust_that_the_database_refuses() {
    for workers in [1, 3] {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        prices(conn, 300);
        advance_prices(conn, &db.url(), options(), 1, Step::Expand).expect("nobody is in the way");
        Postgres::run(
            conn,
            "UPDATE prices SET price = 'cheap' WHERE id = 5; \
             ALTER TABLE prices ADD CHECK (cents NOT BETWEEN 10000 AND 10199)",
        );
        match advance_prices(conn, &db.url(), options(), workers, Step::Backfill) {
            Err(Error::Poison { count, rows, .. }) => {
                assert_eq!(count, 3);
                assert_eq!(keys(&rows), ["100", "101", "5"]);
                for row in &rows {
                    let reason = if row.key == "5" {
                        "is no price"
                    } else {
                        "check"
                    };
                    assert!(row.reason.contains(reason), "{row:?}");
                }
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(number(conn, "SELECT count(cents) FROM prices"), 297);
    }
}
