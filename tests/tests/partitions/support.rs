//! The table, its migrations, and what is compared.

use std::ops::ControlFlow;

use crate::common::*;
use diesel::PgConnection;
use expand_contract::definition::{Carry, ChangeDef, Conversion, Part, SqlExpr, Strategy};
use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, MigrateOn, Moment};
use tests::catalogue::of_table;

diesel::table! {
    events (id, day) {
        id -> BigInt,
        day -> Date,
        amount -> Integer,
    }
}

pub const COLUMN: SqlExpr = SqlExpr {
    any: Some(&[Part::Column]),
    postgres: None,
    sqlite: None,
};

pub const WIDENED: ChangeDef = ChangeDef {
    via: Some("total_wide"),
    conversion: Conversion::Sql {
        up: COLUMN,
        down: COLUMN,
    },
    new_type: both("bigint"),
    carry: &[Carry {
        name: "positive",
        sql: Some(SqlExpr {
            any: Some(&[Part::Column, Part::Sql(" >= 0")]),
            postgres: None,
            sqlite: None,
        }),
    }],
    ..rename("total", "total")
};

migration!(
    Amount,
    events::table,
    "events-amount",
    [rename("total", "amount")]
);
migration!(
    InPlace,
    events::table,
    "events-in-place",
    [ChangeDef {
        strategy: Strategy::InPlace,
        via: Some("marker"),
        ..rename("total", "amount")
    }]
);
migration!(Wide, events::table, "events-wide", [WIDENED]);
migration!(
    InRust,
    events::table,
    "events-rust",
    [ChangeDef {
        conversion: Conversion::Rust,
        ..WIDENED
    }]
);

/// Partitions with rows, one without any, and one for all others; none was ever analysed but the first.
pub fn table(conn: &mut PgConnection, type_sql: &str) {
    Postgres::run(
        conn,
        &format!(
            "CREATE TABLE events (id bigint, day date, total {type_sql} NOT NULL DEFAULT 7, note text, PRIMARY KEY (id, day), \
               CONSTRAINT positive CHECK (total >= 0)) PARTITION BY RANGE (day); \
             CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01'); \
             CREATE TABLE events_2 (note text, total {type_sql} CONSTRAINT events_total_not_null NOT NULL DEFAULT 7, gone text, day date NOT NULL, id bigint NOT NULL, \
               CONSTRAINT positive CHECK (total >= 0)); \
             ALTER TABLE events_2 DROP COLUMN gone; \
             ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01'); \
             CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM ('2026-03-01') TO ('2026-04-01'); \
             CREATE TABLE events_rest PARTITION OF events DEFAULT; \
             CREATE INDEX events_total ON events (total DESC, note) INCLUDE (id) WITH (fillfactor = 80); \
             CREATE INDEX \"by \"\"total\" ON events USING hash (total); \
             ALTER INDEX events_2_total_idx RENAME TO \"Second\"; \
             COMMENT ON INDEX events_total IS 'sums'; COMMENT ON COLUMN events.total IS 'a sum'; \
             ALTER TABLE events ALTER COLUMN total SET STATISTICS 321; \
             ALTER TABLE events_1 ALTER COLUMN total SET STATISTICS 12; \
             ALTER TABLE events_rest ALTER COLUMN total SET STATISTICS -1; \
             CREATE STATISTICS events_both ON total, note FROM events; \
             GRANT SELECT (total) ON events TO PUBLIC"
        ),
    );
}

pub fn rows(conn: &mut PgConnection, rows: u32) {
    Postgres::run(
        conn,
        &format!(
            "INSERT INTO events SELECT g, (ARRAY['2026-01-05', '2026-02-05', '2030-01-01'])[1 + g % 3]::date, g, 'n' || g \
             FROM generate_series(1, {rows}) g; ANALYZE events_1"
        ),
    );
}

/// Everything about the table and its partitions of all levels.
pub fn catalogue(conn: &mut PgConnection) -> String {
    let names = "SELECT string_agg(relid::text, ' ' ORDER BY relid::text) FROM pg_partition_tree('events') WHERE level > 0";
    let names = Postgres::text(conn, names).unwrap_or_default();
    let mut out = format!("events\n{}", of_table(conn, "events"));
    for name in names.split(' ') {
        out.push_str(&format!("{name}\n{}", of_table(conn, name)));
    }
    out.push_str(&attached(conn));
    out
}

/// Which partition's index belongs to which index of what it is a partition of.
fn attached(conn: &mut PgConnection) -> String {
    let sql = "SELECT string_agg(i.inhrelid::regclass || ' of ' || i.inhparent::regclass, E'\\n' ORDER BY 1) \
        FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhparent \
        WHERE x.indrelid IN (SELECT relid FROM pg_partition_tree('events'))";
    Postgres::text(conn, sql).unwrap_or_default()
}

/// What the database itself makes of the table and these statements.
pub fn wanted(type_sql: &str, statements: &str) -> String {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table(conn, type_sql);
    Postgres::run(conn, statements);
    catalogue(conn)
}

/// A table of three levels: one partition as it is, one of partitions, of which one is partitioned again, one of none yet, and
/// one that was a table before the one above it was.
pub fn deep_table(conn: &mut PgConnection, type_sql: &str) {
    Postgres::run(
        conn,
        &format!(
            "CREATE TABLE january_rest (note text, total {type_sql} CONSTRAINT total_not_null NOT NULL DEFAULT 7, day date NOT NULL, \
               id bigint NOT NULL, CONSTRAINT positive CHECK (total >= 0)); \
             CREATE TABLE events (id bigint, day date, total {type_sql} CONSTRAINT total_not_null NOT NULL DEFAULT 7, note text, \
               PRIMARY KEY (id, day), CONSTRAINT positive CHECK (total >= 0)) PARTITION BY RANGE (day); \
             CREATE TABLE january PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY LIST (id); \
             CREATE TABLE february PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01'); \
             CREATE TABLE march PARTITION OF events FOR VALUES FROM ('2026-03-01') TO ('2026-04-01') PARTITION BY HASH (id); \
             CREATE TABLE january_one PARTITION OF january FOR VALUES IN (1, 4, 7, 10) PARTITION BY HASH (day); \
             CREATE TABLE january_one_a PARTITION OF january_one FOR VALUES WITH (modulus 2, remainder 0); \
             CREATE TABLE january_one_b PARTITION OF january_one FOR VALUES WITH (modulus 2, remainder 1); \
             ALTER TABLE january ATTACH PARTITION january_rest DEFAULT; \
             CREATE INDEX sums ON events (total DESC, note); CREATE INDEX hashed ON events USING hash (total); \
             ALTER TABLE january ALTER COLUMN total SET STATISTICS 33"
        ),
    );
}

/// That table with rows, and what else is to be on it.
pub fn deep(more: &str) -> Postgres {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    deep_table(conn, "integer");
    Postgres::run(
        conn,
        &format!(
            "{more}; INSERT INTO events SELECT g, (ARRAY['2026-01-05', '2026-02-05'])[1 + g % 2]::date, g, 'n' || g \
             FROM generate_series(1, 60) g"
        ),
    );
    db
}

/// What the database itself makes of that table and these statements.
pub fn deep_wanted(type_sql: &str, statements: &str) -> String {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    deep_table(conn, type_sql);
    Postgres::run(conn, statements);
    catalogue(conn)
}

pub fn sum(conn: &mut PgConnection, column: &str) -> Option<String> {
    let sql = format!("SELECT sum({column}) || ' of ' || count(*) FROM events");
    Postgres::text(conn, &sql)
}

pub const RENAMED: &str = "ALTER TABLE events RENAME COLUMN total TO amount";

/// Runs up to `last`; before the first action of it whose name begins so, `side` happens.
pub fn with_a_hand<M: MigrateOn<PgConnection>>(
    conn: &mut PgConnection,
    (last, action): (Step, &'static str),
    mut side: impl FnMut() + Send + 'static,
) -> Result<(), Error> {
    let mut done = false;
    let options = fast().on_action(move |event| {
        if !done && event.moment == Moment::Before && event.action.starts_with(action) {
            done = true;
            side();
        }
        ControlFlow::Continue(())
    });
    let result = M::migration().options(options).advance_to(conn, last);
    result.map(|_| ())
}

pub fn to_the_end<M: MigrateOn<PgConnection>>(conn: &mut PgConnection) {
    let mut migration = M::migration().options(fast());
    migration.run(conn).expect("it ends");
    let phase = migration
        .status(conn)
        .expect("there is a status")
        .stage
        .phase;
    assert_eq!(phase, Phase::Contracted);
}
