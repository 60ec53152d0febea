//! What a batch costs does not grow with the table, on tables that were never analysed: counted in the blocks that the
//! server looks at.

use super::*;

/// The blocks of the table and of its index that were looked at since the statistics were reset.
fn blocks(conn: &mut PgConnection, table: &str) -> u64 {
    number(
        conn,
        &format!(
            "SELECT heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit FROM pg_statio_user_tables \
             WHERE relname = '{table}'"
        ),
    )
}

/// Blocks per row of the work on a table of `rows` rows, the second one of which is the comparison.
fn per_row(
    table: &str,
    rows: u32,
    create: impl Fn(&mut PgConnection, u32),
    work: impl Fn(&mut PgConnection, Step) -> Result<Status, Error>,
) -> [f64; 2] {
    let db = Postgres::fresh();
    let watcher = &mut db.connect();
    create(watcher, rows);
    [Step::Backfill, Step::Verify].map(|step| {
        let mut conn = db.connect();
        let before = match step {
            Step::Backfill => Step::Expand,
            _ => Step::Backfill,
        };
        work(&mut conn, before).expect("nobody is in the way");
        drop(conn);
        // what a session has counted is there once it has gone
        Postgres::alone(watcher);
        let at_first = blocks(watcher, table);
        let mut conn = db.connect();
        work(&mut conn, step).expect("all values convert");
        drop(conn);
        Postgres::alone(watcher);
        let mut count = 0;
        tests::wait::until("the server has counted", || {
            count = blocks(watcher, table) - at_first;
            count > 0
        });
        count as f64 / f64::from(rows)
    })
}

fn flat(
    table: &str,
    create: impl Fn(&mut PgConnection, u32),
    work: impl Fn(&mut PgConnection, Step) -> Result<Status, Error>,
) {
    let small = per_row(table, 4_000, &create, &work);
    let large = per_row(table, 80_000, &create, &work);
    for (small, large) in small.into_iter().zip(large) {
        // how many rows of a batch share a block differs a little; a plan that is quadratic would make it twenty times as
        // many
        assert!(
            large < small * 2.0,
            "{large:.2} blocks for a row of the large table, {small:.2} of the small one"
        );
    }
}

#[test]
fn fm36_conversions_in_sql_look_at_each_row_as_often() {
    flat(
        "letters",
        |conn, rows| letters(conn, rows, FAST),
        |conn, step| {
            Letter::migration()
                .options(options().batch_size(500))
                .advance_to(conn, step)
        },
    );
}

#[test]
fn fm36_conversions_in_rust_look_at_each_row_as_often() {
    flat("prices", prices, |conn, step| {
        Price::migration()
            .options(options().batch_size(500))
            .advance_to(conn, step)
    });
}
