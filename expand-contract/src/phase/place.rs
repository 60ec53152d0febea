//! The steps of a migration, one after the other, through both passes.

use super::{Pass, Step};

/// One step in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) pass: Pass,
    pub(crate) step: Step,
}

const PASSES: [Pass; 2] = [Pass::First, Pass::Second];

fn forward() -> impl Iterator<Item = Step> + Clone {
    let steps = Step::ALL.into_iter();
    steps.filter(|step| *step != Step::Rollback)
}

/// All steps of a migration, those of a second pass behind those of the first.
pub(crate) fn places(two_passes: bool) -> impl Iterator<Item = Place> {
    let passes = PASSES.into_iter().take(if two_passes { 2 } else { 1 });
    passes.flat_map(|pass| forward().map(move |step| Place { pass, step }))
}

impl Place {
    /// What tells its folder from those of the migration's other steps, and sorts it among them: `s01expand`.
    pub(crate) fn tag(self) -> String {
        let behind = PASSES.into_iter().position(|pass| pass == self.pass);
        let before = forward().position(|step| step == self.step);
        let number = behind.unwrap_or(0) * forward().count() + before.unwrap_or(0) + 1;
        format!("s{number:02}{}", self.step)
    }
}
