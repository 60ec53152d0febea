//! A real streaming replica that lags behind the rename.

use tests::postgres::{PgDatabase, PgServer};
use tests::wait;

crate::model!();

/// The process has heard from the primary; the replica still has the column under its old name, with the marker beside it.
#[test]
fn a_replica_that_lags_shows_no_wrong_value() {
    let primary = PgServer::start(&[("wal_writer_delay", "10ms")]);
    let database = PgDatabase::on(&primary);
    let conn = &mut database.connect();
    create::<Postgres>(conn, 3);
    to!(conn, options(), Step::Retire).unwrap();
    // the marker has a value, and the column another one by now
    diesel::update(people::table.find(1))
        .set(Person::contact.eq("first"))
        .execute(conn)
        .unwrap();
    Postgres::run(conn, "UPDATE people SET email = 'second' WHERE id = 1");
    let replica = primary.replica();
    replica.wait_for(&primary);
    let there = &mut PgConnection::establish(&replica.url(database.name())).unwrap();
    Postgres::run(there, "SELECT pg_wal_replay_pause()");
    wait::until("replay stands still", || {
        let state = Postgres::text(there, "SELECT pg_get_wal_replay_pause_state()");
        state.as_deref() == Some("paused")
    });
    to!(conn, options(), Step::Contract).unwrap();

    let read = |conn: &mut PgConnection| {
        let row = people::table.find(1).select(Person::contact);
        row.first::<String>(conn)
    };
    assert_eq!(read(conn).as_deref(), Ok("second"));
    // under the primary's name nothing is there
    let error = read(there).expect_err("another name").to_string();
    assert!(error.contains("does not exist"), "{error}");
    let mut attempts = 0;
    let found = phase::retry::<people::table, _, _, _>(there, |conn| {
        attempts += 1;
        read(conn)
    });
    assert_eq!((found.as_deref(), attempts), (Ok("second"), 2));
    // and the replica's past does not take the process back
    assert_eq!(read(conn).as_deref(), Ok("second"));

    Postgres::run(there, "SELECT pg_wal_replay_resume()");
    replica.wait_for(&primary);
    assert_eq!(read(there).as_deref(), Ok("second"));
}
