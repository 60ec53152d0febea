//! The operator, who runs each step in a process of its own, with the program of release N+1.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rolling_deploy::Failure;

/// How long after the quiet period a step may still be refused.
const PATIENCE: Duration = Duration::from_secs(20);
/// How the refusal begins.
const QUIET_GATE: &str = "does not go on, strangers";

pub struct Operator<'a> {
    pub program: &'a Path,
    pub url: &'a str,
    /// No stranger may have written for so long before `retire` and `contract`.
    pub quiet: Duration,
}

impl Operator<'_> {
    /// Runs a step and returns the phase, or what the program said instead.
    pub fn step(&self, step: &str) -> Result<String, Failure> {
        let output = Command::new(self.program)
            .args(["--url", self.url, "migrate", step, "--quiet-ms"])
            .arg(self.quiet.as_millis().to_string())
            .output()?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(format!("{step}: {said}").into())
        }
    }

    /// Runs a step that has to be refused because of a stranger, and returns what the program said.
    pub fn refused(&self, step: &str, stranger: &str) -> Result<String, Failure> {
        match self.step(step) {
            Ok(phase) => Err(format!("{step} went on to {phase} while a stranger wrote").into()),
            Err(error) if error.to_string().contains(stranger) => Ok(error.to_string()),
            Err(error) => Err(format!("{step} was refused for another reason: {error}").into()),
        }
    }

    /// Runs a step, again and again while it is refused because somebody wrote the old column only a while ago.
    pub fn once_quiet(&self, step: &str) -> Result<String, Failure> {
        let start = Instant::now();
        loop {
            match self.step(step) {
                // who wrote is not put on record with every single write
                Err(error)
                    if error.to_string().contains(QUIET_GATE)
                        && start.elapsed() < self.quiet + PATIENCE =>
                {
                    thread::sleep(Duration::from_millis(300));
                }
                result => return result,
            }
        }
    }
}
