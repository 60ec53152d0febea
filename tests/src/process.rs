//! A test of this executable, run as a process of its own, so that it can be killed at a point it names.
//!
//! The child's part is an ignored test that returns at once unless [`role`] says that it was spawned:
//!
//! ```no_run
//! #[test]
//! #[ignore = "the child of `survives_a_kill`"]
//! fn child_works() {
//!     if tests::process::role().is_none() {
//!         return;
//!     }
//!     tests::process::at_point("half-way", "7 rows"); // blocks until it is killed or told to go on
//! }
//!
//! #[test]
//! fn survives_a_kill() {
//!     let mut child = tests::process::TestProcess::spawn("child_works", "worker");
//!     assert_eq!(child.wait_for_point("half-way"), "7 rows");
//!     child.kill();
//! }
//! ```

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use rustix::process::{kill_process, test_kill_process, Pid, Signal};

use crate::wait;

/// Tells a spawned test which part to play.
const ROLE: &str = "TEST_PROCESS_ROLE";
/// Begins the line that reports a point: the test harness writes to the same stream.
const MARK: &str = "@point ";

/// In a child: the role that [`TestProcess::spawn`] gave it. `None` when the test runs by itself.
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// In a child: reports that it has reached `point`, with a text for the parent, and blocks until it is killed or
/// [told to go on](TestProcess::go_on). Without its parent the child ends here.
///
/// # Panics
///
/// When the parent is gone.
pub fn at_point(point: &str, text: &str) {
    report(point, text);
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    assert!(
        matches!(read, Ok(1..)),
        "the parent went away while this process was at {point}"
    );
}

/// In a child: reports `point` without blocking.
///
/// # Panics
///
/// When the parent is gone.
pub fn report(point: &str, text: &str) {
    assert!(
        !point.contains(char::is_whitespace) && !text.contains('\n'),
        "a point is a word and its text is one line"
    );
    // The harness may have begun a line of its own.
    let mut stdout = io::stdout().lock();
    write!(stdout, "\n{MARK}{point} {text}\n")
        .and_then(|()| stdout.flush())
        .expect("the parent reads what its child writes");
}

/// Whether a process of this id exists.
pub fn exists(pid: u32) -> bool {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        // Not permitted to signal it, it still exists.
        .is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// A test of this executable running as a child process. Killed on drop.
#[derive(Debug)]
pub struct TestProcess {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl TestProcess {
    /// Runs the ignored test `test` (its full name within this executable) in a process of its own.
    ///
    /// # Panics
    ///
    /// When the process cannot be started.
    pub fn spawn(test: &str, role: &str) -> Self {
        Self::spawn_with(test, role, |_| ())
    }

    /// [`spawn`](Self::spawn) with changes to the command: its environment.
    ///
    /// # Panics
    ///
    /// When the process cannot be started.
    pub fn spawn_with(test: &str, role: &str, change: impl FnOnce(&mut Command)) -> Self {
        let executable = env::current_exe().expect("the test knows its executable");
        let mut command = Command::new(executable);
        command
            .args([
                "--exact",
                test,
                "--nocapture",
                "--ignored",
                "--test-threads=1",
            ])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        change(&mut command);
        let mut child = command
            .spawn()
            .expect("the test's own executable can be started");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (sender, lines) = mpsc::channel();
        // Ends with the child, whose end of the pipe closes.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the child reports `point`, and returns its text.
    ///
    /// # Panics
    ///
    /// When the child ends first, or does not get there within [`wait::DEADLINE`].
    #[track_caller]
    pub fn wait_for_point(&mut self, point: &str) -> String {
        let deadline = Instant::now() + wait::DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.lines.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    panic!(
                        "the child did not reach {point}; it wrote:\n{}",
                        self.seen.join("\n")
                    )
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!(
                        "the child ended before {point}; it wrote:\n{}",
                        self.seen.join("\n")
                    )
                }
            };
            if let Some((reached, text)) = line
                .strip_prefix(MARK)
                .and_then(|rest| rest.split_once(' '))
            {
                if reached == point {
                    return text.to_owned();
                }
            }
            self.seen.push(line);
        }
    }

    /// Lets a child that is blocked in [`at_point`] go on.
    ///
    /// # Panics
    ///
    /// When the child is gone.
    pub fn go_on(&mut self) {
        let stdin = self.child.stdin.as_mut().expect("stdin is piped");
        writeln!(stdin)
            .and_then(|()| stdin.flush())
            .expect("the child reads its orders");
    }

    /// Stops the child with SIGSTOP, and returns when all of its threads stand still.
    ///
    /// # Panics
    ///
    /// When the operating system refuses.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.id());
        wait::until("every thread of the child stands still", || {
            std::fs::read_dir(&tasks)
                .expect("a child has threads")
                .map_while(Result::ok)
                .all(|task| {
                    // the state follows the name, which is in parentheses
                    std::fs::read_to_string(task.path().join("stat"))
                        .is_ok_and(|stat| stat.rsplit(") ").next().unwrap_or("").starts_with('T'))
                })
        });
    }

    /// Lets a stopped child run on.
    ///
    /// # Panics
    ///
    /// When the operating system refuses.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child has a process id"), signal)
            .expect("a child can be signalled");
    }

    /// Kills the child with SIGKILL, and returns when it is gone.
    ///
    /// # Panics
    ///
    /// When the operating system refuses.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Waits until the child ends by itself.
    ///
    /// # Panics
    ///
    /// When it does not within [`wait::DEADLINE`].
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait::until("the child ends", || {
            status = self.child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        status.expect("the child has ended")
    }
}

impl Drop for TestProcess {
    fn drop(&mut self) {
        // An error means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
