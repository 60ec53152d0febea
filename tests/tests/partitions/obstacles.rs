//! What cannot be carried on a partitioned table is named before anything is changed.

use crate::common::*;
use crate::support::*;
use diesel::PgConnection;
use expand_contract::{Error, MigrateOn};

fn named<M: MigrateOn<PgConnection>>(sql: &str, kind: &str, name: &str) {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table(conn, "integer");
    Postgres::run(conn, sql);
    rows(conn, 3);
    let before = catalogue(conn);
    match M::migration().options(fast()).expand(conn) {
        Err(Error::Obstacles { obstacles, .. }) => {
            let found = obstacles.iter().any(|o| o.kind == kind && o.name == name);
            assert!(found, "{sql}: {obstacles:?}");
        }
        other => panic!("{sql}: {other:?}"),
    }
    assert_eq!(before, catalogue(conn));
}

#[test]
fn fm32_what_cannot_be_carried_on_a_partitioned_table_is_named() {
    let again = |definition: &str, by: &str| {
        format!(
            "DROP TABLE events; CREATE TABLE events (id bigint, day date, total integer NOT NULL, note text, {definition}) \
             PARTITION BY {by}; CREATE TABLE rest PARTITION OF events DEFAULT; CREATE TABLE events_1 ()"
        )
    };
    let own = "index of a partition with settings of its own";
    let column = "column with settings of its own in partition";
    for (sql, kind, name) in [
        (
            again("PRIMARY KEY (id, total, day)", "RANGE (day)"),
            "primary key of a partitioned table",
            "events_pkey",
        ),
        (
            again("PRIMARY KEY (id, day, total)", "LIST (total)"),
            "partition key",
            "LIST (total)",
        ),
        (
            "ALTER TABLE events_1 ADD CONSTRAINT mine CHECK (total < 1000000)".to_owned(),
            "CHECK constraint of a partition alone",
            "mine",
        ),
        (
            "CREATE INDEX mine ON events_2 (note) WHERE total > 0".to_owned(),
            "index of a partition alone",
            "mine",
        ),
        (
            "CREATE UNIQUE INDEX mine ON events_2 (total)".to_owned(),
            "index of a partition alone",
            "mine",
        ),
        (
            "ALTER TABLE events_1 ADD CONSTRAINT mine UNIQUE (total)".to_owned(),
            "unique constraint of a partition alone",
            "mine",
        ),
        (
            "CREATE VIEW mine AS SELECT total FROM events_1".to_owned(),
            "object of a partition alone",
            "rule _RETURN on view mine",
        ),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
             CREATE TRIGGER mine AFTER UPDATE OF total ON events_1 FOR EACH ROW EXECUTE FUNCTION f()"
                .to_owned(),
            "trigger of a partition alone",
            "mine",
        ),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.total := 1; RETURN NEW; END'; \
             CREATE TRIGGER mine BEFORE UPDATE ON events_1 FOR EACH ROW EXECUTE FUNCTION f()"
                .to_owned(),
            "trigger",
            "mine",
        ),
        (
            "CREATE TABLE sums (total integer PRIMARY KEY); INSERT INTO sums SELECT generate_series(1, 9); \
             ALTER TABLE events ADD CONSTRAINT mine FOREIGN KEY (total) REFERENCES sums"
                .to_owned(),
            "foreign key of a partitioned table",
            "mine",
        ),
        (
            "CREATE INDEX mine ON ONLY events (total)".to_owned(),
            "index that some partitions do not have",
            "mine",
        ),
        (
            "CREATE INDEX mine ON events ((total + 1)); ALTER INDEX mine ALTER COLUMN 1 SET STATISTICS 9"
                .to_owned(),
            "index of a partitioned table with settings of its own",
            "mine",
        ),
        (
            "ALTER TABLE events_1 CLUSTER ON events_1_total_note_id_idx".to_owned(),
            own,
            "events_1_total_note_id_idx",
        ),
        (
            "COMMENT ON INDEX \"Second\" IS 'mine'".to_owned(),
            own,
            "Second",
        ),
        (
            "GRANT SELECT (total) ON events_2 TO PUBLIC".to_owned(),
            column,
            "events_2",
        ),
        (
            "ALTER TABLE events_1 ALTER COLUMN total SET DEFAULT 8".to_owned(),
            column,
            "events_1",
        ),
        (
            "ALTER TABLE events_1 ALTER COLUMN total SET (n_distinct = 5)".to_owned(),
            column,
            "events_1",
        ),
        (
            "CREATE SEQUENCE mine OWNED BY events.total".to_owned(),
            "sequence of a partitioned table",
            "mine",
        ),
        (
            "CREATE SCHEMA away; \
             CREATE TABLE away.far PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')"
                .to_owned(),
            "partition in another schema",
            "far",
        ),
    ] {
        named::<Amount>(&sql, kind, name);
    }
    named::<InRust>(
        "SELECT 1",
        "conversion in Rust on a partitioned table",
        "events",
    );
}

#[test]
fn fm32_a_partition_by_itself_is_refused() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table(conn, "integer");
    Postgres::run(
        conn,
        "ALTER TABLE events RENAME TO whole; ALTER TABLE events_1 RENAME TO events",
    );
    match <Amount as expand_contract::Migrate>::migration()
        .options(fast())
        .expand(conn)
    {
        Err(error @ Error::Unsupported { .. }) => {
            assert!(error.to_string().contains("partitioned table instead"));
        }
        other => panic!("{other:?}"),
    }
}
