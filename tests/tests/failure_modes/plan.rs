//! Looking changes nothing.

use expand_contract::phase::{Phase, Step};
use expand_contract::prelude::*;
use expand_contract::MigrateOn;
use tests::database::{Db, Lite, Postgres};

use crate::options;

diesel::table! {
    users (id) {
        id -> Integer,
        mail -> Text,
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = users)]
struct User {
    id: i32,
    #[migrate(rename_from = "email")]
    mail: String,
}

const STEPS: [Step; 6] = [
    Step::Expand,
    Step::Backfill,
    Step::Verify,
    Step::Switch,
    Step::Retire,
    Step::Contract,
];

/// Looks from every phase, forwards and back, on a connection that may not write.
fn look<D: Db>(db: &D, read_only: &str, see: impl Fn(&mut D::Conn))
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL DEFAULT 'x'); \
         CREATE UNIQUE INDEX users_email ON users (email); INSERT INTO users VALUES (1, 'a'), (2, 'b')",
    );
    see(conn);
    let reader = &mut db.connect();
    D::run(reader, read_only);
    assert!(D::fails(reader, "UPDATE users SET id = id"));
    let looks = |reader: &mut D::Conn, done: usize| {
        let planned = User::migration().plan(reader).expect("plan");
        for (i, step) in STEPS.iter().enumerate() {
            let listed = planned.iter().any(|action| action.step == *step);
            // what the ledger says of verify alone is not kept: switch does it again
            let wanted = match step {
                Step::Backfill | Step::Verify => done < 4,
                Step::Retire => done < 5 || listed,
                _ => i >= done,
            };
            assert_eq!(listed, wanted, "{step} after {done} steps");
        }
        User::migration().status(reader).expect("status");
        User::migration().snapshot(reader).expect("snapshot");
        User::migration().load(reader).expect("load");
    };
    let ledger = if D::POSTGRES {
        "SELECT count(*) FROM pg_namespace WHERE nspname = 'expand_contract'"
    } else {
        "SELECT count(*) FROM sqlite_master WHERE name LIKE 'expand_contract%'"
    };
    looks(reader, 0);
    assert_eq!(D::text(conn, ledger).as_deref(), Some("0"));

    let migration = || User::migration().options(options());
    migration().advance_to(conn, Step::Retire).expect("retire");
    while migration().status(conn).expect("status").stage.phase != Phase::Original {
        migration().rollback(conn).expect("rollback");
        User::migration().plan(reader).expect("plan");
    }
    for (i, step) in STEPS.into_iter().enumerate() {
        migration().advance_to(conn, step).expect("the next step");
        see(conn);
        let before = (D::schema(conn), dump::<D>(conn));
        looks(reader, i + 1);
        assert_eq!((D::schema(conn), dump::<D>(conn)), before, "after {step}");
    }
}

/// What the ledger says.
fn dump<D: Db>(conn: &mut D::Conn) -> String {
    let dot = if D::POSTGRES { "." } else { "_" };
    let sql = format!(
        "SELECT max(m.epoch) || max(m.phase) || max(m.updated_at) || max(r.token) || max(r.renewals) || \
         (SELECT count(*) FROM expand_contract{dot}actions) || (SELECT count(*) FROM expand_contract{dot}cursors) \
         FROM expand_contract{dot}migrations m, expand_contract{dot}runners r"
    );
    D::text(conn, &sql).expect("there is a ledger")
}

#[test]
fn fm45_looking_writes_nothing_on_sqlite() {
    look(&Lite::fresh(), "PRAGMA query_only = ON", |_| {});
}

#[test]
fn fm45_looking_writes_nothing_on_postgres() {
    let db = Postgres::fresh();
    let role = format!("fm45_{}", std::process::id());
    Postgres::run(&mut db.connect(), &format!("CREATE ROLE {role}"));
    let read_only = format!("SET ROLE {role}; SET default_transaction_read_only = on");
    look(&db, &read_only, |conn| {
        Postgres::run(conn, &format!("GRANT SELECT ON users TO {role}"));
    });
    Postgres::run(
        &mut db.connect(),
        &format!("DROP OWNED BY {role}; DROP ROLE {role}"),
    );
}
