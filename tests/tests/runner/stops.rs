//! A run that was stopped anywhere converges.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use crate::common::*;
use expand_contract::phase::{Phase, Stage, Step};
use expand_contract::{ActionEvent, Error, Migrate, MigrateOn, Moment, Options};

// Stops before and after every action, each time in a fresh process' stead, and compares with an undisturbed run.
fn stopped_everywhere<D: Db>(
    setup: impl Fn(&mut D::Conn),
    between: impl Fn(&mut D::Conn),
    run: impl Fn(&mut D::Conn, Options) -> Result<(), Error>,
) {
    let db = D::fresh();
    let conn = &mut db.connect();
    setup(conn);
    run(conn, fast()).unwrap();
    between(conn);
    let wanted = D::schema(conn);

    let db = D::fresh();
    setup(&mut db.connect());
    let seen: Rc<RefCell<Vec<ActionEvent>>> = Rc::default();
    for _ in 0..200 {
        let log = seen.clone();
        let options = fast().on_action(move |event| {
            let mut log = log.borrow_mut();
            if log.contains(event) {
                return ControlFlow::Continue(());
            }
            log.push(event.clone());
            ControlFlow::Break(())
        });
        let conn = &mut db.connect();
        match run(conn, options) {
            Err(Error::Stopped { .. }) => continue,
            result => {
                result.unwrap();
                between(conn);
                assert_eq!(D::schema(conn), wanted);
                let seen = seen.borrow();
                assert!(seen.iter().any(|event| event.moment == Moment::After));
                return;
            }
        }
    }
    panic!("it never ends: {:?}", seen.borrow());
}

fn stopped_forwards<D: Db>()
where
    Users: MigrateOn<D::Conn>,
    Accounts: MigrateOn<D::Conn>,
{
    let check = |conn: &mut D::Conn| {
        assert_eq!(
            D::text(
                conn,
                "SELECT count(*) FROM users WHERE mail = 'u' || id || '@x'"
            )
            .as_deref(),
            Some("8")
        );
    };
    stopped_everywhere::<D>(
        |conn| users::<D>(conn, 8),
        check,
        |conn, options| Users::migration().options(options).run(conn).map(drop),
    );
    stopped_everywhere::<D>(
        accounts::<D>,
        |_| {},
        |conn, options| Accounts::migration().options(options).run(conn).map(drop),
    );
}

fn stopped_backwards<D: Db>()
where
    Users: MigrateOn<D::Conn>,
{
    stopped_everywhere::<D>(
        |conn| {
            users::<D>(conn, 8);
            Users::migration()
                .options(fast())
                .advance_to(conn, Step::Retire)
                .unwrap();
            D::run(conn, "INSERT INTO users (id, mail) VALUES (20, 'new'); UPDATE users SET mail = 'changed' WHERE id = 3");
        },
        |conn| {
            assert_eq!(
                D::text(conn, "SELECT email FROM users WHERE id = 20").as_deref(),
                Some("new")
            );
            assert_eq!(
                D::text(conn, "SELECT email FROM users WHERE id = 3").as_deref(),
                Some("changed")
            );
        },
        |conn, options| {
            let mut migration = Users::migration().options(options);
            loop {
                let status = migration.status(conn)?;
                if status.stage.phase == Phase::Original && !status.leftover {
                    return Ok(());
                }
                migration.rollback(conn)?;
            }
        },
    );
}

fn killed<D: Db>(db: &D)
where
    Users: MigrateOn<D::Conn>,
{
    plain::<D>(&mut db.connect());
    // a panic leaves what a killed process leaves: a lease that nobody gives back
    for (step, nth) in [
        (Step::Expand, 0),
        (Step::Backfill, 1),
        (Step::Switch, 2),
        (Step::Retire, 1),
        (Step::Contract, 0),
    ] {
        let mut conn = db.connect();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut seen = 0;
            let options = fast().on_action(move |event| {
                if event.step == step {
                    seen += 1;
                    if seen > nth {
                        std::panic::panic_any("killed");
                    }
                }
                ControlFlow::Continue(())
            });
            Users::migration().options(options).run(&mut conn).map(drop)
        }));
        assert!(result.is_err(), "{step}");
    }
    let conn = &mut db.connect();
    let status = Users::migration().options(fast()).run(conn).unwrap();
    assert_eq!(status.stage, Stage::first(Phase::Contracted));
    assert_eq!(
        D::text(conn, "SELECT count(mail) FROM users").as_deref(),
        Some("2")
    );
}

on_every_database!(killed; stopped_forwards, stopped_backwards);
