//! The actions of the steps, as far as they are the same everywhere.

use super::{Action, Active, Context, Kind, Work};
use crate::backend::queue::Mode;
use crate::definition::Conversion;
use crate::error::Error;
use crate::phase::{Phase, Stage, Step};

/// The name of the action behind a publication, under which the ledger knows that a phase has settled.
pub(crate) const BARRIER: &str = "wait for instances";

impl Context<'_> {
    /// The actions of a step from here.
    pub(crate) fn actions(&self, step: Step) -> Result<Vec<Action>, Error> {
        if self.def.in_place() {
            return self.in_place(step);
        }
        match step {
            Step::Expand => self.expand(),
            Step::Backfill => self.backfill(),
            Step::Verify => Ok(vec![self.verify(step)?]),
            Step::Switch => self.switch(),
            Step::Retire => self.rules.retire(self),
            Step::Contract => self.rules.contract(self),
            Step::Rollback => self.rollback(),
        }
    }

    fn expand(&self) -> Result<Vec<Action>, Error> {
        let mut work = vec![Work::Freeze];
        for change in self.changes {
            for sql in self.rules.add_column(self, change)? {
                work.push(Work::Sql(sql));
            }
        }
        work.extend(sql(self.rules.mirror(self)?));
        let mut publish = self.publish(Step::Expand, Phase::Expanded, work);
        publish.name = "add the new columns and publish".to_owned();
        let barrier = self.barrier(Step::Expand, Phase::Expanded)?;
        Ok(vec![publish, barrier])
    }

    fn backfill(&self) -> Result<Vec<Action>, Error> {
        let mut actions = self.parent_copies(Step::Backfill);
        let first: Vec<String> = actions.iter().map(|action| action.name.clone()).collect();
        actions.push(self.copy_rows(Step::Backfill, false)?);
        let copies = self.plain_copies(Step::Backfill).into_iter();
        actions.extend(copies.filter(|action| !first.contains(&action.name)));
        actions.extend(self.copy_statistics(Step::Backfill));
        actions.push(self.analyze(Step::Backfill));
        actions.extend(self.rules.keys_of_new(self, Step::Backfill));
        Ok(actions)
    }

    fn copy_rows(&self, step: Step, reverse: bool) -> Result<Action, Error> {
        let name = if reverse { "copy back" } else { "copy" };
        let mut action = Action::new(
            step,
            name,
            Kind::Backfill { reverse },
            self.rules.row_lock(),
            vec![],
        );
        if let Some((set, condition)) = self.copy(reverse)? {
            let table = self.table.sql();
            action.sql.push(format!(
                "UPDATE {table} SET {set} WHERE <key range> AND {condition}"
            ));
        }
        for change in self.rust_changes() {
            action.sql.push(format!(
                "-- {} is converted in Rust and written by compare-and-swap",
                change.to
            ));
        }
        Ok(action)
    }

    pub(crate) fn rust_changes(&self) -> impl Iterator<Item = &Active> {
        self.changes
            .iter()
            .filter(|change| change.conversion == Conversion::Rust)
    }

    fn verify(&self, step: Step) -> Result<Action, Error> {
        let mut action = Action::new(
            step,
            "compare",
            Kind::Verify,
            self.rules.read_lock(),
            vec![],
        );
        if let Some(differs) = self.differs()? {
            let table = self.table.sql();
            action.sql.push(format!(
                "SELECT count(*) FROM {table} WHERE <key range> AND ({differs})"
            ));
        }
        for change in self.rust_changes() {
            let name = change.to;
            action.sql.push(format!("-- {name} is compared in Rust"));
        }
        Ok(action)
    }

    fn switch(&self) -> Result<Vec<Action>, Error> {
        let mut actions = Vec::new();
        if self.rust_changes().next().is_some() {
            let kind = Kind::Queue;
            let lock = self.rules.row_lock();
            let mut queue = Action::new(Step::Switch, "drain the queue", kind, lock, vec![]);
            queue.sql.push(format!(
                "-- rows in {} are converted in Rust; whoever writes one column only must have been quiet",
                crate::ledger::table(self.table.dialect, "queue")
            ));
            actions.push(queue);
        }
        actions.push(self.verify(Step::Switch)?);
        actions.push(self.await_snapshots(Step::Switch));
        let (mut work, refuse) = (self.intact(false)?, self.refuse_one_sided()?);
        // to look at the triggers takes no lock
        let lock = match refuse.is_empty() {
            true => "none",
            false => self.rules.writers_lock(),
        };
        work.extend(refuse);
        let mut publish = self.publish(Step::Switch, Phase::Switched, work);
        publish.lock = lock;
        actions.push(publish);
        actions.push(self.barrier(Step::Switch, Phase::Switched)?);
        Ok(actions)
    }

    fn await_snapshots(&self, step: Step) -> Action {
        let name = "wait for older snapshots";
        let mut wait = Action::new(step, name, Kind::AwaitSnapshots, "none", vec![]);
        wait.sql.push(self.rules.snapshots_sql(self.table));
        wait
    }

    /// The action behind the publishing of a phase, with what changes in the safety net once it is through.
    pub(crate) fn barrier(&self, step: Step, phase: Phase) -> Result<Action, Error> {
        // Behind the others nothing happens yet that a statement of the phase before could not bear: `retire` waits for
        // those on their way right before it publishes.
        let grace = matches!(
            (phase, step),
            (Phase::Retired, _) | (Phase::Original | Phase::Switched, Step::Rollback)
        );
        // in the barrier's own transaction, so that a settled phase has it
        let work = match (phase, step) {
            // writers of one column are let in again: what they queue has no value in the column that `Switched` reads
            (Phase::Expanded, Step::Rollback) => self.rules.queue(self, Mode::Queue)?,
            (Phase::Retired, _) => self.rules.mirror_settled(self),
            _ => Vec::new(),
        };
        Ok(self.barrier_named(step, BARRIER, grace, sql(work).collect()))
    }

    /// The action before a phase is published that does not coexist with the one two before: what a statement of that one
    /// writes late, the triggers see to, but what it reads they cannot.
    pub(crate) fn late_statements(&self, step: Step) -> Action {
        self.barrier_named(step, "wait for statements on their way", true, vec![])
    }

    fn barrier_named(&self, step: Step, name: &str, grace: bool, work: Vec<Work>) -> Action {
        let mut wait = Action::new(step, name, Kind::Barrier { grace }, "none", work);
        let mut first = vec![format!(
            "-- until every instance that serves migration {} has acknowledged the phase, or its lease has run out",
            self.def.id.escape_debug()
        )];
        first.extend(self.rules.transactions_sql(self.table));
        wait.sql.splice(..0, first);
        wait
    }

    /// The check that the triggers are in place. `retired`: those of a table whose old column nobody reads.
    pub(crate) fn intact(&self, retired: bool) -> Result<Vec<Work>, Error> {
        let triggers = self.rules.mirror_triggers(self, retired)?;
        Ok(match triggers.is_empty() {
            true => vec![],
            false => vec![Work::Intact(triggers)],
        })
    }

    /// Rows are right in both columns from here on: nothing is queued, and what the database cannot convert is refused.
    /// Nothing without a change that only Rust can convert.
    pub(crate) fn refuse_one_sided(&self) -> Result<Vec<Work>, Error> {
        if self.rust_changes().next().is_none() {
            return Ok(Vec::new());
        }
        let mut work = vec![Work::EmptyQueue];
        work.extend(sql(self.rules.queue(self, Mode::Refuse)?));
        Ok(work)
    }

    pub(crate) fn publish(&self, step: Step, phase: Phase, work: Vec<Work>) -> Action {
        self.publish_stage(step, self.at(phase), false, work)
    }

    pub(crate) fn publish_stage(
        &self,
        step: Step,
        to: Stage,
        old_incomplete: bool,
        work: Vec<Work>,
    ) -> Action {
        let kind = Kind::Publish {
            to,
            old_incomplete,
            cleanup: false,
        };
        let lock = if work.is_empty() {
            "none"
        } else {
            self.rules.ddl_lock()
        };
        Action::new(step, format!("publish {}", to.phase), kind, lock, work)
    }

    pub(super) fn rollback(&self) -> Result<Vec<Action>, Error> {
        let step = Step::Rollback;
        match self.stage.phase {
            Phase::Expanded => {
                let mut publish = self.publish(step, Phase::Original, vec![]);
                publish.kind = Kind::Publish {
                    to: self.at(Phase::Original),
                    old_incomplete: false,
                    cleanup: true,
                };
                let barrier = self.barrier(step, Phase::Original)?;
                Ok(vec![publish, barrier, self.drop_new()])
            }
            // what a killed rollback left
            Phase::Original => Ok(vec![self.drop_new()]),
            Phase::Switched if self.old_incomplete => self.complete_old(),
            Phase::Switched => {
                // what a `retire` has left that was not carried through
                let (mut work, others) = self.rules.free_keys_of_new(self);
                work.extend(sql(self.rules.free_new(self)));
                let mut publish = self.publish(step, Phase::Expanded, work);
                publish.others = others;
                Ok(vec![publish, self.barrier(step, Phase::Expanded)?])
            }
            Phase::Retired => {
                let mut work = self.rules.defaults_to_old(self);
                work.dedup();
                work.extend(sql(self.rules.mirror_back(self)?));
                let mut actions =
                    vec![self.publish_stage(step, self.at(Phase::Switched), true, work)];
                actions.push(self.barrier(step, Phase::Switched)?);
                actions.extend(self.complete_old()?);
                Ok(actions)
            }
            Phase::Contracted => Err(Error::NoRollback {
                migration: self.def.id.to_owned(),
                stage: self.stage,
                reason: "the old column is gone",
            }),
        }
    }

    /// From `Switched` with an incomplete old column to `Switched`.
    fn complete_old(&self) -> Result<Vec<Action>, Error> {
        let step = Step::Rollback;
        let mut actions = vec![self.copy_rows(step, true)?];
        actions.extend(self.plain_copies(step));
        for saved in self.saved {
            if let Some(built) = self.rules.put_back(self, step, saved) {
                actions.extend(built);
                continue;
            }
            let plain = self.rules.copy_name(&saved.name, false);
            let mut indexes = vec![(&saved.name, &saved.restore)];
            if !saved.copy.is_empty() {
                indexes.push((&plain, &saved.plain));
            }
            for (name, sql) in indexes {
                let found = self.table.index(name);
                let create = format!("create index {name}");
                // where a killed run put the old index back, its copy is planned already
                let planned = actions.iter().any(|action| action.name == create);
                if planned || found.is_some_and(|found| found.valid) {
                    continue;
                }
                let mut work = Vec::new();
                if found.is_some() {
                    work.push(Work::Sql(self.rules.drop_index(self.table, name, true)));
                }
                work.push(Work::Sql(sql.clone()));
                actions.push(Action::new(
                    step,
                    create,
                    self.rules.index_kind(),
                    self.rules.index_lock(),
                    work,
                ));
            }
        }
        actions.extend(self.rules.keys_of_old(self, step));
        let restore = self.rules.restore_old(self)?;
        // from there it is one step to reading the old column, which nobody's snapshot may show as it was
        actions.push(self.await_snapshots(step));
        actions.extend(restore);
        Ok(actions)
    }
}

/// Statements as pieces of an action.
pub(crate) fn sql(statements: Vec<String>) -> impl Iterator<Item = Work> {
    statements.into_iter().map(Work::Sql)
}
