//! Read transactions that see the file as it was.

use super::rules::CHECKPOINT;
use crate::backend::driver::Mark;
use crate::backend::session::Session;
use crate::error::{Error, While};
use crate::waiting::Transaction;

/// See [`crate::backend::driver::Driver::older_transactions`].
///
/// A checkpoint copies no frame of the log behind the end of the log that some reader began with
/// (https://sqlite.org/wal.html, *Checkpointing*). So when all that was in the log at the mark is in the file, no reader
/// from before it is left. A log that has become shorter was begun anew, which takes the same. Without a write-ahead log
/// a commit waits for all readers, and there was one right before.
pub(super) fn older(
    s: &mut dyn Session,
    mark: &mut Option<Mark>,
) -> Result<Vec<Transaction>, Error> {
    let rows = s
        .rows(CHECKPOINT, &[])
        .during("looking for older readers")?;
    let mut row = rows.into_iter().flatten();
    let mut next = || {
        let value = row
            .next()
            .flatten()
            .and_then(|value| value.parse::<i64>().ok());
        value.ok_or_else(|| Error::Unexpected {
            what: CHECKPOINT.to_owned(),
        })
    };
    let (busy, log, copied) = (next()?, next()?, next()?);
    let name = if busy != 0 && log < 0 {
        "another connection that makes a checkpoint"
    } else {
        let frames = match mark.get_or_insert(Mark::Frames(log)) {
            Mark::Frames(frames) => *frames,
            Mark::Transactions(_) => return Ok(Vec::new()),
        };
        if copied >= frames || log < frames {
            return Ok(Vec::new());
        }
        "a read transaction that began before"
    };
    Ok(vec![Transaction {
        pid: None,
        name: name.to_owned(),
        application: None,
        role: None,
        state: None,
        age: None,
        query: None,
    }])
}
