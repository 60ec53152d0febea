//! Clients at work while the runner is killed, in every phase, forth and back.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::thread;

use expand_contract::phase::{Phase, Stage, Step};
use expand_contract::MigrateOn;
use tests::process::{self, TestProcess};
use tests::wait;

use crate::support::*;

/// Runs one after the other; each is killed again and again until it is done.
const WAYS: [&str; 3] = ["to retired", "to original", "to contracted"];

pub(super) fn go<D: Db>(conn: &mut D::Conn, way: &str, options: expand_contract::Options)
where
    items::table: MigrateOn<D::Conn>,
{
    let mut migration = Item::migration().options(options);
    match way {
        "to retired" => drop(migration.advance_to(conn, Step::Retire).expect("it can")),
        "to contracted" => drop(migration.advance_to(conn, Step::Contract).expect("it can")),
        _ => loop {
            let now = migration.status(conn).expect("there is a ledger");
            if now.stage.phase == Phase::Original && !now.leftover {
                return;
            }
            migration.rollback(conn).expect("it can");
        },
    }
}

/// In every phase the first runner is killed at its first point, the next one at its second, and so on.
fn clients_do_not_notice_that_the_runner_is_killed<D: App + Sync>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    clients_table::<D>(conn, 9);
    let (floor, url) = (Floor::new(9), db.url());
    // one that knows a phase for long
    let slow = if D::POSTGRES { 40 } else { 1_000 };
    let mut kills = Vec::new();
    thread::scope(|scope| {
        let _stop = Stop(&floor);
        let clients = [
            ("a", [1, 2, 3], 1),
            ("b", [4, 5, 6], 1),
            ("c", [7, 8, 9], slow),
        ];
        let clients = clients.map(|(name, own, rounds)| {
            let (floor, url) = (&floor, &url);
            scope.spawn(move || client::<D>(url, name, &own, rounds, floor))
        });
        wait::until("all clients are there", || {
            status::<D>(conn).instances.len() == 3
        });
        for way in WAYS {
            let mut nth = 0;
            loop {
                nth += 1;
                let role = format!("{}\n{way}\n{nth}\n{url}", D::POSTGRES);
                let mut child = TestProcess::spawn("clients::child_runs", &role);
                let point = child.wait_for_point("stopped");
                child.kill();
                let failed = clients.iter().any(|client| client.is_finished());
                assert!(!failed, "{way}: at {point}");
                if point == "done" {
                    break;
                }
                let phase = status::<D>(conn).stage.phase;
                if kills.last().is_none_or(|(last, _)| *last != phase) {
                    nth = 0;
                }
                kills.push((phase, point));
            }
        }
    });
    let now = status::<D>(conn);
    assert_eq!(now.stage, Stage::first(Phase::Contracted));
    assert!(now.settled, "{now:?}");
    for phase in Phase::ALL {
        assert!(
            kills.iter().any(|(at, _)| *at == phase),
            "{phase}: {kills:?}"
        );
    }
    for id in 1..=9 {
        let mail = D::text(conn, &format!("SELECT mail FROM items WHERE id = {id}"));
        assert_eq!(mail, Some(floor.of(id).to_string()));
    }
}

#[test]
#[ignore = "the child of `clients_do_not_notice_that_the_runner_is_killed`"]
fn child_runs() {
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
    items::table: MigrateOn<D::Conn>,
{
    let mut lines = role.splitn(4, '\n').skip(1);
    let mut next = || lines.next().expect("a line");
    let (way, nth, url) = (next(), next(), next());
    let left: Cell<i32> = Cell::new(nth.parse().expect("a number"));
    let options = options().on_action(move |event| {
        left.set(left.get() - 1);
        // once: it may be told to go on
        if left.get() == 0 {
            let point = format!("{} {:?} {}", event.step, event.moment, event.action);
            process::at_point("stopped", &point);
        }
        ControlFlow::Continue(())
    });
    go::<D>(&mut D::open(url), way, options);
    process::at_point("stopped", "done");
}

on_every_database!(clients_do_not_notice_that_the_runner_is_killed);
