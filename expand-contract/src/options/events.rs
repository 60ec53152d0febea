//! What a run tells of itself while it is under way.

use crate::phase::Step;

/// Before or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The action has not begun.
    Before,
    /// The action is done and on record.
    After,
}

/// An action, as given to [`Options::on_action`](crate::Options::on_action).
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
