//! `kill -9` at every batch and action while rows are queued: the next runner converges.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, MigrateOn, Options};
use tests::database::{Db, Lite, Postgres};
use tests::process::{self, TestProcess};

use crate::*;

/// Seven copied rows, four of them written by strangers since, one inserted.
fn prepare<D: Db>(conn: &mut D::Conn)
where
    prices::table: MigrateOn<D::Conn>,
{
    table::<D>(conn, 7);
    advance::<D>(conn, Step::Verify).expect("all values convert");
    D::run(
        conn,
        "UPDATE prices SET price = '0.0' || id WHERE id IN (1, 4, 7); UPDATE prices SET cents = 22 WHERE id = 2; \
         INSERT INTO prices (id, price) VALUES (8, '8.08')",
    );
}

/// The drain by itself, another backfill, and on to the end, with `point` called wherever it is to be killed.
fn run<D: Db>(conn: &mut D::Conn, point: impl FnMut(&str) + 'static) -> Result<(), Error>
where
    prices::table: MigrateOn<D::Conn>,
{
    let point = Rc::new(RefCell::new(point));
    let stopping = || -> Options {
        let (at_action, at_batch) = (Rc::clone(&point), Rc::clone(&point));
        options()
            .on_action(move |event| {
                let name = format!("{} {:?} {}", event.step, event.moment, event.action);
                at_action.borrow_mut()(&name);
                ControlFlow::Continue(())
            })
            .on_progress(move |now| {
                let name = format!("{} sweep {} batch {}", now.step, now.sweep, now.batches);
                at_batch.borrow_mut()(&name);
            })
    };
    let status = Price::migration().status(conn)?;
    if status.stage.phase == Phase::Expanded {
        Price::migration().options(stopping()).drain(conn)?;
        Price::migration()
            .options(stopping())
            .advance_to(conn, Step::Backfill)?;
    }
    Price::migration()
        .options(stopping())
        .advance_to(conn, Step::Contract)?;
    Ok(())
}

fn result<D: Db>(conn: &mut D::Conn) -> (String, String) {
    let aggregate = if D::POSTGRES {
        "string_agg"
    } else {
        "group_concat"
    };
    let sql = format!(
        "SELECT {aggregate}(id || ':' || cents, ' ') FROM (SELECT * FROM prices ORDER BY id) q"
    );
    (
        D::schema(conn),
        D::text(conn, &sql).expect("there are rows"),
    )
}

fn fm24_kill_9_while_the_queue_is_drained<D: App>(db: &D)
where
    prices::table: MigrateOn<D::Conn>,
{
    prepare::<D>(&mut db.connect());
    let points = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&points);
    let undisturbed = db.copy();
    let conn = &mut undisturbed.connect();
    run::<D>(conn, move |point| log.borrow_mut().push(point.to_owned()))
        .expect("nobody disturbs it");
    let wanted = result::<D>(conn);
    assert_eq!(wanted.1, "1:1 2:22 3:300 4:4 5:500 6:600 7:7 8:808");
    let points = points.borrow().clone();
    // the drain takes two batches
    let batches = points.iter().filter(|point| point.contains("sweep 0"));
    assert_eq!(batches.count(), 2, "{points:?}");
    // from there on the queue is empty, and `tests/kill.rs` goes on
    let until = points
        .iter()
        .take_while(|point| !point.starts_with("retire"));
    for (nth, point) in until.enumerate() {
        let db = db.copy();
        let role = format!("{}\n{nth}\n{}", D::POSTGRES, db.url());
        let mut child = TestProcess::spawn("kill::child_drains", &role);
        assert_eq!(&child.wait_for_point("stopped"), point);
        child.kill();
        let conn = &mut db.connect();
        D::alone(conn);
        // strangers go on for as long as they may
        let status = Price::migration().status(conn).expect("a ledger");
        if status.stage.phase == Phase::Expanded {
            D::run(
                conn,
                "UPDATE prices SET price = price || '0' WHERE id IN (1, 5)",
            );
        }
        run::<D>(conn, |_| ()).unwrap_or_else(|error| panic!("killed at {point}: {error}"));
        assert_eq!(result::<D>(conn), wanted, "killed at {point}");
        let dot = if D::POSTGRES { "." } else { "_" };
        let left = format!("SELECT count(*) FROM expand_contract{dot}queue");
        assert_eq!(
            D::text(conn, &left).as_deref(),
            Some("0"),
            "killed at {point}"
        );
    }
}

#[test]
#[ignore = "the child of `fm24_kill_9_while_the_queue_is_drained`"]
fn child_drains() {
    let Some(role) = process::role() else {
        return;
    };
    match role.starts_with("true") {
        true => child::<Postgres>(&role),
        false => child::<Lite>(&role),
    }
}

fn child<D: Db>(role: &str)
where
    prices::table: MigrateOn<D::Conn>,
{
    let mut lines = role.splitn(3, '\n').skip(1);
    let mut left: usize = lines
        .next()
        .and_then(|line| line.parse().ok())
        .expect("a number");
    let conn = &mut D::open(lines.next().expect("a URL"));
    let outcome = run::<D>(conn, move |point| {
        if left == 0 {
            process::at_point("stopped", point);
        }
        left = left.saturating_sub(1);
    });
    panic!("it was to be killed: {outcome:?}");
}

on_every_database!(fm24_kill_9_while_the_queue_is_drained);
