//! Runs the steps: ledger, catalogue and definition in, actions out, one after the other.

mod action;
mod backfill;
mod barrier;
mod build;
mod drain;
mod empty;
mod gates;
mod hand;
mod in_place;
mod intact;
mod job;
mod locate;
mod pace;
mod preflight;
mod repair;
mod requests;
mod shadow;
mod steering;
mod strangers;
mod throttle;
mod triggers;
mod verify;
mod walk;
mod workers;

pub use drain::Drained;
pub(crate) use locate::{compatible, locate, Position};

use crate::backend::driver::{driver, Driver};
use crate::backend::rules::{rules, Rules};
use crate::backend::session::Session;
use crate::catalogue::Table;
use crate::definition::{MigrationDef, TableName};
use crate::error::Error;
use crate::ledger::{self, Lease, Ledger};
use crate::options::Options;
use std::time::Instant;

use crate::phase::{Phase, Stage, Step};
use crate::plan::cost::{annotate, Rates, Size};
use crate::plan::{moving, Action, Active, Context, Frozen, Kind, SavedCheck, SavedIndex};

/// What a run works with.
pub(crate) struct Runner<'r> {
    pub(crate) s: &'r mut dyn Session,
    pub(crate) def: &'static MigrationDef,
    pub(crate) name: TableName,
    pub(crate) options: &'r mut Options,
    pub(crate) driver: &'static dyn Driver,
    pub(crate) rules: &'static dyn Rules,
    pub(crate) ledger: Ledger,
    /// Told of every phase as soon as it is published.
    pub(crate) published: &'r dyn Fn(Stage, bool),
    /// The server process that worked for it first.
    pub(crate) process: Option<i64>,
    /// When this runner last published a phase, or first saw that it was settled.
    pub(crate) since: Option<Instant>,
    telling: pace::Telling,
    /// No triggers of the user's are to fire.
    silent: bool,
}

/// The facts of one moment, from which a [`Context`] is made.
pub(crate) struct Facts {
    pub(crate) position: Position,
    pub(crate) table: Table,
    pub(crate) changes: Vec<Active>,
    pub(crate) saved: Vec<SavedIndex>,
    pub(crate) saved_checks: Vec<SavedCheck>,
}

impl<'r> Runner<'r> {
    pub(crate) fn new(
        s: &'r mut dyn Session,
        def: &'static MigrationDef,
        name: TableName,
        options: &'r mut Options,
    ) -> Result<Self, Error> {
        let dialect = s.dialect();
        Ok(Runner {
            driver: driver(dialect)?,
            rules: rules(dialect)?,
            ledger: Ledger::new(dialect, def),
            s,
            def,
            name,
            options,
            published: &|_, _| (),
            process: None,
            since: None,
            telling: pace::Telling::default(),
            silent: false,
        })
    }

    pub(crate) fn position(&mut self) -> Result<Position, Error> {
        locate(self.s, self.driver, &self.ledger, self.def, &self.name)
    }

    pub(crate) fn facts(&mut self) -> Result<Facts, Error> {
        let position = self.position()?;
        let table = self.driver.table(self.s, &self.name)?;
        let mut facts = self.facts_of(position, table)?;
        if facts.position.row.is_some() {
            facts.saved = self.ledger.saved(self.s)?;
            facts.saved_checks = self.ledger.saved_checks(self.s)?;
        }
        Ok(facts)
    }

    /// As far as statements go by them: without what is on the columns, and what is remembered of that.
    pub(crate) fn facts_for_statements(&mut self) -> Result<Facts, Error> {
        let position = self.position()?;
        let table = self.driver.columns(self.s, &self.name)?;
        self.facts_of(position, table)
    }

    fn facts_of(&mut self, position: Position, table: Option<Table>) -> Result<Facts, Error> {
        let table = table.ok_or_else(|| self.no_table())?;
        let mut frozen = Vec::new();
        // before a pass is expanded, the live column is the truth
        if position.row.is_some() && position.stage.phase != Phase::Original {
            frozen = self.ledger.frozen(self.s)?;
        }
        let mut changes = Vec::new();
        if position.stage.phase != Phase::Contracted {
            for (index, def, from, to) in moving(self.def, position.stage.pass) {
                let known = frozen.iter().find(|(change, _)| *change == index);
                let frozen = match (known, table.column(from)) {
                    (Some((_, frozen)), _) => frozen.clone(),
                    (None, Some(column)) => Frozen::of(column),
                    (None, None) => {
                        return Err(Error::ColumnMissing {
                            table: table.name.to_string(),
                            old: from.to_owned(),
                            new: to.to_owned(),
                        })
                    }
                };
                changes.push(Active {
                    index,
                    def,
                    from,
                    to,
                    conversion: def.conversion_in(position.stage),
                    frozen,
                });
            }
        }
        Ok(Facts {
            position,
            table,
            changes,
            saved: Vec::new(),
            saved_checks: Vec::new(),
        })
    }

    fn no_table(&self) -> Error {
        Error::TableNotFound {
            table: self.name.to_string(),
        }
    }

    pub(crate) fn context<'f>(&self, facts: &'f Facts) -> Context<'f> {
        Context {
            def: self.def,
            stage: facts.position.stage,
            old_incomplete: facts.position.old_incomplete(),
            table: &facts.table,
            changes: &facts.changes,
            saved: &facts.saved,
            saved_checks: &facts.saved_checks,
            rules: self.rules,
        }
    }

    /// Where the migration stands, in the caller's process and in the ledger alike.
    pub(crate) fn checked_position(&mut self) -> Result<Position, Error> {
        let position = self.position()?;
        position.check_frozen(self.def, &self.ledger)?;
        Ok(position)
    }

    /// Runs `work` as the table's only runner.
    pub(crate) fn leased<T>(
        &mut self,
        what: &str,
        work: impl FnOnce(&mut Self, &Lease) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // a transaction that Diesel knows nothing of would be committed by the first of the runner's
        if self.s.depth()? > 0 || self.driver.in_block(self.s)? {
            return Err(Error::InsideTransaction {
                what: what.to_owned(),
            });
        }
        self.check_workers()?;
        self.driver.version(self.s)?;
        self.remember_process()?;
        let table = self.driver.columns(self.s, &self.name)?;
        let table = table.ok_or_else(|| self.no_table())?;
        let exists = ledger::meta(self.s)?.is_some();
        self.driver.privileges(self.s, &table, exists)?;
        self.check_throttles()?;
        self.check_silence()?;
        ledger::ensure(self.s)?;
        // whoever has cancelled it wants no run to wait for the lease either
        self.requested()?;
        let who = self.options.who();
        let lease = Lease::acquire(self.s, self.driver, &table, &who, self.options.lease)?;
        let result = work(self, &lease);
        if let Err(error) = &result {
            self.failed(&lease, error);
        }
        // after a lost connection this fails, and the lease runs out
        lease.release(self.s);
        result
    }

    /// One step, from wherever the migration stands; the stage afterwards.
    pub(crate) fn step(&mut self, step: Step) -> Result<Stage, Error> {
        self.step_if(step, |_| true)
    }

    /// The same, if it is wanted from there.
    pub(crate) fn step_if(
        &mut self,
        step: Step,
        wanted: impl Fn(&Position) -> bool,
    ) -> Result<Stage, Error> {
        let position = self.checked_position()?;
        if !position.unfinished(step) || !wanted(&position) {
            return Ok(position.stage);
        }
        self.leased(step.as_str(), |runner, lease| {
            // again, now that nobody else moves it
            let position = runner.checked_position()?;
            if !position.unfinished(step) || !wanted(&position) {
                return Ok(position.stage);
            }
            runner.in_order(&position, step)?;
            runner.settle(lease, step)?;
            if !position.pending(step) {
                return Ok(position.stage);
            }
            if position.cleanup() {
                runner.finish_rollback(lease)?;
            }
            runner.shadow_gate(lease, &position, step)?;
            let facts = runner.facts()?;
            match step {
                Step::Expand => runner.preflight(&facts)?,
                // what was added to the old column in the meantime
                Step::Backfill | Step::Retire | Step::Contract => runner.obstacles(&facts)?,
                Step::Verify | Step::Switch | Step::Rollback => {}
            }
            let actions = runner.context(&facts).actions(step)?;
            runner.quiet_before(lease, &actions)?;
            runner.run(lease, &facts, &actions)?;
            runner.drop_left_over(lease, &facts, step)?;
            runner.completed(lease, step)?;
            Ok(runner.position()?.stage)
        })
    }

    fn completed(&mut self, lease: &Lease, step: Step) -> Result<(), Error> {
        if step == Step::Backfill {
            let ledger = self.ledger.clone();
            self.in_transaction(lease, |s| {
                ledger.backfilled(s)?;
                // what differed then was repaired now
                if ledger.shadow_reads(s)?.mismatches > 0 {
                    ledger.forget_shadow_reads(s)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn in_order(&self, position: &Position, step: Step) -> Result<(), Error> {
        let first = match (position.way.comes_first(step, position.standing()), step) {
            (Some(first), _) => first,
            // a comparison is no use before
            (None, Step::Verify | Step::Switch) if !position.backfilled() => Step::Backfill,
            (None, Step::Switch) if !position.verified() => Step::Verify,
            (None, _) => return Ok(()),
        };
        Err(Error::WrongOrder {
            migration: self.def.id.to_owned(),
            step,
            stage: position.stage,
            first,
        })
    }

    // a rollback to the start that was killed after it had published
    fn finish_rollback(&mut self, lease: &Lease) -> Result<(), Error> {
        let facts = self.facts()?;
        let action = self.context(&facts).drop_new();
        self.run(lease, &facts, &[action])
    }

    /// Back by one phase.
    pub(crate) fn rollback(&mut self) -> Result<Stage, Error> {
        let position = self.checked_position()?;
        if position.row.is_none() && position.stage.phase == Phase::Original {
            return Err(self.no_rollback(position.stage, "it has not begun"));
        }
        self.leased("rollback", |runner, lease| {
            let facts = runner.facts()?;
            facts.position.check_frozen(runner.def, &runner.ledger)?;
            let stage = facts.position.stage;
            match stage.phase {
                // nothing else tells that it was this migration
                Phase::Contracted if runner.def.in_place() => {
                    if facts.position.row.is_none() {
                        let reason = "the ledger does not know of it";
                        return Err(runner.no_rollback(stage, reason));
                    }
                    runner.rename_back_preflight(&facts)?;
                }
                Phase::Contracted => {
                    return Err(runner.no_rollback(stage, "the old column is gone"))
                }
                // killed behind its publication
                Phase::Original if runner.def.in_place() && !facts.position.settled() => {
                    runner.settle(lease, Step::Rollback)?;
                    if !facts.position.cleanup() {
                        return Ok(runner.position()?.stage);
                    }
                }
                Phase::Original if !facts.position.cleanup() => {
                    let reason = match stage.pass {
                        crate::phase::Pass::First => "there is nothing to go back to",
                        crate::phase::Pass::Second => "the first pass's old column is gone",
                    };
                    return Err(runner.no_rollback(stage, reason));
                }
                _ => {}
            }
            runner.settle(lease, Step::Rollback)?;
            let facts = runner.facts()?;
            if stage.phase == Phase::Retired && runner.rules.outgrown(&runner.context(&facts)) {
                return Err(runner.no_rollback(
                    stage,
                    "a sequence has given out values that the old column cannot hold",
                ));
            }
            let actions = runner.context(&facts).actions(Step::Rollback)?;
            if runner.def.in_place() {
                runner.quiet_before(lease, &actions)?;
            }
            runner.run(lease, &facts, &actions)?;
            runner.drop_left_over(lease, &facts, Step::Rollback)?;
            Ok(runner.position()?.stage)
        })
    }

    fn no_rollback(&self, stage: Stage, reason: &'static str) -> Error {
        Error::NoRollback {
            migration: self.def.id.to_owned(),
            stage,
            reason,
        }
    }

    /// The actions of every step that is left in this pass. Reads only.
    pub(crate) fn plan(&mut self) -> Result<Vec<Action>, Error> {
        let position = self.checked_position()?;
        let unfinished = |step: &Step| position.unfinished(*step);
        let Some(next) = Step::ALL.into_iter().find(unfinished) else {
            return Ok(Vec::new());
        };
        let mut out: Vec<Action> = self.unsettled(next)?.into_iter().collect();
        if position.stage.phase == Phase::Contracted {
            annotate(
                &mut out,
                self.s.dialect(),
                Size::default(),
                Rates::default(),
            );
            return Ok(out);
        }
        let mut facts = self.facts()?;
        if position.cleanup() {
            out.push(self.context(&facts).drop_new());
        }
        for step in Step::ALL {
            if step == Step::Rollback || !position.pending(step) {
                continue;
            }
            if let Some(starts) = position.way.starts_in(step) {
                if facts.position.stage.phase < starts {
                    facts.position.stage.phase = starts;
                }
            }
            // what a step does again if it is not there has been planned for an earlier one
            let known = out.len();
            for action in self.context(&facts).actions(step)? {
                let again = matches!(action.kind, Kind::Ddl | Kind::Outside)
                    && out[..known]
                        .iter()
                        .any(|earlier| earlier.name == action.name && earlier.sql == action.sql);
                if !again {
                    out.push(action);
                }
            }
        }
        let size = self.driver.size(self.s, &facts.table)?;
        let rates = match ledger::is_current(self.s)? {
            true => self.ledger.rates(self.s, &facts.table.name.to_string())?,
            false => Rates::default(),
        };
        annotate(&mut out, facts.table.dialect, size, rates);
        Ok(out)
    }
}
