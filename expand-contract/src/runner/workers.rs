//! Several connections at work on the parts of one walk.
//!
//! Each worker is a thread with a connection of its own, and takes the next part whenever it is done with one. The runner's
//! own thread does no batch: it asks whether batches may begin, tells how far they are, renews the lease that the workers'
//! transactions are fenced by, and stops them all when one fails.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::hand::Hand;
use super::pace::{Pace, Permit};
use super::steering::Steering;
use super::walk::{Again, Batch, Between, Errand, OneBatch};
use super::Runner;
use crate::backend::driver::Driver;
use crate::backend::session::{Connect, Session};
use crate::backoff::backoff;
use crate::error::Error;
use crate::ledger::Lease;

/// How often the runner asks for the permit and renews the lease while it hears nothing.
const PULSE: Duration = Duration::from_secs(1);
/// How often a worker opens a connection in place of one that was lost, in a row.
const RECONNECTIONS: u32 = 8;

/// What the workers and the runner see of each other.
struct Board<P> {
    state: Mutex<State<P>>,
    changed: Condvar,
}

struct State<P> {
    parts: VecDeque<P>,
    /// Batches may begin.
    open: bool,
    /// No batch is to begin any more.
    stopped: bool,
}

impl<P> Board<P> {
    fn new(parts: Vec<P>) -> Self {
        Board {
            state: Mutex::new(State {
                parts: parts.into(),
                open: false,
                stopped: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<P>> {
        // nothing panics while it holds the lock
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, open: bool) {
        self.state().open = open;
        self.changed.notify_all();
    }

    fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }

    /// Waits until a batch may begin; `false`: never again.
    fn admitted(&self) -> bool {
        let mut state = self.state();
        loop {
            match (state.stopped, state.open) {
                (true, _) => return false,
                (false, true) => return true,
                (false, false) => {
                    state = self
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn take(&self) -> Option<P> {
        self.state().parts.pop_front()
    }
}

/// Stops everybody when it goes, so that a panic on one thread does not leave the others waiting.
struct StopAtLast<'b, P>(&'b Board<P>);

impl<P> Drop for StopAtLast<'_, P> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// What a worker tells the runner.
enum News {
    Done(Batch),
    Failed(Error),
}

/// What every worker is given.
struct Tools<'t, P> {
    board: &'t Board<P>,
    batch: &'t OneBatch<'t, P>,
    again: &'t Again<'t, P>,
    size: Steering,
    connect: Connect,
    driver: &'static dyn Driver,
    lease: &'t Lease,
    retries: u32,
    silent: bool,
}

impl<P> Tools<'_, P> {
    fn hand<'h>(&'h self, session: &'h mut Box<dyn Session>) -> Hand<'h> {
        Hand {
            s: &mut **session,
            driver: self.driver,
            lease: self.lease,
            retries: self.retries,
            silent: self.silent,
            beside: true,
        }
    }

    /// Until there are no parts left or everybody is to stop.
    fn work(&self, news: &Sender<News>) -> Result<(), Error> {
        let mut session = (self.connect)()?;
        let mut size = self.size.clone();
        let mut losses = 0;
        while self.board.admitted() {
            let Some(mut part) = self.board.take() else {
                return Ok(());
            };
            while self.board.admitted() {
                let result = (self.batch)(&mut self.hand(&mut session), &mut part, &mut size);
                let batch = match result {
                    Ok(batch) => batch,
                    Err(error @ Error::Database { .. }) => {
                        if self.hand(&mut session).is_alive() || losses >= RECONNECTIONS {
                            return Err(error);
                        }
                        losses += 1;
                        thread::sleep(backoff(losses));
                        // whether the last batch was committed, the ledger knows
                        match self.reconnect(&mut session, &part, error)? {
                            Some(found) => part = found,
                            None => break,
                        }
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                losses = 0;
                let last = batch.last;
                // a runner that does not listen any more has stopped everybody
                if news.send(News::Done(batch)).is_err() || last {
                    break;
                }
            }
        }
        Ok(())
    }

    // `error` is what to report if the server cannot be reached, for it says what was lost
    fn reconnect(
        &self,
        session: &mut Box<dyn Session>,
        part: &P,
        error: Error,
    ) -> Result<Option<P>, Error> {
        for attempt in 1..=RECONNECTIONS {
            if let Ok(opened) = (self.connect)() {
                *session = opened;
                match (self.again)(&mut self.hand(session), part) {
                    Err(Error::Database { .. }) => {}
                    result => return result,
                }
            }
            thread::sleep(backoff(attempt));
        }
        Err(error)
    }
}

impl Runner<'_> {
    /// All parts by several workers. Without a way to further connections there is nobody to do them.
    pub(super) fn go_together<P: Send>(
        &mut self,
        lease: &Lease,
        pace: &mut Pace,
        errand: Errand<'_, P>,
        between: &mut Between<'_>,
    ) -> Result<Batch, Error> {
        self.check_workers()?;
        let Some(connect) = self.options.connect.clone() else {
            return Ok(Batch::default());
        };
        let workers = self.workers().min(errand.parts.len());
        pace.progress.workers = u32::try_from(workers).unwrap_or(u32::MAX);
        let board = Board::new(errand.parts);
        let tools = Tools {
            board: &board,
            batch: errand.batch,
            again: errand.again,
            size: errand.size,
            connect,
            driver: self.driver,
            lease,
            retries: self.options.retries,
            silent: self.silent,
        };
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            let _stop = StopAtLast(&board);
            for _ in 0..workers {
                let (tools, sender) = (&tools, sender.clone());
                scope.spawn(move || {
                    let panics = StopOnPanic(tools.board);
                    if let Err(error) = tools.work(&sender) {
                        // a runner that has gone has an error of its own
                        let _ = sender.send(News::Failed(error));
                    }
                    drop(panics);
                });
            }
            drop(sender);
            self.coordinate(lease, pace, (&board, &receiver), errand.samples, between)
        })
    }

    // until the last worker has gone
    fn coordinate<P>(
        &mut self,
        lease: &Lease,
        pace: &mut Pace,
        (board, news): (&Board<P>, &Receiver<News>),
        samples: usize,
        between: &mut Between<'_>,
    ) -> Result<Batch, Error> {
        let mut all = Batch::default();
        let mut failed = None;
        let mut renewed = Instant::now();
        // well within the time after which another runner takes over
        let pulse = PULSE.min(self.options.lease / 5);
        let pulse = pulse.max(Duration::from_millis(2));
        loop {
            let mut patience = pulse;
            if failed.is_none() {
                match self.permit(lease, pace) {
                    Ok(Permit::Go) => board.open(true),
                    Ok(Permit::Wait(time)) => {
                        board.open(false);
                        patience = patience.min(time);
                    }
                    Err(error) => failed = Some(error),
                }
            }
            let told = match news.recv_timeout(patience) {
                Ok(News::Done(batch)) => self
                    .gather(lease, pace, &mut all, batch, samples)
                    .and_then(|()| match failed {
                        None => between(self),
                        Some(_) => Ok(()),
                    }),
                Ok(News::Failed(error)) => Err(error),
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let renewal = match renewed.elapsed() >= pulse && failed.is_none() {
                true => {
                    renewed = Instant::now();
                    self.in_transaction(lease, |_| Ok(()))
                }
                false => Ok(()),
            };
            // the first error is the one to report; what comes then may be its consequence
            failed = failed.or(told.err()).or(renewal.err());
            if failed.is_some() {
                board.stop();
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(all),
        }
    }
}

/// Stops everybody when its thread panics: the others' errors must not take the panic's place, nor their work hide it.
struct StopOnPanic<'b, P>(&'b Board<P>);

impl<P> Drop for StopOnPanic<'_, P> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}
