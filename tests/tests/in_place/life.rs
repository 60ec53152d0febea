//! Four clients at work while the column is renamed, renamed back, and renamed again.

pub use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
pub use std::thread;
pub use std::time::Duration;

pub use tests::wait;

/// Forth, back, and forth again.
const RENAMES: u32 = 3;

/// What the clients have seen.
#[derive(Default)]
struct Log {
    stop: AtomicBool,
    /// The last value that was written and acknowledged.
    floor: AtomicI32,
    calls: AtomicU32,
    /// Calls of which a statement was built twice.
    retried: AtomicU32,
}

impl Log {
    /// A call of one client, of whose earlier ones `mine` were built twice.
    fn called(&self, attempts: u32, mine: &mut u32) {
        assert!((1..=2).contains(&attempts), "{attempts} attempts");
        *mine += attempts - 1;
        assert!(*mine <= RENAMES, "{mine} statements were built twice");
        self.retried.fetch_add(attempts - 1, Ordering::SeqCst);
        self.calls.fetch_add(1, Ordering::SeqCst);
    }
}

struct Stop<'l>(&'l Log);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::SeqCst);
    }
}

crate::on_both! {
    fm15_four_clients_do_not_notice_a_rename(db, D) {
        use crate::life::*;

        let conn = &mut db.connect();
        create::<D>(conn, 3);
        let before = schema::<D>(conn);
        let url = db.url();
        let connect = {
            let url = url.clone();
            move || {
                let mut conn = D::open(&url);
                if !D::POSTGRES {
                    D::run(&mut conn, "PRAGMA busy_timeout = 20000");
                }
                Ok::<_, ConnectionError>(conn)
            }
        };
        Person::migration().prepare(conn).unwrap();
        let lease = Lease::of::<people::table>()
            .application("web", "1")
            .duration(Duration::from_secs(6))
            .start(connect.clone())
            .unwrap();
        let log = Log::default();
        // values are numbers that only grow: a read that shows less than what was there before it began is wrong
        let number = |value: &str| value.trim_start_matches('p').parse::<i32>().unwrap();
        let leased_writer = || {
            let mut conn = connect().unwrap();
            let (mut next, mut mine) = (10, 0);
            while !log.stop.load(Ordering::SeqCst) {
                let mut attempts = 0;
                let written = phase::retry::<people::table, _, _, _>(&mut conn, |conn| {
                    attempts += 1;
                    diesel::update(people::table.find(1))
                        .set((Person::contact.eq(format!("p{next}")), Person::score.eq(Some(2))))
                        .execute(conn)
                });
                assert_eq!(written, Ok(1));
                log.floor.store(next, Ordering::SeqCst);
                log.called(attempts, &mut mine);
                next += 1;
            }
        };
        let leased_reader = || {
            let (mut conn, mut mine) = (connect().unwrap(), 0);
            while !log.stop.load(Ordering::SeqCst) {
                let (mut attempts, floor) = (0, log.floor.load(Ordering::SeqCst));
                let found = phase::retry::<people::table, _, _, _>(&mut conn, |conn| {
                    attempts += 1;
                    people::table.find(1).select(Person::as_select()).first(conn)
                });
                let found: Person = found.unwrap();
                assert!(number(&found.contact) >= floor, "{found:?} after {floor}");
                assert!(found.score.is_some(), "{found:?}");
                log.called(attempts, &mut mine);
            }
        };
        let pinned = || {
            let mut conn = connect().unwrap();
            while !log.stop.load(Ordering::SeqCst) {
                let floor = log.floor.load(Ordering::SeqCst);
                let found = expand_contract::pinned::transaction::<people::table, _, _, Error>(&mut conn, |conn| {
                    let read = people::table.find(1).select(Person::contact);
                    let first: String = read.first(conn)?;
                    let second: Person = people::table.find(1).select(Person::as_select()).first(conn)?;
                    Ok((first, second.contact))
                });
                let (first, second) = found.unwrap();
                assert!(number(&first) >= floor && number(&second) >= number(&first), "{first} {second} after {floor}");
                log.called(1, &mut 0);
                // SQLite: each is a writer
                thread::sleep(Duration::from_millis(1));
            }
        };
        thread::scope(|scope| {
            let _stop = Stop(&log);
            let clients = [
                scope.spawn(leased_writer),
                scope.spawn(leased_reader),
                scope.spawn(leased_reader),
                scope.spawn(pinned),
                scope.spawn(pinned),
            ];
            let at_work = || {
                let floor = log.calls.load(Ordering::SeqCst);
                wait::until("the clients have done more", || {
                    assert!(!clients.iter().any(|client| client.is_finished()));
                    log.calls.load(Ordering::SeqCst) > floor + 60
                });
            };
            at_work();
            // the application of the previous release is gone by now
            let options = || {
                let options = Options::new().grace(Duration::from_millis(10));
                if D::POSTGRES {
                    options.quiet_period(Duration::from_millis(1))
                } else {
                    options.quiet_period(Duration::ZERO)
                }
            };
            for round in 0..2 {
                let moved = to!(conn, options(), Step::Retire).unwrap();
                let there = if D::POSTGRES { Phase::Expanded } else { Phase::Original };
                assert_eq!(moved.stage, Stage::first(there));
                at_work();
                let moved = to!(conn, options(), Step::Contract).unwrap();
                assert_eq!(moved.stage, Stage::first(Phase::Contracted));
                assert!(moved.settled, "{moved:?}");
                at_work();
                if round == 0 {
                    let back = options().override_gate(Gate::Strangers, "no other release has run yet");
                    let moved = to!(conn, back, Step::Rollback).unwrap();
                    assert_eq!(moved.stage, Stage::first(Phase::Original));
                    at_work();
                    assert_eq!(schema::<D>(conn), before);
                }
            }
        });
        lease.shutdown().unwrap();
        assert_eq!(schema::<D>(conn), before);
        assert!(D::schema(conn).contains("contact"));
        let last = D::text(conn, "SELECT contact FROM people WHERE id = 1").unwrap();
        assert_eq!(number(&last), log.floor.load(Ordering::SeqCst));
        // somebody was under way
        let retried = log.retried.load(Ordering::SeqCst);
        assert!(retried > 0, "nothing was retried in {:?} calls", log.calls);
    }
}
