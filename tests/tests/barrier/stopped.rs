//! A runner that stands still (SIGSTOP) in every phase: another one takes over, and it does nothing more when it wakes up.

use std::process::Stdio;

use expand_contract::phase::Phase;
use expand_contract::MigrateOn;
use tests::process::TestProcess;

use crate::clients::go;
use crate::support::*;

/// Takes the way with a runner that is stopped at its `nth` point and one that takes over; `false`: there are not so many.
fn taken_over<D: Db>(conn: &mut D::Conn, url: &str, way: &str, nth: usize) -> bool
where
    items::table: MigrateOn<D::Conn>,
{
    let role = format!("{}\n{way}\n{nth}\n{url}", D::POSTGRES);
    // it is to fail, and need not tell
    let mut child = TestProcess::spawn_with("clients::child_runs", &role, |command| {
        command.stderr(Stdio::null());
    });
    let point = child.wait_for_point("stopped");
    if point == "done" {
        child.go_on();
        assert!(child.wait().success());
        return false;
    }
    child.stop();
    go::<D>(conn, way, options());
    let (schema, before) = (D::schema(conn), status::<D>(conn));
    // from the point it stands at, and from its end, if it gets there
    child.go_on();
    child.go_on();
    child.resume();
    child.wait();
    let now = status::<D>(conn);
    let known = (now.stage, now.epoch, now.settled, now.old_incomplete);
    let expected = (
        before.stage,
        before.epoch,
        before.settled,
        before.old_incomplete,
    );
    assert_eq!(known, expected, "{way}, stopped at {point}");
    assert_eq!(D::schema(conn), schema, "{way}, stopped at {point}");
    true
}

fn a_runner_that_stood_still_disturbs_nobody<D: Db>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let (conn, url) = (&mut db.connect(), db.url());
    clients_table::<D>(conn, 9);
    let (mut nth, mut points) = (1, 0);
    loop {
        // each of them ends where the other begins
        let forth = taken_over::<D>(conn, &url, "to retired", nth);
        let back = taken_over::<D>(conn, &url, "to original", nth);
        points += usize::from(forth) + usize::from(back);
        if !forth && !back {
            break;
        }
        nth += 3;
    }
    assert!(points > 8, "{points}");
    assert!(taken_over::<D>(conn, &url, "to contracted", 27));
    assert_eq!(status::<D>(conn).stage.phase, Phase::Contracted);
    let rows = D::text(conn, "SELECT count(*) FROM items WHERE mail = '0'");
    assert_eq!(rows.as_deref(), Some("9"));
}

on_every_database!(a_runner_that_stood_still_disturbs_nobody);
