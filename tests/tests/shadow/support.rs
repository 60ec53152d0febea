use std::time::Duration;

use expand_contract::phase::Step;
use expand_contract::{Error, Gate, MigrateOn, Options, RunnerConnection, Status};

pub fn at_once() -> Options {
    Options::new()
        .grace(Duration::ZERO)
        .quiet_period(Duration::ZERO)
        .barrier_wait(Duration::ZERO)
        .lease(Duration::from_millis(500))
        .override_gate(Gate::Transactions, "the test has one open on purpose")
        .override_gate(Gate::Instances, "the test is behind on purpose")
}

pub fn try_to<M, C>(conn: &mut C, step: Step, options: Options) -> Result<Status, Error>
where
    C: RunnerConnection,
    M: MigrateOn<C>,
{
    M::migration().options(options).advance_to(conn, step)
}

#[track_caller]
pub fn advance<M, C>(conn: &mut C, step: Step)
where
    C: RunnerConnection,
    M: MigrateOn<C>,
{
    try_to::<M, C>(conn, step, at_once()).unwrap_or_else(|error| panic!("{step}: {error}"));
}

/// A table of its own for each test: the process has one phase and one sample per table.
#[macro_export]
macro_rules! model {
    () => {
        #[allow(unused_imports)]
        use expand_contract::phase::{Phase, Step};
        use expand_contract::prelude::*;
        #[allow(unused_imports)]
        use expand_contract::shadow::{self, Sampling};
        #[allow(unused_imports)]
        use expand_contract::{Error, Gate, Migrate as _, MigrateOn as _};
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

        pub const DDL: &str =
            "CREATE TABLE versions (id INTEGER PRIMARY KEY, num TEXT NOT NULL, checksum TEXT NOT NULL); \
             INSERT INTO versions VALUES (1, '1.0.0', '01'), (2, '2.0.0', '02'), (3, '3.0.0', '03')";

        /// The new value of row 2, stale.
        #[allow(dead_code)]
        pub fn stale<D: Db>() -> &'static str {
            if D::POSTGRES {
                "UPDATE versions SET tar_sha256 = '\\x99' WHERE id = 2"
            } else {
                "UPDATE versions SET tar_sha256 = x'99' WHERE id = 2"
            }
        }

        #[allow(unused_macros)]
        macro_rules! differing {
            ($conn:expr) => {
                versions::table
                    .filter(Version::tar_sha256.differs())
                    .count()
                    .get_result::<i64>($conn)
            };
        }
    };
}

/// Each scenario as a test on each database, with a table of its own.
#[macro_export]
macro_rules! on_both {
    ($($name:ident($database:ident, $D:ident) $body:block)*) => {$(
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
