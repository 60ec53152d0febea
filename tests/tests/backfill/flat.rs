//! What a batch costs does not grow with the table, on tables that were never analysed: counted in the blocks that the
//! server and its scans look at.

use std::sync::Arc;

use tests::postgres::{PgDatabase, PgServer};

use super::*;

/// What the server has looked at so far: blocks of the table and its indexes, and rows and index entries.
fn looked_at(conn: &mut PgConnection, table: &str) -> [u64; 2] {
    let blocks = format!(
        "SELECT heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit FROM pg_statio_user_tables \
         WHERE relname = '{table}'"
    );
    let rows = format!(
        "SELECT seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid) \
         FROM pg_stat_user_tables t WHERE relname = '{table}'"
    );
    [number(conn, &blocks), number(conn, &rows)]
}

/// What is looked at for each row of a table of `rows` rows, by the copy and by the comparison.
fn per_row(
    server: &Arc<PgServer>,
    table: &str,
    rows: u32,
    create: impl Fn(&mut PgConnection, u32),
    work: impl Fn(&mut PgConnection, Step) -> Result<Status, Error>,
) -> [[f64; 2]; 2] {
    let db = PgDatabase::on(server);
    create(&mut db.connect(), rows);
    // a session counts its own inserts too, some time later
    let watcher = &mut db.connect();
    Postgres::alone(watcher);
    [
        (Step::Expand, Step::Backfill),
        (Step::Backfill, Step::Verify),
    ]
    .map(|(before, step)| {
        let mut at_first = [0, 0];
        for step in [before, step] {
            at_first = looked_at(watcher, table);
            let mut conn = db.connect();
            work(&mut conn, step).expect("all values convert");
            drop(conn);
            // what a session has counted is there once it has gone
            Postgres::alone(watcher);
        }
        let mut now = [0, 0];
        tests::wait::until("the server has counted", || {
            now = looked_at(watcher, table);
            now[1] - at_first[1] > u64::from(rows)
        });
        [0, 1].map(|i| (now[i] - at_first[i]) as f64 / f64::from(rows))
    })
}

fn flat(
    table: &str,
    create: impl Fn(&mut PgConnection, u32),
    work: impl Fn(&mut PgConnection, Step) -> Result<Status, Error>,
) {
    // an autovacuum worker in the catalogue keeps dead versions of rows from being passed over: whoever comes later looks at
    // them again
    let server = PgServer::start(&[("autovacuum", "off")]);
    let small = per_row(&server, table, 8_000, &create, &work);
    let large = per_row(&server, table, 80_000, &create, &work);
    let what = [
        "blocks of the copy",
        "rows of the copy",
        "blocks of the comparison",
        "rows of the comparison",
    ];
    let figures = small.as_flattened().iter().zip(large.as_flattened());
    for ((small, large), what) in figures.zip(what) {
        // how many rows of a batch share a block differs a little
        assert!(
            *large < small * 1.7,
            "{large:.2} {what} for each row of the large table, {small:.2} of the small one"
        );
    }
}

fn options() -> Options {
    // more than a planner without statistics expects in any range
    super::options()
        .batch_size(5_000)
        .target_time(Duration::from_secs(60))
}

#[test]
fn fm36_conversions_in_sql_look_at_each_row_as_often() {
    flat(
        "letters",
        |conn, rows| letters(conn, rows, FAST),
        |conn, step| {
            Letter::migration()
                .options(options())
                .advance_to(conn, step)
        },
    );
}

#[test]
fn fm36_conversions_in_rust_look_at_each_row_as_often() {
    flat("prices", prices, |conn, step| {
        Price::migration().options(options()).advance_to(conn, step)
    });
}
