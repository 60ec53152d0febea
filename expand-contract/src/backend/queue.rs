//! The safety net of changes that only Rust can convert: triggers that put the key of a row on a queue when a writer that
//! knows one column has written it. What is common to the dialects.
//!
//! A writer of both columns names both, so a statement that does is left alone even where one of the values stays as it
//! was. The new value of a row whose old one was written alone is gone at once: a value that is there is right. The old
//! value of a row whose new one was written alone cannot go, since the column may be NOT NULL; it is what it was until the
//! queue is drained.

use crate::backend::mirror::Mirror;
use crate::definition::Conversion;
use crate::ledger::{Ledger, Written};
use crate::plan::Context;

/// What becomes of a statement that writes one column only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `Expanded`: its rows are queued.
    Queue,
    /// `Switched`: it is refused.
    Refuse,
    /// `Retired`: writing the new column only is what this release does; writing the old one only is refused.
    Retired,
    /// On the way from `Retired` to `Switched`: there are instances that write the new column only, whose rows are queued;
    /// writing the old one only is refused.
    Back,
}

impl Mode {
    /// Whether rows of which this column alone was written are queued; otherwise the statement is refused, or, in
    /// `Retired`, left alone.
    pub(crate) fn queues(self, written: Written) -> bool {
        match self {
            Mode::Queue => true,
            Mode::Back => written == Written::New,
            Mode::Refuse | Mode::Retired => false,
        }
    }

    /// Whether a statement that writes only the new column is an ordinary one.
    pub(crate) fn ignores_new(self) -> bool {
        self == Mode::Retired
    }
}

/// The changes that the database cannot convert by itself.
pub(crate) fn all<'c>(cx: &'c Context<'c>) -> impl Iterator<Item = Mirror<'c>> {
    Mirror::all(cx).filter(|mirror| mirror.change.conversion == Conversion::Rust)
}

/// The ledger of the migration, for its SQL.
pub(crate) fn ledger(cx: &Context<'_>) -> Ledger {
    Ledger::new(cx.table.dialect, cx.def)
}

/// What a refused writer is told, and what to do about it.
pub(crate) fn refusal(mirror: &Mirror<'_>, written: Written) -> (String, String) {
    let (from, to) = (mirror.change.from, mirror.change.to);
    let (written, other) = match written {
        Written::Old => (from, to),
        Written::New => (to, from),
    };
    (
        format!(
            "column {written} of {} was written without {other}, which this database cannot convert",
            mirror.cx.table.name
        ),
        "write through a release that knows expand-contract, or roll the migration back to `expanded` first"
            .to_owned(),
    )
}
