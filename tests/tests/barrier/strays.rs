//! Writers that know only the old column, with the safety net and when somebody took it away.

use std::time::Duration;

use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, MigrateOn, Status};

use crate::support::*;

/// The triggers on the table.
fn triggers<D: Db>(conn: &mut D::Conn) -> Vec<String> {
    let sql = match D::POSTGRES {
        true => "SELECT string_agg(tgname, ',') FROM pg_trigger WHERE NOT tgisinternal",
        false => "SELECT group_concat(name, ',') FROM sqlite_master WHERE type = 'trigger'",
    };
    let names = D::text(conn, sql).expect("there are triggers");
    names.split(',').map(str::to_owned).collect()
}

/// Drops the triggers behind the library's back.
fn drop_triggers<D: Db>(conn: &mut D::Conn) -> Vec<String> {
    let names = triggers::<D>(conn);
    for name in &names {
        let on = if D::POSTGRES { " ON items" } else { "" };
        D::run(conn, &format!("DROP TRIGGER \"{name}\"{on}"));
    }
    names
}

#[track_caller]
fn torn(outcome: Result<Status, Error>, at: Step, names: &[String]) {
    match outcome {
        Err(Error::SafetyNetTorn { step, triggers, .. }) => {
            let (mut found, mut wanted) = (triggers, names.to_vec());
            found.sort();
            wanted.sort();
            assert_eq!((step, found), (at, wanted));
        }
        other => panic!("{other:?}"),
    }
}

fn fm01_a_late_old_only_writer_is_mirrored<D: App>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 120);
    for (step, id) in [(Step::Backfill, 5), (Step::Verify, 6), (Step::Switch, 7)] {
        advance::<D>(conn, step).expect("nobody is in the way");
        D::run(
            conn,
            &format!("UPDATE items SET email = 'late' WHERE id = {id}"),
        );
    }
    let quiet = options().quiet_period(Duration::ZERO);
    let now = advance_with::<D>(conn, quiet, Step::Retire).expect("all rows are right");
    assert_eq!(now.mismatches, Some(0));
    let phase = known::<D>(conn);
    for id in [5, 6, 7] {
        assert_eq!(D::read(conn, &phase, id), Ok("late".to_owned()), "{id}");
    }
}

fn fm01_without_triggers_verify_fails_and_a_new_sweep_repairs<D: App>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 120);
    advance::<D>(conn, Step::Verify).expect("nobody is in the way");
    let names = drop_triggers::<D>(conn);
    for (step, value) in [(Step::Verify, "late"), (Step::Switch, "later")] {
        D::run(
            conn,
            &format!("UPDATE items SET email = '{value}' WHERE id = 7"),
        );
        match advance::<D>(conn, step) {
            Err(Error::Mismatches { count, samples, .. }) => {
                assert_eq!((count, samples), (1, vec!["7".to_owned()]));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(status::<D>(conn).stage.phase, Phase::Expanded);
        let now = advance::<D>(conn, Step::Verify).expect("a new sweep repairs it");
        assert_eq!(now.mismatches, Some(0));
    }
    // the next one would be lost
    torn(advance::<D>(conn, Step::Switch), Step::Switch, &names);
    let now = status::<D>(conn);
    assert_eq!(
        (now.stage.phase, now.mismatches),
        (Phase::Expanded, Some(0))
    );
    // as the error says
    let back = Item::migration().options(options()).rollback(conn);
    back.expect("the net need not be whole for that");
    let now = advance::<D>(conn, Step::Switch).expect("the net is new");
    assert_eq!(now.stage.phase, Phase::Switched);
    let phase = known::<D>(conn);
    assert_eq!(D::read(conn, &phase, 7), Ok("later".to_owned()));
}

fn fm01_without_triggers_retire_and_contract_are_refused<D: App>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    for (reached, refused) in [(Step::Switch, Step::Retire), (Step::Retire, Step::Contract)] {
        let conn = &mut db.connect();
        D::run(conn, "DROP TABLE IF EXISTS items");
        for left in ["migrations", "columns"] {
            let clear = format!("DELETE FROM {}", ledger::<D>(left));
            D::fails(conn, &clear);
        }
        table::<D>(conn, 3);
        let before = advance::<D>(conn, reached).expect("nobody is in the way");
        let names = drop_triggers::<D>(conn);
        torn(advance::<D>(conn, refused), refused, &names);
        let now = status::<D>(conn);
        assert_eq!(now.stage, before.stage);
        assert_eq!(now.published, before.published);
        let rows = "SELECT count(email) || ' ' || count(mail) FROM items";
        assert_eq!(D::text(conn, rows).as_deref(), Some("3 3"));
    }
}

#[test]
fn a_trigger_that_is_switched_off_does_not_count() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    table::<Postgres>(conn, 3);
    advance::<Postgres>(conn, Step::Verify).expect("nobody is in the way");
    let names = triggers::<Postgres>(conn);
    for (switch, counts) in [
        ("DISABLE TRIGGER", false),
        ("ENABLE REPLICA TRIGGER", false),
        ("ENABLE ALWAYS TRIGGER", true),
        ("ENABLE TRIGGER", true),
    ] {
        let sql = format!("ALTER TABLE items {switch} \"{}\"", names[0]);
        Postgres::run(conn, &sql);
        let outcome = advance::<Postgres>(conn, Step::Switch);
        if !counts {
            torn(outcome, Step::Switch, &names[..1]);
            continue;
        }
        outcome.expect("it fires for everybody");
        let back = Item::migration().options(options()).rollback(conn);
        back.expect("nobody is in the way");
        advance::<Postgres>(conn, Step::Verify).expect("nobody is in the way");
    }
}

on_every_database!(
    fm01_a_late_old_only_writer_is_mirrored,
    fm01_without_triggers_verify_fails_and_a_new_sweep_repairs,
    fm01_without_triggers_retire_and_contract_are_refused,
);
