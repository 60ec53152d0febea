//! What the programs of the rolling deployment have in common. None of it knows `expand-contract`.
//!
//! * [`api`]: what clients may ask of an instance.
//! * [`service`]: the frame of an instance: it listens, answers, and goes when it is told to.
//! * [`history`]: judges what is read by what was written.
//! * [`server`]: a private PostgreSQL.
#![forbid(unsafe_code)]

pub mod api;
pub mod history;
pub mod server;
pub mod service;

/// What goes wrong in programs that only report it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How a program ends: in silence, or with what went wrong, in words.
pub fn report(program: &str, result: Result<(), Failure>) -> std::process::ExitCode {
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
