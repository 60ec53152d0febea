//! Who is in the way: in the error, and each time the runner steps back.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use diesel::{Connection, PgConnection};
use expand_contract::phase::Step;
use expand_contract::{Error, LockWait};
use tests::postgres::PgDatabase;

use crate::support::*;

#[test]
fn the_error_and_the_events_name_who_is_in_the_way() {
    let db = PgDatabase::new();
    let (conn, reader, writer) = (&mut db.connect(), &mut db.connect(), &mut db.connect());
    table(conn, 10);
    let stranger = &mut db.connect();
    run(stranger, "BEGIN; LOCK TABLE others IN ACCESS SHARE MODE");
    run(
        reader,
        "SET application_name = 'report'; BEGIN; SELECT count(*) FROM items",
    );
    run(
        writer,
        "SET application_name = 'shop'; BEGIN; UPDATE items SET note = 'mine' WHERE id = 3",
    );
    let seen: Rc<RefCell<Vec<LockWait>>> = Rc::default();
    let log = Rc::clone(&seen);
    let options = options()
        .lock_timeout(Duration::from_millis(20))
        .lock_patience(Duration::from_millis(300))
        .on_lock_wait(move |wait| log.borrow_mut().push(wait.clone()));
    let since = Instant::now();
    let outcome = advance(conn, options, Step::Expand);
    let Err(error @ Error::Locked { .. }) = &outcome else {
        panic!("{outcome:?}");
    };
    let Error::Locked {
        blockers,
        attempts,
        waited,
        action,
        ..
    } = error
    else {
        unreachable!();
    };
    assert_eq!(action, "add the new columns and publish");
    // the last try comes when the time is over
    assert!(
        *waited >= Duration::from_millis(300) && since.elapsed() >= *waited,
        "{waited:?}"
    );
    let seen = seen.borrow();
    assert_eq!(seen.len(), *attempts as usize);
    assert!(seen.len() >= 2, "{seen:?}");
    assert_eq!(&seen.last().expect("there is one").blockers, blockers);
    let of = |pid: i64| {
        let of = blockers
            .iter()
            .find(|blocker| blocker.transaction.pid == Some(pid));
        of.unwrap_or_else(|| panic!("{blockers:?}"))
    };
    assert_eq!(
        blockers
            .iter()
            .filter(|blocker| blocker.on == "items")
            .count(),
        blockers.len()
    );
    let (reads, writes) = (
        of(pid(reader)),
        blockers.iter().find(|b| b.lock == "RowExclusiveLock"),
    );
    let writes = writes.expect("the writer is named");
    assert_eq!(reads.lock, "AccessShareLock");
    assert_eq!(reads.transaction.application.as_deref(), Some("report"));
    assert_eq!(
        reads.transaction.state.as_deref(),
        Some("idle in transaction")
    );
    assert_eq!(reads.query_age, None);
    assert!(
        reads
            .transaction
            .age
            .is_some_and(|age| age >= Duration::from_millis(300)),
        "{reads}"
    );
    assert_eq!(writes.transaction.application.as_deref(), Some("shop"));
    assert!(
        writes
            .transaction
            .query
            .as_deref()
            .is_some_and(|query| query.contains("'mine'")),
        "{writes}"
    );
    let text = error.to_string();
    assert!(text.contains("report") && text.contains("'mine'"), "{text}");
}

/// A role that may not see other roles' statements hears the pid and the mode.
#[test]
fn a_role_sees_of_them_what_it_may() {
    let db = PgDatabase::new();
    let (conn, writer) = (&mut db.connect(), &mut db.connect());
    table(conn, 10);
    let role = format!("migrator_{}", db.name());
    run(
        conn,
        &format!(
            "CREATE ROLE {role} LOGIN; ALTER TABLE items OWNER TO {role}; GRANT CREATE ON DATABASE {} TO {role}; \
             GRANT CREATE ON SCHEMA public TO {role}",
            db.name()
        ),
    );
    run(
        writer,
        "BEGIN; UPDATE items SET note = 'secret' WHERE id = 3",
    );
    let url = db.url().replace("user=postgres", &format!("user={role}"));
    let limited = &mut PgConnection::establish(&url).expect("it may log in");
    let outcome = advance(
        limited,
        options().lock_patience(Duration::ZERO),
        Step::Expand,
    );
    let Err(Error::Locked { blockers, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    let blocker = blockers.first().expect("there is one");
    assert_eq!(blocker.transaction.pid, Some(pid(writer)));
    assert_eq!(blocker.transaction.role.as_deref(), Some("postgres"));
    assert_eq!(
        (&blocker.transaction.query, &blocker.transaction.age),
        (&None, &None)
    );
    run(writer, "ROLLBACK");
    run(limited, "BEGIN; ROLLBACK");
    advance(limited, options(), Step::Contract).expect("nobody is in the way");
    run(conn, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// DDL may need a lock besides the migrated table's: here that on a sequence which goes with the column.
#[test]
fn a_lock_on_another_relation_is_waited_for_as_well() {
    let db = PgDatabase::new();
    let (conn, other) = (&mut db.connect(), &mut db.connect());
    table(conn, 10);
    advance(conn, options(), Step::Expand).expect("nobody is in the way");
    run(conn, "CREATE SEQUENCE numbers OWNED BY items.mail");
    run(other, "BEGIN; SELECT nextval('numbers')");
    let outcome = back(conn, options().lock_patience(Duration::ZERO));
    assert!(matches!(outcome, Err(Error::Locked { .. })), "{outcome:?}");
    let told = Rc::new(RefCell::new(db.connect()));
    let (tells, first) = (Rc::clone(&told), pid(other));
    let options = options().on_lock_wait(move |_| {
        let sql = format!("SELECT pg_terminate_backend({first})");
        run(&mut tells.borrow_mut(), &sql);
    });
    back(conn, options).expect("it gets through once they are gone");
}
