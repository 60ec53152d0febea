//! `kill -9` at every point of a migration, in a process of its own: the next runner converges.
//!
//! A child runs the migration and stops at a point, which is before or after an action or behind a batch. There it is
//! killed. The application, which learns the phase from the ledger, reads and writes meanwhile; then another runner
//! ends what the first began. Schema and rows are those of a run that nobody disturbed.
#![allow(missing_docs)]

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use expand_contract::phase::{Phase, Stage, Step};
use expand_contract::prelude::*;
use expand_contract::{Error, MigrateOn, Options};
use tests::database::{Db, Lite, Postgres};
use tests::process::{self, TestProcess};
use tests::wait;

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
        remark -> Nullable<Text>,
    }
}

#[derive(
    Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate, Debug, Clone, PartialEq,
)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    num: String,
    #[migrate(
        rename_from = "checksum", retype_from = Text,
        up(sqlite = "unhex(checksum)", postgres = "decode(checksum, 'hex')"),
        down(sqlite = "lower(hex(tar_sha256))", postgres = "encode(tar_sha256, 'hex')"),
        lossless
    )]
    tar_sha256: Vec<u8>,
    #[migrate(rename_from = "note")]
    remark: Option<String>,
}

const ROWS: i32 = 2_000;

fn original(id: i32) -> Version {
    Version {
        id,
        num: format!("1.{id}"),
        tar_sha256: id.to_be_bytes().to_vec(),
        remark: (id % 3 == 0).then(|| format!("note {id}")),
    }
}

/// What the application does between the kill and the resumption, whatever the phase is.
trait Application: Db {
    fn read_and_write(conn: &mut Self::Conn);
}

macro_rules! application {
    ($($db:ident),*) => {$(
        impl Application for $db {
            fn read_and_write(conn: &mut Self::Conn) {
                let snapshot = Version::migration().snapshot(conn).expect("the phase can be read");
                snapshot.scope(|| {
                    let found: Vec<Version> = versions::table
                        .filter(versions::id.le(ROWS))
                        .order(versions::id)
                        .select(Version::as_select())
                        .load(conn)
                        .expect("all rows can be read");
                    let wanted: Vec<Version> = (1..=ROWS).map(original).collect();
                    assert!(found == wanted, "{found:?}");
                    let one = Version::tar_sha256.eq(7_i32.to_be_bytes().to_vec());
                    let found = versions::table.filter(one).select(versions::id);
                    assert_eq!(found.load::<i32>(conn), Ok(vec![7]));

                    let new = Version { remark: None, ..original(ROWS + 5) };
                    let written = diesel::insert_into(versions::table).values(&new).execute(conn);
                    assert_eq!(written, Ok(1));
                    let new = Version { remark: Some("changed".to_owned()), ..original(ROWS + 6) };
                    let id = ROWS + 5;
                    let written = diesel::update(versions::table.find(id))
                        .set((
                            Version::tar_sha256.eq(new.tar_sha256),
                            Version::remark.eq(new.remark),
                        ))
                        .execute(conn);
                    assert_eq!(written, Ok(1));
                });
            }
        }
    )*};
}

application!(Lite, Postgres);

/// What the child is to do, from a table as [`Task::prepare`] leaves it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Task {
    Forward,
    Back(Step),
}

const TASKS: [Task; 4] = [
    Task::Forward,
    Task::Back(Step::Expand),
    Task::Back(Step::Switch),
    Task::Back(Step::Retire),
];

impl Task {
    fn prepare<D: Db>(self, conn: &mut D::Conn)
    where
        versions::table: MigrateOn<D::Conn>,
    {
        // what only one of the two databases carries
        let carried = match D::POSTGRES {
            true => {
                "ALTER TABLE versions ADD CONSTRAINT versions_note CHECK (note <> 'never'); \
                 CREATE UNIQUE INDEX versions_note_num ON versions (lower(note), num) WHERE note IS NOT NULL; \
                 CREATE STATISTICS versions_both ON num, note FROM versions; COMMENT ON INDEX versions_note_num IS 'both';"
            }
            false => "",
        };
        let (series, hex) = if D::POSTGRES {
            (
                format!("generate_series(1, {ROWS}) i"),
                "lpad(to_hex(i), 8, '0')",
            )
        } else {
            let series = format!(
                "(WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {ROWS}) SELECT i FROM s)"
            );
            (series, "printf('%08x', i)")
        };
        D::run(
            conn,
            &format!(
                "CREATE TABLE versions (id integer NOT NULL PRIMARY KEY, num text NOT NULL, \
                   checksum text NOT NULL DEFAULT '00ff', note text DEFAULT 'none'); \
                 CREATE UNIQUE INDEX versions_checksum ON versions (checksum); \
                 CREATE INDEX versions_num_note ON versions (num, note DESC); \
                 {carried} \
                 INSERT INTO versions SELECT i, '1.' || i, {hex}, \
                   CASE WHEN i % 3 = 0 THEN 'note ' || i END FROM {series};"
            ),
        );
        if let Task::Back(step) = self {
            let result = Version::migration()
                .options(options())
                .advance_to(conn, step);
            result.expect("the migration gets that far");
        }
        if self == Task::Back(Step::Retire) {
            // by a writer that knows only the new column
            let bytes = if D::POSTGRES {
                "'\\x01020304'"
            } else {
                "x'01020304'"
            };
            D::run(
                conn,
                &format!("INSERT INTO versions (id, num, tar_sha256, remark) VALUES ({ROWS} + 9, 'new', {bytes}, 'r')"),
            );
        }
    }

    fn run<D: Db>(self, conn: &mut D::Conn, options: Options) -> Result<(), Error>
    where
        versions::table: MigrateOn<D::Conn>,
    {
        let mut migration = Version::migration().options(options);
        if self == Task::Forward {
            return migration.run(conn).map(drop);
        }
        loop {
            let status = migration.status(conn)?;
            if status.stage.phase == Phase::Original && !status.leftover {
                return Ok(());
            }
            migration.rollback(conn)?;
        }
    }

    fn end(self) -> Stage {
        Stage::first(match self {
            Task::Forward => Phase::Contracted,
            Task::Back(_) => Phase::Original,
        })
    }
}

/// A runner that stands still for 50 ms counts as dead.
fn options() -> Options {
    Options::new()
        .batch_size(1_500)
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(50))
        // writers that know only the old column write all the way here
        .quiet_period(Duration::ZERO)
}

/// The options with `point` called wherever a process is to be killed.
fn stopping(point: impl FnMut(&str) + 'static) -> Options {
    let at_action = Rc::new(RefCell::new(point));
    let at_batch = Rc::clone(&at_action);
    options()
        .on_action(move |event| {
            let name = format!("{} {:?} {}", event.step, event.moment, event.action);
            at_action.borrow_mut()(&name);
            ControlFlow::Continue(())
        })
        .on_progress(move |now| {
            at_batch.borrow_mut()(&format!(
                "{} sweep {} batch {}",
                now.step, now.sweep, now.batches
            ));
        })
}

/// All rows, in the words of the columns that there are.
fn rows<D: Db>(conn: &mut D::Conn, task: Task) -> String {
    let columns = match (task, D::POSTGRES) {
        (Task::Forward, true) => "encode(tar_sha256, 'hex') || coalesce(remark, '-')",
        (Task::Forward, false) => "lower(hex(tar_sha256)) || coalesce(remark, '-')",
        (Task::Back(_), _) => "checksum || coalesce(note, '-')",
    };
    let aggregate = if D::POSTGRES {
        "string_agg"
    } else {
        "group_concat"
    };
    let sql = format!(
        "SELECT {aggregate}(line, ' ') FROM (SELECT id || num || {columns} AS line FROM versions ORDER BY id) q"
    );
    D::text(conn, &sql).expect("there are rows")
}

/// The points, and what comes out of a run that reaches all of them.
fn undisturbed<D: Application>(task: Task) -> (Vec<String>, String, String)
where
    versions::table: MigrateOn<D::Conn>,
{
    let db = D::fresh();
    let conn = &mut db.connect();
    task.prepare::<D>(conn);
    let points = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&points);
    let options = stopping(move |point| log.borrow_mut().push(point.to_owned()));
    task.run::<D>(conn, options).expect("nobody disturbs it");
    D::read_and_write(conn);
    let points = points.borrow().clone();
    assert!(points.len() > 3, "{points:?}");
    (points, D::schema(conn), rows::<D>(conn, task))
}

// The chain on PostgreSQL fails if a CHECK is added without a look at whether it is there.
fn killed_at_every_point<D: Application + Sync>(task: Task)
where
    versions::table: MigrateOn<D::Conn>,
{
    let (points, schema, rows) = undisturbed::<D>(task);
    let prepared = D::fresh();
    task.prepare::<D>(&mut prepared.connect());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let killers = [0, 1, 2].map(|_| {
            scope.spawn(|| loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                let Some(point) = points.get(nth) else {
                    return;
                };
                let (schema_, rows_) = killed_at(&prepared, task, point);
                assert_eq!(schema_, schema, "killed at {point}");
                assert!(rows_ == rows, "killed at {point}: {rows_}");
            })
        });
        for killer in killers {
            if let Err(panic) = killer.join() {
                next.store(points.len(), Ordering::Relaxed);
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// Schema and rows after a kill at the point and a second runner.
fn killed_at<D: Application>(prepared: &D, task: Task, point: &str) -> (String, String)
where
    versions::table: MigrateOn<D::Conn>,
{
    let db = prepared.copy();
    let mut child = TestProcess::spawn("child_migrates", &role::<D>(task, point, &db.url()));
    assert_eq!(child.wait_for_point("stopped"), point);
    child.kill();

    let conn = &mut db.connect();
    D::alone(conn);
    D::read_and_write(conn);
    if let Err(error) = task.run::<D>(conn, options()) {
        panic!("killed at {point}: {error}");
    }
    let status = Version::migration()
        .status(conn)
        .expect("there is a ledger");
    assert_eq!(status.stage, task.end(), "killed at {point}");
    assert!(!status.leftover && !status.old_incomplete, "{status:?}");
    let dot = if D::POSTGRES { "." } else { "_" };
    for left in ["saved_indexes", "quarantine"] {
        let left = format!("SELECT count(*) FROM expand_contract{dot}{left}");
        let found = D::text(conn, &left);
        assert_eq!(found.as_deref(), Some("0"), "killed at {point}: {left}");
    }
    (D::schema(conn), rows::<D>(conn, task))
}

fn role<D: Db>(task: Task, point: &str, url: &str) -> String {
    let task = TASKS.iter().position(|known| *known == task);
    let task = task.expect("one of the tasks");
    format!("{}\n{task}\n{point}\n{url}", D::POSTGRES)
}

#[test]
#[ignore = "the child of `killed_at_every_point`"]
fn child_migrates() {
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
    versions::table: MigrateOn<D::Conn>,
{
    let mut lines = role.splitn(4, '\n').skip(1);
    let mut line = || lines.next().expect("a line").to_owned();
    let number: usize = line().parse().expect("a number");
    let (task, wanted) = (TASKS[number], line());
    let conn = &mut D::open(&line());
    let here = wanted.clone();
    let options = stopping(move |point| {
        if point == here {
            process::at_point("stopped", point);
        }
    });
    let result = task.run::<D>(conn, options);
    // how many batches there are depends on how fast they are
    if result.is_ok() && wanted.contains(" batch ") {
        process::at_point("stopped", &wanted);
    }
    panic!("it was to be killed: {result:?}");
}

macro_rules! on_every_database {
    ($($name:ident: $task:expr),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[test] fn $name() { killed_at_every_point::<Lite>($task); })*
        }
        mod postgres {
            use super::*;
            $(#[test] fn $name() { killed_at_every_point::<Postgres>($task); })*
        }
    };
}

on_every_database!(
    fm24_kill_9_at_every_point_of_the_chain: Task::Forward,
    fm24_kill_9_at_every_point_of_a_rollback_from_expanded: Task::Back(Step::Expand),
    fm24_kill_9_at_every_point_of_a_rollback_from_switched: Task::Back(Step::Switch),
    fm24_kill_9_at_every_point_of_a_rollback_from_retired: Task::Back(Step::Retire),
);

// The server goes on with a statement whose client is gone; ended there, it leaves an invalid index.
#[test]
fn fm25_kill_9_in_the_middle_of_a_concurrent_index_build() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Task::Forward.prepare::<Postgres>(conn);
    let (mut writer, mut killer) = (db.connect(), db.connect());
    let (points, schema, _) = undisturbed::<Postgres>(Task::Forward);
    let before = |point: &&String| point.starts_with("backfill Before create index");
    let point = points.iter().find(before).expect("an index is built");

    let mut child = TestProcess::spawn(
        "child_migrates",
        &role::<Postgres>(Task::Forward, point, &db.url()),
    );
    child.wait_for_point("stopped");
    writer
        .batch_execute("BEGIN; UPDATE versions SET num = num WHERE id = 1")
        .expect("a row can be written");
    child.go_on();
    let building =
        "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
                    AND query LIKE 'CREATE INDEX CONCURRENTLY%'";
    wait::until("the index build waits for the writer", || {
        let count = format!("SELECT count(*) FROM {building}");
        Postgres::text(conn, &count).as_deref() == Some("1")
    });
    child.kill();
    // nobody takes over from a build that is still going on
    let outcome = Version::migration().options(options()).run(conn);
    assert!(
        matches!(outcome, Err(Error::RunnerActive { .. })),
        "{outcome:?}"
    );
    killer
        .batch_execute(&format!("SELECT pg_terminate_backend(pid) FROM {building}"))
        .expect("a superuser may");
    writer
        .batch_execute("COMMIT")
        .expect("nobody is in the way");
    drop((writer, killer));
    Postgres::alone(conn);
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(Postgres::text(conn, invalid).as_deref(), Some("1"));

    Version::migration()
        .options(options())
        .run(conn)
        .expect("the invalid index is built again");
    Postgres::read_and_write(conn);
    assert_eq!(Postgres::schema(conn), schema);
}
