//! Ledgers of releases older and newer than this one, and roles that may not do everything.

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use expand_contract::phase::Step;
use expand_contract::{Error, Migrate};

use crate::common::*;

fn set<D: Db>(conn: &mut D::Conn, name: &str, assignments: &str) {
    D::run(
        conn,
        &format!("UPDATE {} SET {assignments}", ledger::<D>(name)),
    );
}

/// Everything that a step could have changed.
fn everything<D: Db>(conn: &mut D::Conn) -> (String, Option<String>) {
    let all =
        "id || generation || phase || epoch || published || backfilled || verified || updated_at";
    let (aggregate, separator) = match D::POSTGRES {
        true => ("string_agg", "E'\\n'"),
        false => ("group_concat", "';'"),
    };
    let rows = format!(
        "SELECT {aggregate}({all}, {separator}) || (SELECT count(*) FROM {}) FROM {}",
        ledger::<D>("actions"),
        ledger::<D>("migrations")
    );
    (D::schema(conn), D::text(conn, &rows))
}

fn fm13_an_older_binary_serves_on_a_newer_ledger_and_moves_nothing<D: Db, A: App<D>, O: App<D>>() {
    let (db, mut conn) = database::<D>();
    advance::<D, O>(&mut conn, Step::Backfill);
    set::<D>(&mut conn, "meta", "version = 99, readable_by = 1");
    let text = if D::POSTGRES { "text" } else { "TEXT" };
    for name in ["meta", "migrations", "instances"] {
        let table = ledger::<D>(name);
        D::run(
            &mut conn,
            &format!("ALTER TABLE {table} ADD COLUMN of_the_future {text}"),
        );
    }
    let before = everything::<D>(&mut conn);

    A::Table::migration().load(&mut conn).expect("it may read");
    assert_eq!(A::find(&mut conn, 1), Ok(FIRST.to_vec()));
    let lease = long::<A::Table>()
        .start(connect(&db))
        .expect("it may serve");
    assert_eq!(A::insert(&mut conn, 2, &[2]), Ok(1));
    assert_eq!(A::find(&mut conn, 2), Ok(vec![2]));
    assert_eq!(
        A::Table::migration()
            .status(&mut conn)
            .expect("it may read")
            .stage
            .phase
            .as_str(),
        "expanded"
    );

    for step in [Step::Verify, Step::Switch, Step::Contract, Step::Rollback] {
        let result = A::Table::migration()
            .options(fast())
            .advance_to(&mut conn, step);
        let error = result.expect_err("only the newer release knows how");
        assert!(
            matches!(error, Error::LedgerNewer { found: 99, .. }),
            "{step}: {error}"
        );
    }
    let error = A::Table::migration()
        .prepare(&mut conn)
        .expect_err("it is prepared, by a newer one");
    assert!(matches!(error, Error::LedgerNewer { .. }), "{error}");
    assert_eq!(everything::<D>(&mut conn), before);
    lease.shutdown().expect("it may leave");
}

fn fm13_a_ledger_that_is_not_for_this_binary_is_refused_by_name<D: Db, A: App<D>, O: App<D>>() {
    let (db, mut conn) = database::<D>();
    advance::<D, O>(&mut conn, Step::Expand);
    let lease = long::<A::Table>().start(connect(&db)).expect("a lease");
    type Wrong = fn(&Error) -> bool;
    let cases: [(&str, &str, &str, &str, Wrong); 4] = [
        (
            "meta",
            "version = 99, readable_by = 98",
            "version = 2, readable_by = 1",
            "version 99",
            |error| matches!(error, Error::LedgerVersion { .. }),
        ),
        (
            "migrations",
            "phase = 'frozen'",
            "phase = 'expanded'",
            "`frozen`",
            |error| matches!(error, Error::LedgerName(_)),
        ),
        (
            "migrations",
            "generation = 7",
            "generation = 1",
            "generation 7",
            |error| matches!(error, Error::NewerGeneration { found: 7, .. }),
        ),
        (
            "migrations",
            "reads = 'other'",
            "reads = 'checksum'",
            "must not run",
            |error| matches!(error, Error::Incompatible { .. }),
        ),
    ];
    for (table, spoil, mend, words, wrong) in cases {
        set::<D>(&mut conn, table, spoil);
        // one that runs already
        lease.refresh();
        let error = A::find(&mut conn, 1).expect_err("it must not serve");
        let error = said(&error).expect("an error of the library").to_string();
        assert!(error.contains(words), "{error}");
        // and one that starts
        let error = O::Table::migration()
            .load(&mut conn)
            .expect_err("it must not serve");
        assert!(wrong(&error), "{error}");
        let error = long::<O::Table>()
            .start(connect(&db))
            .expect_err("it must not serve");
        assert!(wrong(&error), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(instances::<D>(&mut conn), 1, "it has left");

        set::<D>(&mut conn, table, mend);
        lease.refresh();
        assert_eq!(A::find(&mut conn, 1), Ok(FIRST.to_vec()));
    }
}

/// The tables of version 1, as the release that had it made them.
const VERSION_1: [(&str, &str); 10] = [
    ("meta", "version integer NOT NULL"),
    ("gate", "unused integer"),
    (
        "migrations",
        "id text NOT NULL, generation integer NOT NULL, table_name text NOT NULL, pass integer NOT NULL, \
         phase text NOT NULL, old_incomplete integer NOT NULL DEFAULT 0, cleanup integer NOT NULL DEFAULT 0, \
         epoch bigint NOT NULL DEFAULT 0, definition text NOT NULL, definition_hash text NOT NULL, \
         reads text NOT NULL, writes text NOT NULL, backfilled integer NOT NULL DEFAULT 0, \
         verified integer NOT NULL DEFAULT 0, mismatches bigint, runner text, \
         created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, \
         updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id, generation)",
    ),
    (
        "columns",
        "id text NOT NULL, generation integer NOT NULL, change integer NOT NULL, old_type text NOT NULL, \
         old_collate text NOT NULL, old_not_null integer NOT NULL, old_default text, old_definition text NOT NULL, \
         PRIMARY KEY (id, generation, change)",
    ),
    (
        "saved_indexes",
        "id text NOT NULL, generation integer NOT NULL, name text NOT NULL, copy text NOT NULL, constraint_sql text, \
         restore_sql text NOT NULL, renamed_sql text NOT NULL, plain_sql text NOT NULL, \
         PRIMARY KEY (id, generation, name)",
    ),
    (
        "actions",
        "id text NOT NULL, generation integer NOT NULL, epoch bigint NOT NULL, step text NOT NULL, \
         action text NOT NULL, runner text NOT NULL, token bigint NOT NULL, \
         at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP",
    ),
    (
        "progress",
        "id text NOT NULL, generation integer NOT NULL, direction text NOT NULL, rows_changed bigint NOT NULL, \
         batches bigint NOT NULL, updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, \
         PRIMARY KEY (id, generation, direction)",
    ),
    (
        "quarantine",
        "id text NOT NULL, generation integer NOT NULL, row_key text NOT NULL, reason text NOT NULL",
    ),
    (
        "runners",
        "table_name text NOT NULL PRIMARY KEY, holder text NOT NULL, token bigint NOT NULL, \
         renewals bigint NOT NULL, held integer NOT NULL",
    ),
    (
        "cursors",
        "id text NOT NULL, generation integer NOT NULL, slot text NOT NULL, position integer NOT NULL, \
         value {any}, PRIMARY KEY (id, generation, slot, position)",
    ),
];

/// The names in a list of column definitions.
fn columns(definition: &str) -> String {
    let names: Vec<&str> = definition
        .split(", ")
        .map(|part| part.split(' ').next().unwrap_or_default())
        .take_while(|name| *name != "PRIMARY")
        .collect();
    names.join(", ")
}

/// Makes the ledger that of version 1, with the rows that it has.
fn downgrade<D: Db>(conn: &mut D::Conn) {
    let tables = match D::POSTGRES {
        true => "SELECT string_agg(relname, ',') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'expand_contract'::regnamespace",
        false => "SELECT group_concat(substr(name, 17)) FROM sqlite_master WHERE type = 'table' AND name LIKE 'expand_contract_%'",
    };
    let tables = D::text(conn, tables).expect("a ledger");
    for name in tables.split(',') {
        let table = ledger::<D>(name);
        let Some((_, definition)) = VERSION_1.iter().find(|(old, _)| *old == name) else {
            // SQLite compiles the triggers with every statement, and these here are not those of the previous release
            if D::POSTGRES || name != "strangers" {
                D::run(conn, &format!("DROP TABLE {table}"));
            }
            continue;
        };
        let names = columns(definition);
        let definition = definition.replace("{any}", if D::POSTGRES { "text" } else { "" });
        D::run(
            conn,
            &format!(
                "CREATE TABLE kept AS SELECT {names} FROM {table}; DROP TABLE {table}; \
                 CREATE TABLE {table} ({definition}); \
                 INSERT INTO {table} ({names}) SELECT {names} FROM kept; DROP TABLE kept;"
            ),
        );
    }
    set::<D>(conn, "meta", "version = 1");
}

fn fm13_a_newer_binary_serves_on_an_older_ledger_and_a_step_upgrades_it<
    D: Db,
    A: App<D>,
    O: App<D>,
>() {
    let (db, mut conn) = database::<D>();
    advance::<D, O>(&mut conn, Step::Backfill);
    downgrade::<D>(&mut conn);
    let rows = |conn: &mut D::Conn| {
        let count = |name: &str| format!("(SELECT count(*) FROM {})", ledger::<D>(name));
        let counts = ["migrations", "columns", "actions", "progress", "runners"].map(count);
        D::text(conn, &format!("SELECT {}", counts.join(" || '/' || ")))
    };
    let before = rows(&mut conn);
    let version = |conn: &mut D::Conn| {
        D::text(
            conn,
            &format!("SELECT max(version) FROM {}", ledger::<D>("meta")),
        )
    };
    // reading changes nothing
    let status = A::Table::migration()
        .load(&mut conn)
        .expect("it can be read");
    assert_eq!(
        (status.stage.phase.as_str(), status.backfilled),
        ("expanded", true)
    );
    assert_eq!(A::insert(&mut conn, 2, &[2]), Ok(1));
    assert_eq!(A::find(&mut conn, 2), Ok(vec![2]));
    assert_eq!(version(&mut conn).as_deref(), Some("1"));

    advance::<D, O>(&mut conn, Step::Verify);
    assert_ne!(version(&mut conn).as_deref(), Some("1"));
    let [migrations, columns] = ["migrations", "columns"].map(|name| {
        D::text(
            &mut conn,
            &format!("SELECT count(*) FROM {}", ledger::<D>(name)),
        )
    });
    assert_eq!(
        (migrations.as_deref(), columns.as_deref()),
        (Some("1"), Some("1"))
    );
    let kept = D::text(
        &mut conn,
        &format!(
            "SELECT count(*) FROM {} WHERE step = 'expand'",
            ledger::<D>("actions")
        ),
    );
    assert_ne!(kept.as_deref(), Some("0"));
    assert_ne!(rows(&mut conn), before, "the step is on record");

    // a lease does so as well, since it needs a place to register
    downgrade::<D>(&mut conn);
    let before = rows(&mut conn);
    let lease = long::<A::Table>()
        .start(connect(&db))
        .expect("it may extend the ledger");
    assert_eq!(rows(&mut conn), before);
    assert_eq!(instances::<D>(&mut conn), 1);
    assert_eq!(A::find(&mut conn, 2), Ok(vec![2]));
    advance_beside::<D, O>(&lease, &db.url(), Step::Switch);
    acknowledged::<D>(&mut conn);
    assert_eq!(A::find(&mut conn, 2), Ok(vec![2]));
}

on_both!(
    fm13_an_older_binary_serves_on_a_newer_ledger_and_moves_nothing,
    fm13_a_ledger_that_is_not_for_this_binary_is_refused_by_name,
    fm13_a_newer_binary_serves_on_an_older_ledger_and_a_step_upgrades_it,
);

#[test]
fn a_role_needs_a_prepared_ledger_and_cannot_touch_anothers_row() {
    model!(own);
    type Table = <own::App as App<Postgres>>::Table;
    let (db, mut conn) = database::<Postgres>();
    conn.batch_execute(
        "CREATE ROLE lease_web LOGIN; CREATE ROLE lease_job LOGIN; \
         GRANT SELECT, INSERT, UPDATE ON versions TO lease_web, lease_job;",
    )
    .expect("roles");
    let url = |role: &str| db.url().replace("user=postgres", &format!("user={role}"));
    let (web, job) = (url("lease_web"), url("lease_job"));
    let start = {
        let web = web.clone();
        move || {
            let web = web.clone();
            long::<Table>().start(move || PgConnection::establish(&web))
        }
    };
    let error = start().expect_err("the role may create nothing");
    assert!(matches!(error, Error::LedgerNotPrepared { .. }), "{error}");
    assert!(error.to_string().contains("prepare"), "{error}");

    let schema = Postgres::schema(&mut conn);
    Table::migration()
        .prepare(&mut conn)
        .expect("the owner may");
    Table::migration().prepare(&mut conn).expect("twice");
    assert_eq!(Postgres::schema(&mut conn), schema);
    let in_transaction = conn.transaction(|conn| Table::migration().prepare(conn));
    let error = in_transaction.expect_err("it needs one of its own");
    assert!(matches!(error, Error::InsideTransaction { .. }), "{error}");

    let lease = start().expect("the ledger is there");
    assert_eq!(instance::<Postgres>(&mut conn, "role_name"), "lease_web");
    let mut other = PgConnection::establish(&job).expect("the role may connect");
    let touched = |conn: &mut PgConnection, sql: &str| {
        diesel::RunQueryDsl::execute(diesel::sql_query(sql), conn)
    };
    let instances = "expand_contract.instances";
    assert_eq!(
        touched(&mut other, &format!("DELETE FROM {instances}")),
        Ok(0)
    );
    let update = format!("UPDATE {instances} SET acknowledged = 99");
    assert_eq!(touched(&mut other, &update), Ok(0));
    let insert = format!(
        "INSERT INTO {instances} (instance, application, version, host, pid, role_name, migrations, acknowledged, \
         renewals, lease_ms) VALUES ('x', 'x', 'x', 'x', 1, 'lease_web', 'x', 99, 0, 1)"
    );
    touched(&mut other, &insert).expect_err("it is not that role");
    let mut own = PgConnection::establish(&web).expect("the role may connect");
    assert_eq!(
        <own::App as App<Postgres>>::find(&mut own, 1),
        Ok(FIRST.to_vec())
    );
    lease.shutdown().expect("its own row it may delete");
    assert_eq!(crate::common::instances::<Postgres>(&mut conn), 0);
    conn.batch_execute("DROP OWNED BY lease_web, lease_job; DROP ROLE lease_web, lease_job")
        .expect("nothing depends on them");
}
