//! `kill -9` of the runner before and after each action: the application goes on, and the next runner converges.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use tests::process::{self, TestProcess};

crate::model!();

/// From where, and what is run there.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Task {
    Forward,
    BackFrom(Step),
}

const TASKS: [Task; 3] = [
    Task::Forward,
    Task::BackFrom(Step::Retire),
    Task::BackFrom(Step::Contract),
];

impl Task {
    fn prepare<D: Db>(self, conn: &mut D::Conn)
    where
        people::table: expand_contract::MigrateOn<D::Conn>,
    {
        create::<D>(conn, 3);
        if let Task::BackFrom(step) = self {
            to!(conn, options(), step).expect("the migration gets that far");
        }
    }

    fn run<D: Db>(self, conn: &mut D::Conn, options: Options) -> Result<Status, Error>
    where
        people::table: expand_contract::MigrateOn<D::Conn>,
    {
        let mut migration = Person::migration().options(options);
        match self {
            Task::Forward => migration.run(conn),
            Task::BackFrom(_) => {
                let status = migration.status(conn)?;
                if status.stage.phase == Phase::Original && !status.leftover && status.settled {
                    return Ok(status);
                }
                migration.rollback(conn)
            }
        }
    }
}

fn at_points(mut point: impl FnMut(&str) + 'static) -> Options {
    options().on_action(move |event| {
        point(&format!(
            "{} {:?} {}",
            event.step, event.moment, event.action
        ));
        ControlFlow::Continue(())
    })
}

/// What the application does in whatever phase the ledger says.
trait Application: Db {
    fn work(conn: &mut Self::Conn, id: i32);
}

macro_rules! applications {
    ($($db:ident),*) => {$(
        impl Application for $db {
            fn work(conn: &mut Self::Conn, id: i32) {
                let snapshot = Person::migration().snapshot(conn).expect("the phase can be read");
                snapshot.scope(|| {
                    let row = people::table.find(1);
                    assert_eq!(diesel::update(row).set(Person::contact.eq(format!("w{id}"))).execute(conn), Ok(1));
                    assert_eq!(row.select(Person::contact).first::<String>(conn), Ok(format!("w{id}")));
                });
            }
        }
    )*};
}

applications!(Lite, Postgres);

fn end<D: Db>(conn: &mut D::Conn) -> String {
    format!(
        "{}\n{:?}",
        D::schema(conn).replace('"', ""),
        D::text(conn, "SELECT count(*) FROM people")
    )
}

fn killed_at_each_action<D: Application>(task: Task)
where
    people::table: expand_contract::MigrateOn<D::Conn>,
{
    let points = Arc::new(Mutex::new(Vec::new()));
    let db = D::fresh();
    let conn = &mut db.connect();
    task.prepare::<D>(conn);
    let log = Arc::clone(&points);
    let options_ = at_points(move |point| log.lock().expect("no panic").push(point.to_owned()));
    let undisturbed = task.run::<D>(conn, options_).expect("nobody disturbs it");
    let wanted = end::<D>(conn);
    let points = points.lock().expect("no panic").clone();
    let nothing = task == Task::BackFrom(Step::Retire) && !D::POSTGRES;
    assert_eq!(points.is_empty(), nothing, "{points:?}");
    for (nth, point) in points.iter().enumerate() {
        let db = D::fresh();
        let conn = &mut db.connect();
        task.prepare::<D>(conn);
        let task_ = TASKS
            .iter()
            .position(|known| *known == task)
            .expect("one of the tasks");
        let role = format!("{}\n{task_}\n{nth}\n{}", D::POSTGRES, db.url());
        let mut child = TestProcess::spawn("kill::child_renames", &role);
        assert_eq!(&child.wait_for_point("stopped"), point);
        D::work(conn, 7);
        child.kill();
        D::alone(conn);
        D::work(conn, 8);
        let status = match task.run::<D>(conn, options()) {
            Ok(status) => status,
            Err(error) => panic!("killed at {point}: {error}"),
        };
        assert_eq!(status.stage, undisturbed.stage, "killed at {point}");
        assert!(status.settled && !status.leftover, "killed at {point}");
        assert_eq!(end::<D>(conn), wanted, "killed at {point}");
        D::work(conn, 9);
    }
}

#[test]
#[ignore = "the child of `killed_at_each_action`"]
fn child_renames() {
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
    people::table: expand_contract::MigrateOn<D::Conn>,
{
    let mut lines = role.splitn(4, '\n').skip(1);
    let mut number = || -> usize {
        let line = lines.next().expect("a line");
        line.parse().expect("a number")
    };
    let (task, mut left) = (TASKS[number()], number());
    let conn = &mut D::open(lines.next().expect("a URL"));
    let options = at_points(move |point| {
        if left == 0 {
            process::at_point("stopped", point);
        }
        left = left.saturating_sub(1);
    });
    let result = task.run::<D>(conn, options);
    panic!("it was to be killed: {result:?}");
}

macro_rules! on_every_database {
    ($($name:ident: $task:expr),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[test] fn $name() { killed_at_each_action::<Lite>($task); })*
        }
        mod postgres {
            use super::*;
            $(#[test] fn $name() { killed_at_each_action::<Postgres>($task); })*
        }
    };
}

on_every_database!(
    fm24_kill_9_at_each_action_forward: Task::Forward,
    fm24_kill_9_at_each_action_back_from_contracted: Task::BackFrom(Step::Contract),
);

mod from_expanded {
    use super::*;

    #[test]
    fn fm24_kill_9_at_each_action_back_from_expanded() {
        killed_at_each_action::<Postgres>(Task::BackFrom(Step::Retire));
    }
}
