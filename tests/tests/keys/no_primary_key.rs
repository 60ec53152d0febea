//! Without a primary key, a unique index over NOT NULL columns is what batches walk along.

use crate::common::*;
use crate::support::*;
use expand_contract::phase::Step;
use expand_contract::{Error, Migrate};

#[test]
fn fm32_a_unique_index_over_not_null_columns_will_do() {
    for table in [
        // the migrating column itself, and others
        "CREATE TABLE tickets (id integer NOT NULL CONSTRAINT one UNIQUE, note text NOT NULL DEFAULT 'n')",
        "CREATE TABLE tickets (id integer, note text DEFAULT 'n', a text NOT NULL DEFAULT 'a', b bigserial NOT NULL); \
         CREATE UNIQUE INDEX one ON tickets (a DESC, b) INCLUDE (note)",
    ] {
        let db = Postgres::fresh();
        {
            let conn = &mut db.connect();
            Postgres::run(
                conn,
                &format!("{table}; INSERT INTO tickets (id) SELECT 21 - g FROM generate_series(1, 20) g"),
            );
        }
        let copy = db.copy();
        let conn = &mut copy.connect();
        let (before, after) = through::<TicketUid>(conn, |conn, step| {
            if step == Step::Backfill {
                let left = "SELECT count(*) FROM tickets WHERE uid IS DISTINCT FROM id";
                assert_eq!(Postgres::text(conn, left).as_deref(), Some("0"));
            }
        });
        let renamed = before
            .replace("tickets.id ", "tickets.uid ")
            .replace("(id)", "(uid)")
            .replace("NOT NULL id ", "NOT NULL uid ");
        same(&renamed, &after);
        and_back::<TicketUid>(&db, 6, |conn| {
            Postgres::run(conn, "INSERT INTO tickets (id) SELECT max(id) + 1 FROM tickets");
        });
    }
}

#[test]
fn fm32_nothing_to_walk_along_is_refused() {
    for table in [
        "CREATE TABLE tickets (id integer, note text)",
        "CREATE TABLE tickets (id integer UNIQUE, note text)",
        "CREATE TABLE tickets (id integer NOT NULL, note text); CREATE UNIQUE INDEX one ON tickets (id) WHERE note IS NULL",
        "CREATE TABLE tickets (id integer NOT NULL, note text); CREATE UNIQUE INDEX one ON tickets ((id + 1))",
        "CREATE TABLE tickets (id integer NOT NULL UNIQUE DEFERRABLE, note text)",
        "CREATE TABLE tickets (id integer NOT NULL, note text); CREATE INDEX one ON tickets (id)",
        // from 18 on the catalogue calls the column NOT NULL, whatever is in it
        "CREATE TABLE tickets (id integer, note text); CREATE UNIQUE INDEX one ON tickets (id); DO $$ BEGIN \
           IF current_setting('server_version_num')::integer >= 180000 THEN \
             EXECUTE 'ALTER TABLE tickets ADD CONSTRAINT later NOT NULL id NOT VALID'; END IF; END $$",
    ] {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        Postgres::run(conn, table);
        match TicketUid::migration().options(fast()).expand(conn) {
            Err(error @ Error::NoPrimaryKey { .. }) => {
                assert!(error.to_string().contains("NOT NULL columns will do"));
            }
            other => panic!("{table}: {other:?}"),
        }
    }
}
