//! Back right after the switch.

use std::sync::atomic::Ordering;
use std::thread;

use expand_contract::phase::{Phase, Step};
use expand_contract::MigrateOn;
use tests::wait;

use crate::support::*;

fn fm12_back_right_after_the_switch_loses_nothing<D: App + Sync>(db: &D)
where
    items::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    clients_table::<D>(conn, 9);
    let (floor, url) = (Floor::new(9), db.url());
    // one that knows a phase for long
    let slow = if D::POSTGRES { 40 } else { 1_000 };
    thread::scope(|scope| {
        let _stop = Stop(&floor);
        for (name, own, rounds) in [
            ("a", [1, 2, 3], 1),
            ("b", [4, 5, 6], 1),
            ("c", [7, 8, 9], slow),
        ] {
            let (floor, url) = (&floor, &url);
            scope.spawn(move || client::<D>(url, name, &own, rounds, floor));
        }
        wait::until("all clients are there", || {
            status::<D>(conn).instances.len() == 3
        });
        for _ in 0..5 {
            let before = floor.statements.load(Ordering::SeqCst);
            let now = advance::<D>(conn, Step::Switch).expect("the clients acknowledge");
            assert_eq!(now.stage.phase, Phase::Switched);
            let back = Item::migration().options(options()).rollback(conn);
            let now = back.expect("the clients acknowledge");
            assert_eq!((now.stage.phase, now.settled), (Phase::Expanded, true));
            assert!(floor.statements.load(Ordering::SeqCst) > before);
        }
    });
    for id in 1..=9 {
        let sql = format!("SELECT email || ' ' || mail FROM items WHERE id = {id}");
        let number = floor.of(id);
        assert_eq!(D::text(conn, &sql), Some(format!("{number} {number}")));
    }
}

on_every_database!(fm12_back_right_after_the_switch_loses_nothing);
