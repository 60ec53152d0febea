//! The support library keeps its promises: databases of one's own, and nothing left behind.

use std::collections::HashSet;
use std::path::Path;
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use tests::postgres::{PgDatabase, PgServer};
use tests::process::{self, TestProcess};
use tests::sqlite::{self, SqliteDatabase};
use tests::wait;

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn pg_value(connection: &mut PgConnection, query: &str) -> String {
    diesel::sql_query(query)
        .get_result::<Value>(connection)
        .expect("the query gives one text")
        .value
}

#[test]
fn tests_at_once_have_databases_of_their_own() {
    let names: HashSet<String> = thread::scope(|scope| {
        let tests: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let database = PgDatabase::new();
                    let mut connection = database.connect();
                    connection
                        .batch_execute("CREATE TABLE posts (id integer PRIMARY KEY)")
                        .expect("the database is empty");
                    pg_value(&mut connection, "SELECT current_database()::text AS value")
                })
            })
            .collect();
        tests
            .into_iter()
            .map(|test| test.join().expect("the test passes"))
            .collect()
    });
    assert_eq!(names.len(), 16);
}

#[test]
fn a_dropped_database_is_gone_whoever_is_connected() {
    let witness = PgDatabase::new();
    let database = PgDatabase::new();
    let mut connection = database.connect();
    let name = pg_value(&mut connection, "SELECT current_database()::text AS value");
    drop(database);
    let count = diesel::sql_query("SELECT count(*) AS count FROM pg_database WHERE datname = $1")
        .bind::<Text, _>(name)
        .get_result::<Count>(&mut witness.connect())
        .expect("databases can be counted");
    assert_eq!(count.count, 0);
    assert!(connection.batch_execute("SELECT 1").is_err());
}

#[test]
fn a_server_of_ones_own_has_its_settings_and_goes_with_its_owner() {
    let server = PgServer::start(&[("wal_level", "logical"), ("max_connections", "20")]);
    let database = PgDatabase::on(&server);
    let mut connection = database.connect();
    for (setting, expected) in [
        ("wal_level", "logical"),
        ("max_connections", "20"),
        ("fsync", "off"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
    ] {
        let query = format!("SELECT current_setting('{setting}') AS value");
        assert_eq!(pg_value(&mut connection, &query), expected, "{setting}");
    }
    drop(database);
    let (pid, folder) = (server.pid(), server.folder().to_owned());
    drop(server);
    assert!(!process::exists(pid));
    assert!(!folder.exists());
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let panic = thread::spawn(|| PgServer::start(&[("wal_level", "nonsense")]))
        .join()
        .expect_err("there is no such level");
    let message = panic.downcast_ref::<String>().expect("a panic with a text");
    assert!(
        message.contains("invalid value for parameter \"wal_level\""),
        "{message}"
    );
}

#[test]
fn the_server_is_gone_after_its_process_was_killed() {
    the_server_is_gone_after(|child| child.kill());
}

#[test]
fn the_server_is_gone_after_its_process_ended() {
    the_server_is_gone_after(|child| {
        child.go_on();
        assert!(child.wait().success());
    });
}

fn the_server_is_gone_after(end: impl FnOnce(&mut TestProcess)) {
    let mut child = TestProcess::spawn("child_has_a_server", "owner");
    let text = child.wait_for_point("connected");
    let (pid, folder) = text.split_once(' ').expect("two words");
    let pid: u32 = pid.parse().expect("a process id");
    assert!(process::exists(pid));
    assert!(Path::new(folder).join("data").exists());

    end(&mut child);
    wait::until("the postmaster is gone", || !process::exists(pid));
    wait::until("its folder is gone", || !Path::new(folder).exists());
}

#[test]
#[ignore = "the child of `the_server_is_gone_after…`"]
fn child_has_a_server() {
    if process::role().is_none() {
        return;
    }
    let database = PgDatabase::new();
    let _connection = database.connect();
    let server = database.server();
    let folder = server
        .folder()
        .to_str()
        .expect("the folder's path is UTF-8");
    process::at_point("connected", &format!("{} {folder}", server.pid()));
}

#[test]
fn sqlite_files_are_distinct_and_go_away() {
    let (first, second) = (SqliteDatabase::new(), SqliteDatabase::new());
    for database in [&first, &second] {
        database
            .connect()
            .batch_execute("CREATE TABLE posts (id integer PRIMARY KEY)")
            .expect("the database is empty");
    }
    let path = first.path().to_owned();
    drop(first);
    assert!(!path.exists());
    assert!(second.path().exists());
}

#[test]
fn sqlite_readers_do_not_block_the_writer() {
    let database = SqliteDatabase::new();
    let (mut reader, mut writer) = (database.connect(), database.connect());
    writer
        .batch_execute("CREATE TABLE posts (id integer PRIMARY KEY)")
        .expect("the database is empty");
    reader
        .batch_execute("BEGIN; SELECT count(*) FROM posts;")
        .expect("a reader begins");
    writer
        .batch_execute("INSERT INTO posts DEFAULT VALUES")
        .expect("a writer is not in the way of a reader");
}

#[test]
fn sqlite_in_memory_is_private() {
    for _ in 0..2 {
        sqlite::in_memory()
            .batch_execute("CREATE TABLE posts (id integer PRIMARY KEY)")
            .expect("the database is empty");
    }
}
