//! New installations and tests: a table without rows goes to the end at once.

use super::action::has_rows;
use super::Runner;
use crate::error::Error;
use crate::ledger;
use crate::phase::{Phase, Side, Stage, Step};
use crate::plan::actions::sql;
use crate::plan::{Action, Kind, Work};

impl Runner<'_> {
    /// Whether the migration has not begun, the table has no rows, and no instance is registered that would have to be
    /// waited for in between.
    pub(crate) fn is_new(&mut self) -> Result<bool, Error> {
        let position = self.checked_position()?;
        if position.stage != Stage::first(Phase::Original) || position.cleanup() {
            return Ok(false);
        }
        if ledger::is_current(self.s)? && self.ledger.is_served(self.s)? {
            return Ok(false);
        }
        let facts = self.facts()?;
        Ok(!has_rows(self.s, &facts.table)?)
    }

    /// From `Original` to `Contracted` in one transaction.
    pub(crate) fn run_on_empty(&mut self) -> Result<Stage, Error> {
        self.leased("run_on_empty", |runner, lease| {
            let position = runner.checked_position()?;
            match position.stage {
                stage if stage.phase == Phase::Contracted => return Ok(stage),
                stage if stage == Stage::first(Phase::Original) && !position.cleanup() => {}
                stage => {
                    return Err(Error::OtherPhase {
                        migration: runner.def.id.to_owned(),
                        stage,
                        expected: Phase::Original,
                    })
                }
            }
            let facts = runner.facts()?;
            runner.preflight(&facts)?;
            let cx = runner.context(&facts);
            let mut work = vec![Work::MustBeEmpty];
            work.extend(match runner.def.in_place() {
                true => sql(cx.renames(Side::Old)).collect(),
                false => cx.rules.on_empty(&cx)?,
            });
            let to = if runner.def.two_passes() {
                Stage::second(Phase::Contracted)
            } else {
                Stage::first(Phase::Contracted)
            };
            let kind = Kind::Publish {
                to,
                old_incomplete: false,
                cleanup: false,
            };
            let lock = runner.rules.ddl_lock();
            let action = Action::new(Step::Contract, "change the empty table", kind, lock, work);
            let barrier = cx.barrier(Step::Contract, Phase::Contracted)?;
            runner.run(lease, &facts, &[action, barrier])?;
            Ok(runner.position()?.stage)
        })
    }
}
