//! The quiet gate: no step takes a column from a writer that was seen a while ago.

use std::time::Duration;

use super::Runner;
use crate::backend::session::Session;
use crate::error::Error;
use crate::gate::Gate;
use crate::ledger::{Lease, Ledger, Row};
use crate::phase::{Phase, Side, Step};
use crate::plan::in_place::{unseen, watched};
use crate::plan::{Action, Kind};
use crate::stranger::Stranger;

/// The side whose lone writers a publication would break, or whose writes it would lose.
pub(super) fn endangered(action: &Action) -> Option<Side> {
    match (&action.kind, action.step) {
        // old-only INSERTs lose NOT NULL's protection and the default; then the column goes
        (Kind::Publish { .. }, Step::Retire | Step::Contract) => Some(Side::Old),
        // The end of a rollback from `Retired`: the old column is complete and demanded again. What a new-only writer
        // writes is mirrored, but it may have come after the copy back and not convert.
        (
            Kind::Publish {
                to,
                old_incomplete: false,
                ..
            },
            Step::Rollback,
        ) if to.phase == Phase::Switched => Some(Side::New),
        // the new column goes
        (
            Kind::Publish {
                to, cleanup: false, ..
            },
            Step::Rollback,
        ) if to.phase == Phase::Original => Some(Side::New),
        _ => None,
    }
}

/// The sides of which nothing that was seen before a phase's barrier counts: it was the library's own instances, still in
/// the phase before.
pub(super) fn begins_anew(row: &Row) -> &'static [Side] {
    match (row.stage.phase, row.published_by) {
        // until every instance writes both, those that do not look like strangers
        (Phase::Expanded, Some(Step::Expand)) => &[Side::Old, Side::New],
        // instances of `Retired` wrote only the new column
        (Phase::Switched, Some(Step::Rollback)) if row.old_incomplete => &[Side::New],
        _ => &[],
    }
}

/// What was seen of the sides does not count any more.
pub(super) fn forget(s: &mut dyn Session, ledger: &Ledger, sides: &[Side]) -> Result<(), Error> {
    sides
        .iter()
        .try_for_each(|side| ledger.forget_strangers(s, *side))
}

fn named(found: &[Stranger]) -> String {
    let found: Vec<String> = found.iter().map(Stranger::to_string).collect();
    found.join("; ")
}

/// What the operator asks of the gate.
pub(super) struct Terms {
    period: Duration,
    /// Why to go through it even if it is closed.
    reason: Option<String>,
}

impl Terms {
    fn remedy(&self, side: Side) -> String {
        let column = if side == Side::New { "new" } else { "old" };
        format!(
            "deploy it in a release that knows both columns, or end it, and run the step again when nobody has written \
             only the {column} column for {:?}",
            self.period
        )
    }

    /// Why the gate is closed, and what opens it; none where it is open.
    fn found(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        action: &Action,
        side: Side,
    ) -> Result<Option<(String, String)>, Error> {
        let found = ledger.recent_strangers(s, side, self.period)?;
        if !found.is_empty() {
            return Ok(Some((named(&found), self.remedy(side))));
        }
        if self.period.is_zero() {
            return Ok(None);
        }
        let unseen = unseen(action);
        if !unseen.is_empty() {
            let name = if side == Side::New { "new" } else { "old" };
            return Ok(Some((
                unseen.join("; "),
                format!(
                    "make sure that no program is left that knows only the {name} name, and say so by naming the gate: \
                     `Options::override_gate(Gate::Strangers, reason)`"
                ),
            )));
        }
        if watched(action) {
            let since = ledger.watched(s)?;
            if since < self.period {
                return Ok(Some((
                    format!(
                        "nobody was seen to write only the old name, but for no longer than {since:?}"
                    ),
                    format!(
                        "run the step again when `expand` was {:?} ago, or set `Options::quiet_period`",
                        self.period
                    ),
                )));
            }
        }
        Ok(None)
    }

    /// Inside a publishing transaction, with the table locked: nobody came in between.
    pub(super) fn check(
        &self,
        s: &mut dyn Session,
        ledger: &Ledger,
        lease: &Lease,
        action: &Action,
    ) -> Result<(), Error> {
        let Some(side) = endangered(action) else {
            return Ok(());
        };
        let Some((found, remedy)) = self.found(s, ledger, action, side)? else {
            return Ok(());
        };
        let gate = Gate::Strangers;
        match &self.reason {
            Some(reason) => ledger.overridden(s, lease, action.step, gate, (reason, &found)),
            None => Err(Error::GateClosed {
                step: action.step,
                gate,
                found,
                remedy,
            }),
        }
    }
}

impl Runner<'_> {
    pub(super) fn quiet_terms(&self) -> Terms {
        Terms {
            period: self.options.quiet_period,
            reason: self.named(Gate::Strangers),
        }
    }

    /// Before a step's first action: refuses early what its publication would refuse.
    pub(super) fn quiet_before(&mut self, lease: &Lease, actions: &[Action]) -> Result<(), Error> {
        let (ledger, terms) = (self.ledger.clone(), self.quiet_terms());
        self.in_transaction(lease, |s| ledger.fold_strangers(s))?;
        // an override is recorded where it takes effect, with the publication
        if terms.reason.is_some() {
            return Ok(());
        }
        let sides = actions
            .iter()
            .filter_map(|action| Some((action, endangered(action)?)));
        for (action, side) in sides.collect::<Vec<_>>() {
            if let Some((found, remedy)) = terms.found(self.s, &ledger, action, side)? {
                self.closed(lease, action.step, Gate::Strangers, found, &remedy)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase::Stage;

    fn publish(step: Step, phase: Phase, old_incomplete: bool) -> Action {
        let kind = Kind::Publish {
            to: Stage::first(phase),
            old_incomplete,
            cleanup: false,
        };
        Action::new(step, "publish", kind, "none", vec![])
    }

    #[test]
    fn the_gate_stands_before_whatever_takes_a_column_away() {
        let steps = [
            (Step::Expand, Phase::Expanded, false, None),
            (Step::Switch, Phase::Switched, false, None),
            (Step::Retire, Phase::Retired, false, Some(Side::Old)),
            (Step::Contract, Phase::Contracted, false, Some(Side::Old)),
            (Step::Rollback, Phase::Switched, true, None),
            (Step::Rollback, Phase::Switched, false, Some(Side::New)),
            (Step::Rollback, Phase::Expanded, false, None),
            (Step::Rollback, Phase::Original, false, Some(Side::New)),
        ];
        for (step, phase, old_incomplete, side) in steps {
            let action = publish(step, phase, old_incomplete);
            assert_eq!(endangered(&action), side, "{step} to {phase}");
        }
    }
}
