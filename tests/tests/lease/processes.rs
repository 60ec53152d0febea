//! Real processes: killed, stopped past their lease, and with a wall clock that is set while they run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use diesel::Connection;
use expand_contract::phase::Step;
use expand_contract::Lease;
use tests::process::{self, TestProcess};
use tests::wait;

use crate::common::*;

mod child {
    super::model!(app);
    pub(super) use app::*;
}
model!(operator);

/// What the parent tells the child.
pub(super) struct Orders {
    postgres: bool,
    task: String,
    duration: Duration,
    patience: Duration,
    url: String,
}

impl Orders {
    pub(super) fn new<D: Db>(db: &D, task: &str, duration: Duration, patience: Duration) -> Self {
        Orders {
            postgres: D::POSTGRES,
            task: task.to_owned(),
            duration,
            patience,
            url: db.url(),
        }
    }

    fn role(&self) -> String {
        let times = (self.duration.as_millis(), self.patience.as_millis());
        format!(
            "{} {} {} {} {}",
            self.postgres, self.task, times.0, times.1, self.url
        )
    }

    fn parse(role: &str) -> Option<Self> {
        let mut words = role.splitn(5, ' ');
        let millis = |word: &str| word.parse().ok().map(Duration::from_millis);
        Some(Orders {
            postgres: words.next()? == "true",
            task: words.next()?.to_owned(),
            duration: millis(words.next()?)?,
            patience: millis(words.next()?)?,
            url: words.next()?.to_owned(),
        })
    }

    pub(super) fn spawn(&self) -> TestProcess {
        TestProcess::spawn("processes::child_serves", &self.role())
    }

    fn spawn_with(&self, change: impl FnOnce(&mut Command)) -> TestProcess {
        TestProcess::spawn_with("processes::child_serves", &self.role(), change)
    }
}

#[test]
#[ignore = "the child of the other tests"]
fn child_serves() {
    let Some(orders) = process::role().as_deref().and_then(Orders::parse) else {
        return;
    };
    if orders.postgres {
        serve::<Postgres>(&orders);
    } else {
        serve::<Lite>(&orders);
    }
}

fn serve<D: Db>(orders: &Orders)
where
    child::App: App<D>,
{
    type A = child::App;
    let url = orders.url.clone();
    let lease = Lease::of::<<A as App<D>>::Table>()
        .application("child", "1")
        .duration(orders.duration)
        .patience(orders.patience)
        .start(move || D::Conn::establish(&url))
        .expect("a lease");
    let mut conn = D::open(&orders.url);
    process::at_point("serves", lease.instance());
    match orders.task.as_str() {
        // a statement for each order
        "statements" => loop {
            let found = <A as App<D>>::find(&mut conn, 1);
            let ids = <A as App<D>>::ids(&mut conn, &FIRST);
            let text = match (found, ids) {
                (Ok(found), Ok(ids)) => format!("ok {found:?} {ids:?} {}", seconds()),
                (Err(error), _) | (_, Err(error)) => {
                    format!("error {}", error.to_string().replace('\n', " "))
                }
            };
            process::at_point("statement", &text);
        },
        "insert" => {
            let values = [
                child::Version {
                    id: 2,
                    tar_sha256: vec![2],
                },
                child::Version {
                    id: 3,
                    tar_sha256: vec![3],
                },
            ];
            process::at_point("values", "");
            let first = <A as App<D>>::insert(&mut conn, 2, &values[0].tar_sha256);
            let second = <A as App<D>>::insert(&mut conn, 3, &values[1].tar_sha256);
            let read = <A as App<D>>::find(&mut conn, 1);
            process::at_point(
                "done",
                &format!("{first:?} {second:?} {read:?}").replace('\n', " "),
            );
        }
        other => panic!("{other}"),
    }
}

/// By the wall clock.
fn seconds() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

macro_rules! children {
    ($($name:ident $db:ident)*) => {$(
        mod $name {
            use super::*;

            /// Two phases pass while a process stands still. What it then builds is for the phase of then: the statement waits
            /// for the renewal.
            #[test]
            fn fm16_a_process_stopped_past_its_lease_sends_nothing_of_the_old_phase() {
                let (db, mut conn) = database::<$db>();
                advance::<$db, operator::App>(&mut conn, Step::Verify);
                let orders = Orders::new(&db, "insert", Duration::from_millis(600), wait::DEADLINE);
                let mut child = orders.spawn();
                child.wait_for_point("serves");
                acknowledged::<$db>(&mut conn);
                child.go_on();
                child.wait_for_point("values");
                child.stop();
                let since = Instant::now();
                advance::<$db, operator::App>(&mut conn, Step::Contract);
                run_out(since, orders.duration);
                // its order waits for it when it wakes up
                child.go_on();
                child.resume();
                assert_eq!(child.wait_for_point("done"), format!("Ok(1) Ok(1) Ok({FIRST:?})"));
                child.go_on();
                assert!(child.wait().success());
                let wrong = "SELECT count(*) FROM versions WHERE tar_sha256 IS NULL";
                assert_eq!($db::text(&mut conn, wrong).as_deref(), Some("0"));
                assert_eq!($db::text(&mut conn, "SELECT count(*) FROM versions").as_deref(), Some("3"));
            }

            /// The same without patience: an error, and nothing is sent.
            #[test]
            fn fm16_without_patience_it_fails_by_name() {
                let (db, mut conn) = database::<$db>();
                advance::<$db, operator::App>(&mut conn, Step::Verify);
                let orders = Orders::new(&db, "statements", Duration::from_millis(600), Duration::ZERO);
                let mut child = orders.spawn();
                child.wait_for_point("serves");
                acknowledged::<$db>(&mut conn);
                child.go_on();
                child.wait_for_point("statement");
                child.stop();
                let since = Instant::now();
                advance::<$db, operator::App>(&mut conn, Step::Contract);
                run_out(since, orders.duration);
                child.go_on();
                child.resume();
                let ok = format!("ok {FIRST:?} [1]");
                wait::until("it serves again", || {
                    let said = child.wait_for_point("statement");
                    child.go_on();
                    assert!(
                        said.starts_with(&ok) || said.contains("lease on the phase"),
                        "{said}"
                    );
                    said.starts_with(&ok)
                });
            }

            #[test]
            fn a_killed_process_leaves_a_row_that_stands_still() {
                let (db, mut conn) = database::<$db>();
                let orders = Orders::new(&db, "statements", Duration::from_millis(300), wait::DEADLINE);
                let mut child = orders.spawn();
                let id = child.wait_for_point("serves");
                let row = |conn: &mut _, id: &str| {
                    let sql = format!("SELECT renewals FROM {} WHERE instance = '{id}'", ledger::<$db>("instances"));
                    $db::text(conn, &sql).and_then(|n| n.parse::<u64>().ok())
                };
                wait::until("it renews", || row(&mut conn, &id) > Some(3));
                child.kill();
                $db::alone(&mut conn);
                let last = row(&mut conn, &id);
                assert!(last.is_some(), "nobody has deleted it");
                // another one that lives tells the time
                model!(other);
                let lease = Lease::of::<<other::App as App<$db>>::Table>()
                    .duration(Duration::from_millis(300))
                    .start(connect(&db))
                    .expect("a lease");
                wait::until("time has passed", || row(&mut conn, lease.instance()) > Some(6));
                assert_eq!(row(&mut conn, &id), last);
            }

            /// An hour forwards and back under a process that runs: no wall clock matters.
            #[test]
            fn a_wall_clock_that_is_set_changes_nothing() {
                let (db, mut conn) = database::<$db>();
                let clock = WallClock::new();
                // a lease that no step of the clock may end
                let orders = Orders::new(&db, "statements", Duration::from_secs(600), Duration::ZERO);
                let mut child = orders.spawn_with(|command| clock.fake(command));
                child.wait_for_point("serves");
                for offset in [0_i64, 3_600, -3_600, 0] {
                    clock.set(offset);
                    child.go_on();
                    let said = child.wait_for_point("statement");
                    let there = said.rsplit(' ').next().and_then(|word| word.parse::<u64>().ok());
                    assert!(said.starts_with(&format!("ok {FIRST:?} [1] ")), "{said}");
                    let there = there.expect("the time of the child");
                    let shift = i64::try_from(there).unwrap() - i64::try_from(seconds()).unwrap();
                    assert!((shift - offset).abs() < 600, "the clock is faked: {shift}");
                }
                assert_eq!(instance::<$db>(&mut conn, "application"), "child");
                child.kill();

                // and one that the clock, set back, must not prolong
                let (db, mut conn) = database::<$db>();
                let orders = Orders::new(&db, "statements", Duration::from_millis(600), Duration::ZERO);
                let mut child = orders.spawn_with(|command| clock.fake(command));
                child.wait_for_point("serves");
                clock.set(-3_600);
                let schema = if $db::POSTGRES { "expand_contract." } else { "" };
                let name = ledger::<$db>("instances");
                let bare = name.trim_start_matches(schema);
                $db::run(&mut conn, &format!("ALTER TABLE {name} RENAME TO hidden"));
                wait::until("its statements fail", || {
                    child.go_on();
                    child.wait_for_point("statement").contains("lease on the phase")
                });
                clock.set(3_600);
                $db::run(&mut conn, &format!("ALTER TABLE {schema}hidden RENAME TO {bare}"));
                wait::until("they work again", || {
                    child.go_on();
                    child.wait_for_point("statement").starts_with("ok")
                });
            }
        }
    )*};
}

children! { sqlite Lite  postgres Postgres }

/// The wall clock of a child, to be set while it runs. The clocks that nobody can set are left alone.
struct WallClock {
    folder: tempfile::TempDir,
}

impl WallClock {
    fn new() -> Self {
        let clock = WallClock {
            folder: tempfile::tempdir().expect("a temporary folder can be created"),
        };
        clock.set(0);
        clock
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    /// Seconds from the true time on.
    fn set(&self, offset: i64) {
        // never half a file
        let new = self.folder.path().join("new");
        fs::write(&new, format!("{offset:+}\n"))
            .and_then(|()| fs::rename(&new, self.file()))
            .expect("a file can be written");
    }

    fn fake(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}

/// Where Debian's package `faketime` has its library.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib")
        .expect("a Linux system")
        .map_while(Result::ok);
    folders
        .map(|folder| folder.path())
        .chain([
            Path::new("/usr/lib").to_owned(),
            Path::new("/usr/local/lib").to_owned(),
        ])
        .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
        .expect("install the package faketime, as tests/run does")
}
