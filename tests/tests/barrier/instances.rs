//! Instances: waited for, named, expired, passed.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use expand_contract::phase::{Phase, Step};
use expand_contract::{Gate, MigrateOn, Waiting, Whom};
use tests::wait;

use crate::support::*;

/// A step that waits for one instance, told of its wait; what happens meanwhile; how it ended.
fn a_step_goes_on_when_the_instance_acknowledges<D: Db + Sync>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 3);
    advance::<D>(conn, Step::Verify).expect("nobody is registered");
    let instance = Instance("a");
    instance.register::<D>(conn, LONG);
    let (sender, events) = mpsc::channel::<Waiting>();
    thread::scope(|scope| {
        let runner = scope.spawn(|| {
            let options = options().on_wait(move |now| {
                // the test has seen enough after the first
                let _ = sender.send(now.clone());
            });
            advance_with::<D>(&mut db.connect(), options, Step::Switch)
        });
        let event = events.recv_timeout(wait::DEADLINE).expect("the step waits");
        assert_eq!((event.step, event.gate), (Step::Switch, Gate::Instances));
        let [Whom::Instance(whom)] = &event.whom[..] else {
            panic!("{event:?}");
        };
        assert_eq!(
            (whom.application.as_str(), whom.host.as_str(), whom.pid),
            ("shop", "web-1", 77)
        );
        // published, so that the instance can learn of it, but nothing more
        let now = status::<D>(conn);
        assert_eq!(now.stage.phase, Phase::Switched);
        assert!(!now.settled && !now.instances[0].up_to_date, "{now:?}");
        assert!(now.instances[0].acknowledged < now.published);
        instance.acknowledge::<D>(conn);
        let ended = runner.join().expect("it does not panic");
        let ended = ended.expect("everybody has acknowledged");
        assert!(ended.settled && ended.instances[0].up_to_date, "{ended:?}");
    });
    assert!(instance.is_registered::<D>(conn));
}

fn at_the_limit_whoever_is_late_is_named<D: Db>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 3);
    advance::<D>(conn, Step::Verify).expect("nobody is registered");
    let (late, fine) = (Instance("late"), Instance("fine"));
    late.register::<D>(conn, LONG);
    late.lags::<D>(conn, "replica");
    let found = closed(
        advance_with::<D>(conn, impatient(), Step::Switch),
        Gate::Instances,
        Step::Switch,
    );
    // the steps so far published one phase, the switch the second
    let wanted = "not at epoch 2 yet: shop 1.2 on web-1, pid 77 (acknowledged epoch 1, held back by its pool `replica`)";
    assert_eq!(found, wanted);
    fine.register::<D>(conn, LONG);

    // each step waits for what the one before left, before it does anything of its own
    let before = D::schema(conn);
    for step in [Step::Switch, Step::Retire] {
        let outcome = Item::migration()
            .options(impatient())
            .advance_to(conn, step);
        let found = closed(outcome, Gate::Instances, Step::Switch);
        assert!(found.contains("acknowledged epoch 1"), "{found}");
    }
    let outcome = Item::migration().options(impatient()).rollback(conn);
    closed(outcome, Gate::Instances, Step::Rollback);
    let now = status::<D>(conn);
    assert_eq!((now.stage.phase, now.settled), (Phase::Switched, false));
    assert_eq!(D::schema(conn), before);

    late.acknowledge::<D>(conn);
    let now = advance::<D>(conn, Step::Switch).expect("all are there");
    assert_eq!((now.stage.phase, now.settled), (Phase::Switched, true));
}

fn a_crashed_instance_holds_a_step_up_for_its_lease_only<D: Db>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 3);
    advance::<D>(conn, Step::Verify).expect("nobody is registered");
    let (dead, slow) = (Instance("dead"), Instance("slow"));
    let lease = Duration::from_millis(100);
    dead.register::<D>(conn, lease);
    slow.register::<D>(conn, lease);
    // The slow one is late for as long as the dead one is there, but renews between any two looks.
    let (other, seen) = (RefCell::new(db.connect()), Rc::new(RefCell::new(0)));
    let count = Rc::clone(&seen);
    let (dead_, slow_) = (dead.clone(), slow.clone());
    let options = options().on_wait(move |now| {
        let other = &mut *other.borrow_mut();
        let names = now.whom.len();
        *count.borrow_mut() += 1;
        match dead_.is_registered::<D>(other) {
            true => assert_eq!(names, 2, "{now:?}"),
            // it stands still from here on for less than its lease
            false => return slow_.acknowledge::<D>(other),
        }
        slow_.renew::<D>(other);
    });
    let now = advance_with::<D>(conn, options, Step::Switch).expect("the lease runs out");
    assert!(*seen.borrow() > 2, "it was not waited for");
    assert!(!dead.is_registered::<D>(conn));
    assert!(slow.is_registered::<D>(conn));
    assert_eq!(now.instances.len(), 1);
}

fn instances_of_other_migrations_do_not_matter<D: Db>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 3);
    advance::<D>(conn, Step::Verify).expect("nobody is registered");
    Instance("a").register_for::<D>(conn, LONG, "item", 1);
    Instance("b").register_for::<D>(conn, LONG, "items", 12);
    let now = advance_with::<D>(conn, impatient(), Step::Contract).expect("neither serves it");
    assert!(now.instances.is_empty() && now.settled, "{now:?}");
}

fn who_does_not_wait_is_on_record<D: Db>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 3);
    advance::<D>(conn, Step::Verify).expect("nobody is registered");
    Instance("a").register::<D>(conn, LONG);
    // another gate's name opens nothing
    let other = impatient().override_gate(Gate::Transactions, "wrong one");
    closed(
        advance_with::<D>(conn, other, Step::Switch),
        Gate::Instances,
        Step::Switch,
    );
    assert!(status::<D>(conn).overrides.is_empty());
    let named = impatient().override_gate(Gate::Instances, "web-1 is switched off");
    let now = advance_with::<D>(conn, named, Step::Switch).expect("it was named");
    assert!(now.settled);
    let [passed] = &now.overrides[..] else {
        panic!("{now:?}");
    };
    assert_eq!(
        (
            passed.step.as_str(),
            passed.gate.as_str(),
            passed.reason.as_str()
        ),
        ("switch", "instances", "web-1 is switched off")
    );
    assert!(passed.found.contains("pid 77"), "{passed:?}");
    // for that phase only
    closed(
        advance_with::<D>(conn, impatient(), Step::Retire),
        Gate::Instances,
        Step::Retire,
    );
}

fn the_plan_shows_what_a_step_waits_for<D: Db>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 3);
    advance::<D>(conn, Step::Verify).expect("nobody is registered");
    Instance("a").register::<D>(conn, LONG);
    closed(
        advance_with::<D>(conn, impatient(), Step::Switch),
        Gate::Instances,
        Step::Switch,
    );
    let plan = Item::migration().plan(conn).expect("it only reads");
    assert_eq!(plan[0].name, "wait for instances");
    assert_eq!(plan[0].step, Step::Switch);
    let named = |sql: &String| sql.contains("shop 1.2 on web-1");
    assert!(plan[0].sql.iter().any(named), "{:?}", plan[0]);
    let barriers = plan
        .iter()
        .filter(|action| action.name == "wait for instances");
    // that one, and those behind what retire and contract publish
    assert_eq!(barriers.count(), 3, "{plan:?}");
    assert!(!status::<D>(conn).settled);
}

// An empty table goes to the end in one step only where nobody has to be waited for.
fn an_empty_table_with_an_instance_goes_step_by_step<D: Db>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn, 0);
    Item::migration().prepare(conn).expect("a ledger");
    let instance = Instance("a");
    instance.register::<D>(conn, LONG);
    closed(
        advance_with::<D>(conn, impatient(), Step::Contract),
        Gate::Instances,
        Step::Expand,
    );
    assert_eq!(status::<D>(conn).stage.phase, Phase::Expanded);
    assert!(instance.is_registered::<D>(conn));
}

on_every_database!(
    an_empty_table_with_an_instance_goes_step_by_step,
    a_step_goes_on_when_the_instance_acknowledges,
    at_the_limit_whoever_is_late_is_named,
    a_crashed_instance_holds_a_step_up_for_its_lease_only,
    instances_of_other_migrations_do_not_matter,
    who_does_not_wait_is_on_record,
    the_plan_shows_what_a_step_waits_for,
);
