//! A runner that is killed between publishing and the end of its barrier: the next step waits first.

use expand_contract::phase::{Phase, Step};
use expand_contract::{Gate, MigrateOn};
use tests::process::{self, TestProcess};

use crate::support::*;

fn killed_at_the_barrier<D: Db>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 3);
    advance::<D>(conn, Step::Verify).expect("nobody is registered");
    let instance = Instance("a");
    instance.register::<D>(conn, LONG);
    let role = format!("{}\n{}", D::POSTGRES, db.url());
    let mut child = TestProcess::spawn("resume::child_waits", &role);
    child.wait_for_point("waiting");
    child.kill();

    let now = status::<D>(conn);
    assert_eq!((now.stage.phase, now.settled), (Phase::Switched, false));
    let before = D::schema(conn);
    let outcome = advance_with::<D>(conn, impatient(), Step::Switch);
    closed(outcome, Gate::Instances, Step::Switch);
    // past `switch`, the step itself waits first
    let typed = expand_contract::Migrate::migration;
    let state = <Item as ItemSteps<D>>::resumed(typed(), conn);
    closed(state, Gate::Instances, Step::Retire);
    assert_eq!(D::schema(conn), before);
    assert_eq!(status::<D>(conn).stage.phase, Phase::Switched);

    instance.acknowledge::<D>(conn);
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let log = std::rc::Rc::clone(&seen);
    let options = impatient().on_action(move |event| {
        log.borrow_mut().push((event.step, event.action.clone()));
        std::ops::ControlFlow::Continue(())
    });
    // its own phase has to be acknowledged as well
    let outcome = advance_with::<D>(conn, options, Step::Retire);
    closed(outcome, Gate::Instances, Step::Retire);
    let first = seen.borrow().first().cloned();
    assert_eq!(first, Some((Step::Switch, "wait for instances".to_owned())));
    instance.acknowledge::<D>(conn);
    let now = advance::<D>(conn, Step::Retire).expect("all are there");
    assert_eq!((now.stage.phase, now.settled), (Phase::Retired, true));
}

/// The step alone, without those before it.
trait ItemSteps<D: Db>: Sized {
    fn resumed(
        migration: expand_contract::Migration<items::table>,
        conn: &mut D::Conn,
    ) -> Result<expand_contract::Status, expand_contract::Error>;
}

impl<D: Db> ItemSteps<D> for Item
where
    items::table: MigrateOn<D::Conn>,
{
    fn resumed(
        migration: expand_contract::Migration<items::table>,
        conn: &mut D::Conn,
    ) -> Result<expand_contract::Status, expand_contract::Error> {
        let state = migration.options(impatient()).resume(conn)?;
        match state {
            expand_contract::AnyState::Switched(state) => {
                state.retire(conn).map(|_| status::<D>(conn))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
#[ignore = "the child of `killed_at_the_barrier`"]
fn child_waits() {
    let Some(role) = process::role() else {
        return;
    };
    match role.split_once('\n') {
        Some(("true", url)) => child::<Postgres>(url),
        Some((_, url)) => child::<Lite>(url),
        None => panic!("{role}"),
    }
}

fn child<D: Db>(url: &str)
where
    items::table: MigrateOn<D::Conn>,
{
    let options = options().on_wait(|_| process::at_point("waiting", ""));
    let outcome = advance_with::<D>(&mut D::open(url), options, Step::Switch);
    panic!("it was to be killed: {outcome:?}");
}

on_every_database!(killed_at_the_barrier);
