//! Renames in place: nothing is copied, and whoever is at work notices nothing, or builds one statement anew.
#![allow(missing_docs, unreachable_pub)]

mod gate;
mod kill;
mod life;
mod names;
mod obstacles;
mod replica;
mod rollback;
mod statements;
mod still;

use std::time::Duration;

use expand_contract::{Error, Gate, Options, Status};
use tests::database::Db;

/// Not patient, and without a quiet period.
pub(crate) fn options() -> Options {
    Options::new()
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(50))
        .lock_timeout(Duration::from_millis(200))
        .quiet_period(Duration::ZERO)
}

/// As in production.
pub(crate) fn strict() -> Options {
    options().quiet_period(Duration::from_secs(24 * 60 * 60))
}

/// What the closed gate has found, and what it says to do.
#[track_caller]
pub(crate) fn closed(outcome: Result<Status, Error>) -> (String, String) {
    match outcome {
        Err(Error::GateClosed {
            gate: Gate::Strangers,
            found,
            remedy,
            ..
        }) => (found, remedy),
        other => panic!("{other:?}"),
    }
}

/// All that is on record happened that much earlier (PostgreSQL).
pub(crate) fn later<D: Db>(conn: &mut D::Conn, hours: u32) {
    D::run(
        conn,
        &format!(
            "UPDATE expand_contract.strangers SET last_seen = last_seen - interval '{hours} hours'; \
             UPDATE expand_contract.actions SET at = at - interval '{hours} hours'"
        ),
    );
}

/// The schema without quotes and in a steady order, with the columns' names as if nothing had happened.
pub(crate) fn schema<D: Db>(conn: &mut D::Conn) -> Vec<String> {
    let text = D::schema(conn)
        .replace('"', "")
        .replace("contact", "email")
        .replace("score", "points");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The table, with everything on the columns that a database can have there.
pub(crate) fn create<D: Db>(conn: &mut D::Conn, rows: u32) {
    let series = if D::POSTGRES {
        format!("generate_series(1, {rows}) i")
    } else {
        format!(
            "(WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {rows}) SELECT i FROM s)"
        )
    };
    D::run(
        conn,
        &format!(
            "CREATE TABLE teams (code integer NOT NULL PRIMARY KEY); INSERT INTO teams VALUES (1), (2), (3); \
             CREATE TABLE people (id integer NOT NULL PRIMARY KEY, note text, email text NOT NULL UNIQUE, \
               points integer DEFAULT 1 REFERENCES teams (code), CHECK (email <> ''), CHECK (points > 0)); \
             CREATE INDEX people_both ON people (points DESC, note); \
             CREATE UNIQUE INDEX people_part ON people (lower(email)) WHERE points > 1; \
             INSERT INTO people SELECT i, 'note ' || i, 'p' || i, 1 + i % 3 FROM {series};"
        ),
    );
    if D::POSTGRES {
        D::run(
            conn,
            "CREATE VIEW people_seen AS SELECT id, email FROM people WHERE points > 0; \
             CREATE INDEX people_included ON people (id) INCLUDE (email); \
             ALTER TABLE people ADD CONSTRAINT people_excluded EXCLUDE USING btree (email WITH =); \
             CREATE POLICY people_own ON people USING (email = current_user); \
             CREATE STATISTICS people_stat ON email, points FROM people; \
             COMMENT ON COLUMN people.email IS 'where to write to'; \
             ALTER TABLE people ALTER COLUMN email SET STATISTICS 77; \
             CREATE PUBLICATION people_out FOR TABLE people; \
             CREATE TABLE letters (recipient text REFERENCES people (email)); \
             CREATE FUNCTION people_touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
             CREATE TRIGGER people_touched BEFORE UPDATE OF email ON people FOR EACH ROW \
               WHEN (NEW.email IS DISTINCT FROM OLD.email) EXECUTE FUNCTION people_touched()",
        );
    } else {
        D::run(
            conn,
            "CREATE VIEW people_seen (id, address) AS SELECT id, email FROM people WHERE points > 0; \
             CREATE TABLE letters (recipient text REFERENCES people (email)); \
             CREATE TRIGGER people_touched AFTER UPDATE OF email ON people WHEN NEW.email IS NOT OLD.email \
               BEGIN INSERT INTO letters SELECT NEW.email WHERE false; END",
        );
    }
}

/// A table with its own phase for each test: the process has one phase per table.
#[macro_export]
macro_rules! model {
    () => {
        #[allow(unused_imports)]
        use diesel::result::Error as DieselError;
        #[allow(unused_imports)]
        use expand_contract::phase::{self, Phase, Stage, Step};
        use expand_contract::prelude::*;
        #[allow(unused_imports)]
        use expand_contract::{Error, Gate, Lease, Migrate as _, MigrateOn as _, Options, Status};
        #[allow(unused_imports)]
        use tests::database::{Db, Lite, Postgres};
        #[allow(unused_imports)]
        use $crate::*;

        diesel::table! {
            people (id) {
                id -> Integer,
                note -> Nullable<Text>,
                contact -> Text,
                score -> Nullable<Integer>,
            }
        }

        #[derive(
            Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset, Migrate,
        )]
        #[diesel(table_name = people)]
        #[migrate(id = "people")]
        pub struct Person {
            pub id: i32,
            pub note: Option<String>,
            #[migrate(rename_from = "email", strategy = in_place)]
            pub contact: String,
            #[migrate(rename_from = "points", strategy = in_place)]
            pub score: Option<i32>,
        }

        #[allow(dead_code)]
        pub fn person(id: i32) -> Person {
            Person {
                id,
                note: Some(format!("note {id}")),
                contact: format!("p{id}"),
                score: Some(1 + id % 3),
            }
        }

        /// Runs the migration through the step.
        #[allow(unused_macros)]
        macro_rules! to {
            ($conn:expr, $options:expr, $step:expr) => {
                Person::migration()
                    .options($options)
                    .advance_to($conn, $step)
            };
        }
    };
}

/// Each scenario as a test on each database, with a table of its own.
#[macro_export]
macro_rules! on_both {
    ($($(#[$doc:meta])* $name:ident($database:ident, $D:ident) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            mod sqlite {
                $crate::model!();
                #[allow(dead_code)]
                type $D = Lite;
                #[test]
                fn on_sqlite() {
                    let $database = Lite::fresh();
                    $body
                }
            }
            mod postgres {
                $crate::model!();
                #[allow(dead_code)]
                type $D = Postgres;
                #[test]
                fn on_postgres() {
                    let $database = Postgres::fresh();
                    $body
                }
            }
        }
    )*};
}
