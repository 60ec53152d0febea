use std::time::Duration;

use expand_contract::phase::Step;
use expand_contract::{Gate, MigrateOn, Options, RunnerConnection};

/// A runner that waits for nobody: the tests have the instances in hand.
pub fn at_once() -> Options {
    Options::new()
        .grace(Duration::ZERO)
        .quiet_period(Duration::ZERO)
        .barrier_wait(Duration::ZERO)
        .override_gate(Gate::Transactions, "the test has one open on purpose")
        .override_gate(Gate::Instances, "the test is behind on purpose")
}

/// Runs the migration through the step.
#[track_caller]
pub fn advance<M, C>(conn: &mut C, step: Step)
where
    C: RunnerConnection,
    M: MigrateOn<C>,
{
    let moved = M::migration().options(at_once()).advance_to(conn, step);
    moved.unwrap_or_else(|error| panic!("{step}: {error}"));
}

/// A table with a changed column, of its own for each test: the process has one phase per table.
#[macro_export]
macro_rules! model {
    () => {
        #[allow(unused_imports)]
        use diesel::result::Error as DieselError;
        #[allow(unused_imports)]
        use expand_contract::phase::{self, Phase, Stage, Step};
        use expand_contract::prelude::*;
        #[allow(unused_imports)]
        use expand_contract::{Migrate as _, MigrateOn as _};
        #[allow(unused_imports)]
        use tests::database::{Db, Lite, Postgres};
        #[allow(unused_imports)]
        use $crate::support::*;

        diesel::table! {
            versions (id) {
                id -> Integer,
                num -> Text,
                tar_sha256 -> Binary,
            }
        }

        diesel::table! {
            notes (id) {
                id -> Integer,
            }
        }

        #[derive(
            Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset, Migrate,
        )]
        #[diesel(table_name = versions)]
        pub struct Version {
            pub id: i32,
            pub num: String,
            #[migrate(
                rename_from = "checksum", retype_from = Text,
                up(sqlite = "unhex(checksum)", postgres = "decode(checksum, 'hex')"),
                down(sqlite = "lower(hex(tar_sha256))", postgres = "encode(tar_sha256, 'hex')"),
                lossless
            )]
            pub tar_sha256: Vec<u8>,
        }

        pub const DDL: &str = "CREATE TABLE versions (id INTEGER PRIMARY KEY, num TEXT NOT NULL, checksum TEXT NOT NULL); \
             CREATE TABLE notes (id INTEGER PRIMARY KEY); INSERT INTO versions VALUES (1, '1.0.0', '01')";

        pub fn version(id: i32) -> Version {
            Version {
                id,
                num: format!("{id}.0.0"),
                tar_sha256: vec![id as u8],
            }
        }

        /// Writes and reads by ordinary statements.
        #[allow(unused_macros)]
        macro_rules! work {
            ($conn:expr, $id:expr) => {{
                let conn = $conn;
                diesel::insert_into(versions::table)
                    .values(&version($id))
                    .execute(conn)?;
                diesel::update(versions::table.find(1))
                    .set(Version::tar_sha256.eq(vec![$id as u8]))
                    .execute(conn)?;
                versions::table
                    .filter(Version::tar_sha256.eq(vec![$id as u8]))
                    .order(versions::id)
                    .select(versions::id)
                    .load::<i32>(conn)
            }};
        }

        /// The phase that statements are built for.
        #[allow(dead_code)]
        pub fn name_in_force() -> String {
            Version::tar_sha256.sql().unwrap()
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
                type $D = Lite;
                #[test]
                fn on_sqlite() {
                    let $database = Lite::fresh();
                    $body
                }
            }
            mod postgres {
                $crate::model!();
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
