//! How an instance follows the phase.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use diesel::{Connection, PgConnection};
use rolling_deploy::Failure;

use crate::store::Account;

pub struct Follow {
    stop: Arc<AtomicBool>,
    watcher: JoinHandle<()>,
}

pub fn follow(url: &str) -> Result<Follow, Failure> {
    let mut conn = PgConnection::establish(url)?;
    Account::migration().load(&mut conn)?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let watcher = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(100));
            if let Err(error) = Account::migration().load(&mut conn) {
                eprintln!("the phase: {error}");
            }
        }
    });
    Ok(Follow { stop, watcher })
}

impl Follow {
    pub fn shutdown(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.watcher.join();
    }
}
