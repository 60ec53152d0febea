//! In every phase, forwards and back: instances that are killed, and instances that stand still until the phase is gone.

use std::time::Duration;

use expand_contract::phase::{Phase, Step};
use expand_contract::Migrate;
use tests::process::TestProcess;
use tests::wait;

use crate::common::*;
use crate::processes::Orders;

model!(operator);

/// What happens while a process stands still, and where that leads. Twice the column that it knows is gone by then.
const WAY: [(&[Step], Phase); 6] = [
    (&[Step::Expand], Phase::Expanded),
    (&[Step::Switch, Step::Rollback], Phase::Expanded),
    (&[Step::Switch, Step::Retire], Phase::Retired),
    (
        &[Step::Rollback, Step::Rollback, Step::Rollback],
        Phase::Original,
    ),
    (&[Step::Expand], Phase::Expanded),
    (
        &[Step::Switch, Step::Retire, Step::Contract],
        Phase::Contracted,
    ),
];

/// What a process says that reads right.
fn right(said: &str) -> bool {
    said.starts_with(&format!("ok {FIRST:?} [1]"))
}

fn serves(orders: &Orders) -> TestProcess {
    let mut child = orders.spawn();
    child.wait_for_point("serves");
    child.go_on();
    let said = child.wait_for_point("statement");
    assert!(right(&said), "{said}");
    child
}

fn instances_are_killed_and_stopped_in_every_phase<D: Db>()
where
    operator::App: App<D>,
{
    let (db, mut conn) = database::<D>();
    let orders = Orders::new(
        &db,
        "statements",
        Duration::from_millis(400),
        Duration::ZERO,
    );
    for (steps, phase) in WAY {
        let (mut killed, mut stopped) = (serves(&orders), serves(&orders));
        killed.kill();
        // SQLite: a process that stands still with the file locked stops everybody, which is not what this is about
        wait::until("it stands still without a lock", || {
            stopped.stop();
            let locked = !D::POSTGRES && D::fails(&mut conn, "BEGIN IMMEDIATE; ROLLBACK");
            if locked {
                stopped.resume();
            }
            !locked
        });
        // the first one waits for both until their leases have run out
        for step in steps {
            advance::<D, operator::App>(&mut conn, *step);
            let sql = format!("SELECT count(*) FROM {}", ledger::<D>("instances"));
            assert_eq!(D::text(&mut conn, &sql).as_deref(), Some("0"), "{step}");
        }
        let now = <operator::App as App<D>>::Table::migration().status(&mut conn);
        assert_eq!(now.expect("a status").stage.phase, phase);
        // whatever it was about to do: never a wrong answer, at worst an error that says why
        stopped.go_on();
        stopped.resume();
        wait::until("it serves again", || {
            let said = stopped.wait_for_point("statement");
            assert!(
                right(&said) || said.contains("lease on the phase"),
                "{steps:?}: {said}"
            );
            stopped.go_on();
            right(&said)
        });
        stopped.kill();
    }
}

#[test]
fn fm16_instances_are_killed_and_stopped_in_every_phase_on_sqlite() {
    instances_are_killed_and_stopped_in_every_phase::<Lite>();
}

#[test]
fn fm16_instances_are_killed_and_stopped_in_every_phase_on_postgres() {
    instances_are_killed_and_stopped_in_every_phase::<Postgres>();
}
