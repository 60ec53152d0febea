//! What a run tells of itself while it is under way.

use crate::phase::Step;

/// How far a copy or comparison is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Which time through the table, from 1; 0: along the queue of rows that writers of one column left.
    pub sweep: u32,
    /// Batches of this sweep so far.
    pub batches: u64,
    /// Rows looked at in this sweep so far (the last batch counts as full).
    pub rows: u64,
    /// Rows written (or found to differ) in this sweep so far.
    pub changed: u64,
    /// About how many rows the table has, where the database knows.
    pub estimated_total: Option<u64>,
}

/// Before or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The action has not begun.
    Before,
    /// The action is done and on record.
    After,
}

/// An action, as given to [`Options::on_action`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActionEvent {
    /// The step.
    pub step: Step,
    /// The action's name, as in the plan.
    pub action: String,
    /// Before or after it.
    pub moment: Moment,
}
