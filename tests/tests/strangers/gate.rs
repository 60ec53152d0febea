//! The quiet gate: no step takes a column from a writer that was seen a while ago.

use std::ops::ControlFlow;
use std::time::Duration;

use expand_contract::phase::{Phase, Side, Step};
use expand_contract::{Error, Gate, MigrateOn, Moment, Options, Status};
use tests::database::Db;

use crate::{advance, options, people, plain, row, Person};

fn strict() -> Options {
    options().quiet_period(Duration::from_secs(24 * 60 * 60))
}

fn step<D: Db>(conn: &mut D::Conn, options: Options, step: Step) -> Result<Status, Error>
where
    people::table: MigrateOn<D::Conn>,
{
    Person::migration().options(options).advance_to(conn, step)
}

fn status<D: Db>(conn: &mut D::Conn) -> Status
where
    people::table: MigrateOn<D::Conn>,
{
    Person::migration().status(conn).expect("there is a ledger")
}

fn ledger<D: Db>(table: &str) -> String {
    let dot = if D::POSTGRES { '.' } else { '_' };
    format!("expand_contract{dot}{table}")
}

/// Makes all evidence older.
fn later<D: Db>(conn: &mut D::Conn, hours: u32) {
    let strangers = ledger::<D>("strangers");
    let sql = if D::POSTGRES {
        format!("UPDATE {strangers} SET last_seen = last_seen - interval '{hours} hours'")
    } else {
        format!("UPDATE {strangers} SET last_seen = strftime('%Y-%m-%d %H:%M:%f', last_seen, '-{hours} hours')")
    };
    D::run(conn, &sql);
}

#[track_caller]
fn closed(outcome: Result<Status, Error>, at: Step, column: &str) {
    match outcome {
        Err(Error::GateClosed {
            step,
            gate: Gate::Strangers,
            found,
            remedy,
        }) => {
            assert_eq!(step, at);
            let wanted = format!("wrote only the {column} column");
            assert!(found.contains(&wanted), "{found}");
            assert!(remedy.contains("86400s"), "{remedy}");
        }
        other => panic!("{at}: {other:?}"),
    }
}

const OLD_ONLY: &str = "UPDATE people SET email = email || '!' WHERE id = 1";
const NEW_ONLY: &str = "UPDATE people SET contact = contact || '?' WHERE id = 1";

fn fm01_retire_and_contract_wait_for_quiet<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    step::<D>(conn, strict(), Step::Switch).expect("strangers may write until here");
    D::run(conn, OLD_ONLY);
    let before = D::schema(conn);
    closed(step::<D>(conn, strict(), Step::Retire), Step::Retire, "old");
    assert_eq!(D::schema(conn), before, "nothing was done behind the gate");
    let seen = status::<D>(conn).strangers;
    assert_eq!(
        (seen.len(), seen[0].side, seen[0].writes),
        (1, Side::Old, 1)
    );
    assert!(seen[0].ago < Duration::from_secs(60), "{seen:?}");
    // nearly a day later, and a day later, by the database's clock
    later::<D>(conn, 23);
    closed(step::<D>(conn, strict(), Step::Retire), Step::Retire, "old");
    later::<D>(conn, 2);
    let retired = step::<D>(conn, strict(), Step::Retire).expect("a day of quiet");
    assert_eq!(retired.stage.phase, Phase::Retired);
    // the nightly job again
    D::run(&mut db.connect(), OLD_ONLY);
    closed(
        step::<D>(conn, strict(), Step::Contract),
        Step::Contract,
        "old",
    );
    later::<D>(conn, 25);
    step::<D>(conn, strict(), Step::Contract).expect("a day of quiet");
    // evidence goes with the column
    assert_eq!(status::<D>(conn).strangers, []);
}

fn writers_of_the_new_column_hold_up_nothing_but_the_rollback<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    advance::<D>(conn, Step::Switch);
    D::run(conn, NEW_ONLY);
    step::<D>(conn, strict(), Step::Retire).expect("nobody knows only the old column");
    // what all code does from here on
    D::run(conn, NEW_ONLY);
    D::run(
        conn,
        "INSERT INTO people (id, contact, whole) VALUES (2, 'two', 2)",
    );
    let sides = |status: Status| -> Vec<Side> { status.strangers.iter().map(|s| s.side).collect() };
    let before = status::<D>(conn).strangers;
    assert!(before.iter().all(|seen| seen.writes == 1), "{before:?}");
    // such writes do not count when the rollback begins, but those behind its barrier do
    let mut writer = db.connect();
    let rollback = strict().on_action(move |event| {
        if event.action.starts_with("copy back") && event.moment == Moment::After {
            D::run(&mut writer, NEW_ONLY);
        }
        ControlFlow::Continue(())
    });
    closed(
        step::<D>(conn, rollback, Step::Rollback),
        Step::Rollback,
        "new",
    );
    let halfway = status::<D>(conn);
    assert!(halfway.old_incomplete);
    assert_eq!(halfway.stage.phase, Phase::Switched);
    assert_eq!(sides(halfway), [Side::New]);
    closed(
        step::<D>(conn, strict(), Step::Rollback),
        Step::Rollback,
        "new",
    );
    later::<D>(conn, 25);
    let back = step::<D>(conn, strict(), Step::Rollback).expect("a day of quiet");
    assert_eq!(
        (back.stage.phase, back.old_incomplete),
        (Phase::Switched, false)
    );
    assert_eq!(row::<D>(conn, 1), "one??? one??? 01 01 1.5 1");
    assert_eq!(row::<D>(conn, 2), "two two NULL NULL 2 2");
}

fn a_writer_between_the_check_and_the_publication<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    advance::<D>(conn, Step::Switch);
    let mut writer = db.connect();
    let options = strict().on_action(move |event| {
        if event.moment == Moment::Before && event.action.starts_with("publish") {
            D::run(&mut writer, OLD_ONLY);
        }
        ControlFlow::Continue(())
    });
    closed(step::<D>(conn, options, Step::Retire), Step::Retire, "old");
    assert_eq!(status::<D>(conn).stage.phase, Phase::Switched);
    assert_eq!(row::<D>(conn, 1), "one! one! 01 01 1.5 1");
}

fn an_override_is_recorded<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    advance::<D>(conn, Step::Switch);
    D::run(conn, OLD_ONLY);
    // another gate's name opens nothing
    let other = strict().override_gate(Gate::Instances, "wrong one");
    closed(step::<D>(conn, other, Step::Retire), Step::Retire, "old");
    let named = || {
        strict()
            .override_gate(Gate::Strangers, "the job was ported")
            .holder("me")
    };
    step::<D>(conn, named(), Step::Retire).expect("the operator knows better");
    let overrides = ledger::<D>("overrides");
    let read =
        format!("SELECT step || '/' || gate || '/' || reason || '/' || runner FROM {overrides}");
    assert_eq!(
        D::text(conn, &read).as_deref(),
        Some("retire/strangers/the job was ported/me")
    );
    let found = D::text(conn, &format!("SELECT found FROM {overrides}")).unwrap_or_default();
    assert!(
        found.contains("wrote only the old column 1 times"),
        "{found}"
    );
    // an open gate leaves no record
    later::<D>(conn, 25);
    step::<D>(conn, named(), Step::Contract).expect("a day of quiet");
    let count = format!("SELECT count(*) FROM {overrides}");
    assert_eq!(D::text(conn, &count).as_deref(), Some("1"));
}

// What was seen before a phase's barrier may be an instance of this library that has not heard of it yet.
fn evidence_counts_from_the_barrier_on<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    step::<D>(conn, strict(), Step::Expand).expect("no gate");
    step::<D>(conn, strict(), Step::Rollback).expect("no gate");
    // a write between the publication and its barrier, in the transaction of the former
    let migrations = ledger::<D>("migrations");
    if D::POSTGRES {
        D::run(
            conn,
            &format!(
                "CREATE FUNCTION lagging() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN PERFORM set_config(''expand_contract.copying'', ''off'', true); {} RETURN NULL; END'; \
                 CREATE TRIGGER lagging AFTER UPDATE ON {migrations} FOR EACH ROW \
                 WHEN (NEW.phase = 'expanded' AND OLD.phase = 'original') EXECUTE FUNCTION lagging()",
                OLD_ONLY.replace('\'', "''") + ";"
            ),
        );
    } else {
        D::run(
            conn,
            &format!(
                "CREATE TEMP TRIGGER lagging AFTER UPDATE ON {migrations} \
                 WHEN NEW.phase = 'expanded' AND OLD.phase = 'original' BEGIN {OLD_ONLY}; END"
            ),
        );
    }
    step::<D>(conn, strict(), Step::Expand).expect("no gate");
    assert_eq!(row::<D>(conn, 1), "one! one! 01 NULL 1.5 NULL");
    assert_eq!(status::<D>(conn).strangers, []);
    D::run(
        conn,
        &if D::POSTGRES {
            format!("DROP TRIGGER lagging ON {migrations}")
        } else {
            "DROP TRIGGER lagging".to_owned()
        },
    );
    // a cycle's evidence goes with its columns
    D::run(conn, OLD_ONLY);
    assert_eq!(status::<D>(conn).strangers.len(), 1);
    step::<D>(conn, strict(), Step::Rollback).expect("no gate");
    assert_eq!(status::<D>(conn).strangers, []);
    step::<D>(conn, strict(), Step::Contract).expect("nobody was seen in this cycle");
}

on_every_database!(
    a_writer_between_the_check_and_the_publication,
    an_override_is_recorded,
    evidence_counts_from_the_barrier_on,
    fm01_retire_and_contract_wait_for_quiet,
    writers_of_the_new_column_hold_up_nothing_but_the_rollback,
);
