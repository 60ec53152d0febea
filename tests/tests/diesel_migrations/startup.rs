//! What a process is told at its start, by a look that writes nothing.

use std::time::Duration;

use diesel::prelude::*;
use expand_contract::phase::{Phase, Step};
use expand_contract::startup::{self, Finding, Report, Severity};
use expand_contract::{Error, Migrate};
use tests::postgres::{PgDatabase, PgServer};

use crate::common::*;

mod again {
    use expand_contract::prelude::*;

    diesel::table! {
        versions (id) {
            id -> Integer,
            digest -> Text,
        }
    }

    // the release after next changes the column again
    #[derive(Queryable, Selectable, Insertable, Migrate)]
    #[diesel(table_name = versions)]
    #[migrate(generation = 2)]
    pub struct Version {
        pub id: i32,
        #[migrate(rename_from = "checksum")]
        pub digest: String,
    }
}

mod other {
    use expand_contract::prelude::*;

    diesel::table! {
        versions (id) {
            id -> Integer,
            digest -> Text,
        }
    }

    // the same migration under another definition
    #[derive(Queryable, Selectable, Insertable, Migrate)]
    #[diesel(table_name = versions)]
    pub struct Version {
        pub id: i32,
        #[migrate(rename_from = "checksum", retype_from = Text, up = "upper(checksum)", down = "lower(digest)")]
        pub digest: String,
    }
}

type Both = (Versions, Accounts);

fn tables<D: Db>(conn: &mut D::Conn) {
    D::run(
        conn,
        "CREATE TABLE versions (id integer NOT NULL PRIMARY KEY, checksum varchar(64) NOT NULL); \
         INSERT INTO versions VALUES (1, 'cafe'); \
         CREATE TABLE accounts (id integer NOT NULL PRIMARY KEY, balance integer NOT NULL); \
         INSERT INTO accounts VALUES (1, 7)",
    );
}

/// From here on the connection cannot write.
fn only_reads<D: Db>(conn: &mut D::Conn) {
    let sql = if D::POSTGRES {
        "SET default_transaction_read_only = on"
    } else {
        "PRAGMA query_only = on"
    };
    D::run(conn, sql);
    assert!(D::fails(conn, "DELETE FROM versions"), "it cannot write");
}

fn ledger<D: Db>(table: &str) -> String {
    let dot = if D::POSTGRES { '.' } else { '_' };
    format!("expand_contract{dot}{table}")
}

/// As if nothing had happened to the migrations for so many days.
fn days_pass<D: Db>(conn: &mut D::Conn, days: u32) {
    let then = if D::POSTGRES {
        format!("CURRENT_TIMESTAMP - interval '{days} days'")
    } else {
        format!("datetime('now', '-{days} days')")
    };
    D::run(
        conn,
        &format!(
            "UPDATE {} SET updated_at = {then}",
            ledger::<D>("migrations")
        ),
    );
}

fn said(report: &Report) -> Vec<String> {
    report.findings().iter().map(ToString::to_string).collect()
}

on_both! {
    fn a_database_before_the_first_step_is_served_with_a_hint() {
        let db = D::fresh();
        let mut conn = db.connect();
        tables::<D>(&mut conn);
        only_reads::<D>(&mut conn);
        let report = startup::of::<Both>().check(&mut conn).unwrap();
        let found = report.findings();
        assert!(matches!(found[0], Finding::NoLedger { .. }), "{found:?}");
        assert!(matches!(found[1], Finding::NotExpanded { .. }), "{found:?}");
        assert!(matches!(found[2], Finding::NotExpanded { .. }), "{found:?}");
        assert_eq!(found.len(), 3);
        let said = report.to_string();
        assert_eq!(said.lines().count(), 3, "{said}");
        report.refuse_at(Severity::Refusal).unwrap();
        // a release that wants it done before it starts
        let report = startup::of::<Both>().check(&mut conn).unwrap();
        let error = report.refuse_at(Severity::Hint).unwrap_err();
        assert_eq!(error.findings().len(), 3);
        assert_eq!(error.to_string(), said);
    }

    fn a_database_that_was_made_with_the_new_columns_is_well() {
        let db = D::fresh();
        let mut conn = db.connect();
        D::run(
            &mut conn,
            "CREATE TABLE versions (id integer NOT NULL PRIMARY KEY, digest varchar(64) NOT NULL); \
             CREATE TABLE accounts (id integer NOT NULL PRIMARY KEY, balance bigint NOT NULL)",
        );
        let report = startup::of::<Both>().check(&mut conn).unwrap();
        assert!(report.findings().is_empty(), "{report}");
    }

    fn a_table_that_is_not_there_is_refused() {
        let db = D::fresh();
        let mut conn = db.connect();
        let report = startup::of::<Versions>().check(&mut conn).unwrap();
        let error = report.refuse_at(Severity::Refusal).unwrap_err();
        assert!(matches!(&error.findings()[0], Finding::Unfit { error: Error::TableNotFound { .. } }), "{error}");
    }

    fn fm44_a_migration_that_everybody_has_forgotten_is_named_with_its_age() {
        let db = D::fresh();
        let mut conn = db.connect();
        tables::<D>(&mut conn);
        Versions::migration().options(fast()).advance_to(&mut conn, Step::Switch).unwrap();
        let report = startup::of::<Versions>().check(&mut conn).unwrap();
        assert!(report.findings().is_empty(), "{report}");
        days_pass::<D>(&mut conn, 29);
        assert!(startup::of::<Versions>().check(&mut conn).unwrap().findings().is_empty());
        days_pass::<D>(&mut conn, 45);
        let report = startup::of::<Versions>().check(&mut conn).unwrap();
        let [Finding::Overdue { stage, age, .. }] = report.findings() else {
            panic!("{report}");
        };
        assert_eq!(stage.phase, Phase::Switched);
        assert_eq!(age.as_secs() / 86_400, 45);
        let text = said(&report).remove(0);
        assert!(text.contains("has been switched for 45 days: go on with retire and contract"), "{text}");
        let patient = startup::of::<Versions>().overdue_after(Duration::from_secs(60 * 86_400));
        assert!(patient.check(&mut conn).unwrap().findings().is_empty());

        Versions::migration().options(fast()).run(&mut conn).unwrap();
        assert!(startup::of::<Versions>().check(&mut conn).unwrap().findings().is_empty());
        days_pass::<D>(&mut conn, 45);
        let report = startup::of::<Versions>().check(&mut conn).unwrap();
        assert!(matches!(report.findings(), [Finding::Over { .. }]), "{report}");
        report.refuse_at(Severity::Refusal).unwrap();
    }

    fn fm44_the_first_of_two_passes_is_not_the_end() {
        let db = D::fresh();
        let mut conn = db.connect();
        tables::<D>(&mut conn);
        Accounts::migration().options(fast()).advance_to(&mut conn, Step::Contract).unwrap();
        let report = startup::of::<Accounts>().check(&mut conn).unwrap();
        assert!(matches!(report.findings(), [Finding::NotExpanded { .. }]), "{report}");
        days_pass::<D>(&mut conn, 45);
        let report = startup::of::<Accounts>().check(&mut conn).unwrap();
        assert!(matches!(report.findings(), [Finding::NotExpanded { .. }, Finding::Overdue { .. }]), "{report}");
    }

    fn a_later_generation_and_another_definition_are_refused() {
        let db = D::fresh();
        let mut conn = db.connect();
        tables::<D>(&mut conn);
        Versions::migration().options(fast()).advance_to(&mut conn, Step::Expand).unwrap();
        let report = startup::of::<other::versions::table>().check(&mut conn).unwrap();
        let error = report.refuse_at(Severity::Refusal).unwrap_err();
        assert!(
            matches!(error.findings(), [Finding::Unfit { error: Error::DefinitionChanged { .. } }]),
            "{error}"
        );

        Versions::migration().options(fast()).run(&mut conn).unwrap();
        D::run(&mut conn, "ALTER TABLE versions RENAME COLUMN digest TO checksum");
        again::versions::table::migration().options(fast()).advance_to(&mut conn, Step::Expand).unwrap();
        let report = startup::of::<Versions>().check(&mut conn).unwrap();
        let error = report.refuse_at(Severity::Refusal).unwrap_err();
        assert!(
            matches!(error.findings(), [Finding::Unfit { error: Error::NewerGeneration { found: 2, declared: 1, .. } }]),
            "{error}"
        );
        let report = startup::of::<again::versions::table>().check(&mut conn).unwrap();
        assert!(report.findings().is_empty(), "{report}");
    }

    fn a_migration_that_is_not_compiled_in_is_named_while_it_is_under_way() {
        let db = D::fresh();
        let mut conn = db.connect();
        tables::<D>(&mut conn);
        Versions::migration().options(fast()).advance_to(&mut conn, Step::Switch).unwrap();
        let unknown = |conn: &mut Conn| {
            let report = startup::of::<Accounts>().check(conn).unwrap();
            let found = report.findings().iter();
            found.filter(|finding| matches!(finding, Finding::Unknown { .. })).count()
        };
        assert_eq!(unknown(&mut conn), 1);
        Versions::migration().options(fast()).run(&mut conn).unwrap();
        assert_eq!(unknown(&mut conn), 0);
    }

    fn fm13_a_newer_ledger_is_served_on_where_it_allows_that_and_refused_where_not() {
        let db = D::fresh();
        let mut conn = db.connect();
        tables::<D>(&mut conn);
        Versions::migration().options(fast()).advance_to(&mut conn, Step::Expand).unwrap();
        let meta = ledger::<D>("meta");
        D::run(&mut conn, &format!("UPDATE {meta} SET version = 99"));
        let report = startup::of::<Versions>().check(&mut conn).unwrap();
        assert!(matches!(report.findings(), [Finding::LedgerVersion { found: 99, .. }]), "{report}");
        report.refuse_at(Severity::Refusal).unwrap();
        D::run(&mut conn, &format!("UPDATE {meta} SET readable_by = 98"));
        let report = startup::of::<Versions>().check(&mut conn).unwrap();
        let error = report.refuse_at(Severity::Refusal).unwrap_err();
        assert!(matches!(error.findings(), [Finding::Unfit { error: Error::LedgerVersion { .. } }]), "{error}");
    }
}

#[test]
fn a_role_that_may_only_read_and_a_hot_standby_are_asked_alike() {
    let primary = PgServer::start(&[("wal_writer_delay", "10ms")]);
    let database = PgDatabase::on(&primary);
    let mut conn = database.connect();
    tables::<Postgres>(&mut conn);
    Versions::migration()
        .options(fast())
        .advance_to(&mut conn, Step::Retire)
        .unwrap();
    days_pass::<Postgres>(&mut conn, 45);
    Postgres::run(
        &mut conn,
        "CREATE ROLE startup_reader; GRANT SELECT ON versions TO startup_reader",
    );
    let replica = primary.replica();
    replica.wait_for(&primary);
    let mut standby = PgConnection::establish(&replica.url(database.name())).unwrap();
    assert!(Postgres::fails(&mut standby, "DELETE FROM versions"));
    let expected = startup::of::<Versions>().check(&mut conn).unwrap();
    assert!(
        matches!(expected.findings(), [Finding::Overdue { .. }]),
        "{expected}"
    );
    for conn in [&mut conn, &mut standby] {
        Postgres::run(conn, "SET ROLE startup_reader");
        only_reads::<Postgres>(conn);
        let report = startup::of::<Versions>().check(conn).unwrap();
        assert_eq!(said(&report), said(&expected));
    }
}
