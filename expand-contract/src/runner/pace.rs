//! Between two batches: whether the next one may begin, and who is told how far it is.

use std::time::Duration;

use super::Runner;
use crate::error::Error;
use crate::ledger::Lease;
use crate::options::Progress;
use crate::phase::Step;

/// Whether the next batch may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permit {
    Go,
    /// Not yet: ask again after that long.
    #[allow(dead_code)]
    Wait(Duration),
}

/// What one batch did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    /// Rows it looked at.
    pub(super) rows: u64,
    /// Rows that it wrote, or that differed.
    pub(super) changed: u64,
}

/// One walk along the table, as far as it is.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) progress: Progress,
}

impl Runner<'_> {
    /// At the beginning of a walk. `total`: about how many rows there are.
    pub(super) fn pace(&mut self, step: Step, sweep: u32, total: Option<u64>) -> Pace {
        Pace {
            progress: Progress {
                step,
                sweep,
                batches: 0,
                rows: 0,
                changed: 0,
                estimated_total: total,
            },
        }
    }

    /// Before a batch: asked on the runner's own thread, outside of a transaction.
    pub(super) fn permit(&mut self, _lease: &Lease, _pace: &mut Pace) -> Result<Permit, Error> {
        Ok(Permit::Go)
    }

    /// Waits for the permit.
    pub(super) fn permitted(&mut self, lease: &Lease, pace: &mut Pace) -> Result<(), Error> {
        while let Permit::Wait(time) = self.permit(lease, pace)? {
            std::thread::sleep(time);
        }
        Ok(())
    }

    /// After a batch: on the runner's own thread, outside of a transaction.
    pub(super) fn report(
        &mut self,
        _lease: &Lease,
        pace: &mut Pace,
        done: Done,
    ) -> Result<(), Error> {
        pace.progress.batches += 1;
        pace.progress.rows += done.rows;
        pace.progress.changed += done.changed;
        if let Some(callback) = &mut self.options.progress {
            callback(&pace.progress);
        }
        Ok(())
    }
}
