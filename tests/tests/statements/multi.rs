//! One connection type for both databases, whose phases differ: the dialect is that of the snapshot, not of the type.

use diesel::connection::SimpleConnection;
use diesel::{PgConnection, SqliteConnection};
use expand_contract::__private::Dialect;
use expand_contract::phase::{Phase, Stage};
use expand_contract::prelude::*;

use crate::forms::ddl::{self, sha};
use crate::support::{self, snapshot};

#[derive(diesel::MultiConnection)]
enum AnyConnection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

macro_rules! scenario {
    ($name:ident, $form:ident) => {
        #[test]
        fn $name() {
            use crate::forms::$form::{versions, Version, TAR};
            let database = tests::postgres::PgDatabase::new();
            let databases = [
                (
                    Dialect::Postgres,
                    support::postgres::KEY,
                    &mut AnyConnection::Postgres(database.connect()),
                ),
                (
                    Dialect::Sqlite,
                    support::sqlite::KEY,
                    &mut AnyConnection::Sqlite(tests::sqlite::in_memory()),
                ),
            ];
            for (dialect, key, conn) in databases {
                for phase in Phase::ALL {
                    conn.batch_execute(
                        "DROP TABLE IF EXISTS versions; DROP TABLE IF EXISTS downloads;",
                    )
                    .unwrap();
                    conn.batch_execute(&ddl::versions(dialect, key, phase))
                        .unwrap();
                    let here = &snapshot::<versions::table>(
                        Stage::first(phase),
                        dialect,
                        &[ddl::CHECKSUM],
                    );
                    let mut version = Version {
                        id: 50,
                        num: "5.0.0".into(),
                        tar_sha256: sha(5),
                    };
                    diesel::insert_into(versions::table)
                        .values(&version)
                        .at(here)
                        .execute(conn)
                        .unwrap();
                    version.tar_sha256 = sha(6);
                    diesel::update(&version)
                        .set(&version)
                        .at(here)
                        .execute(conn)
                        .unwrap();
                    diesel::update(versions::table.find(1))
                        .set(TAR.eq(sha(7)))
                        .at(here)
                        .execute(conn)
                        .unwrap();
                    let found: Vec<Version> = versions::table
                        .filter(TAR.eq(sha(6)).or(TAR.between(sha(7), sha(8))))
                        .order(TAR)
                        .select(Version::as_select())
                        .at(here)
                        .load(conn)
                        .unwrap();
                    let found: Vec<_> =
                        found.iter().map(|v| (v.id, v.tar_sha256.clone())).collect();
                    assert_eq!(found, [(50, sha(6)), (1, sha(7))], "{dialect} {phase}");
                    match conn {
                        AnyConnection::Postgres(conn) => {
                            ddl::assert_consistent(conn, dialect, phase, "versions");
                        }
                        AnyConnection::Sqlite(conn) => {
                            ddl::assert_consistent(conn, dialect, phase, "versions");
                        }
                    }
                }
            }
        }
    };
}

scenario!(declared_on_the_field, field);
scenario!(declared_on_the_table, table);
