//! Statements that refuse: to go on where the runner has not been, to go back where it has not gone back.

use super::block;
use crate::definition::Dialect;
use crate::ledger::{self, number_of, Ledger};
use crate::phase::place::Place;
use crate::phase::rules::Way;
use crate::phase::{Pass, Phase, Step};
use crate::plan::Context;

/// What is asked about a step.
pub(super) struct Guard<'g> {
    pub(super) cx: &'g Context<'g>,
    pub(super) place: Place,
}

/// What becomes of a database whose ledger has no row of the migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    Refuse,
    Pass,
}

fn phases(of: impl Iterator<Item = Phase>) -> String {
    let names: Vec<String> = of.map(|phase| format!("'{}'", phase.as_str())).collect();
    names.join(", ")
}

impl Guard<'_> {
    fn way(&self) -> Way {
        self.cx.def.way(self.cx.table.dialect)
    }

    /// The phase in which the migration is after the step, if the step or one before it publishes any.
    fn phase(&self) -> Option<Phase> {
        let through = Step::ALL
            .into_iter()
            .take_while(|step| *step != Step::Rollback);
        let steps: Vec<Step> = through.collect();
        let end = steps.iter().position(|step| *step == self.place.step)?;
        let mut published = steps[..=end]
            .iter()
            .filter_map(|step| self.way().publishes(*step));
        published.next_back()
    }

    /// Of the migration's row, as SQL: the step has been run to its end. None: it has nothing to do.
    fn reached(&self) -> Option<String> {
        let phase = self.phase()?;
        let pass = number_of(self.place.pass);
        let later = phases(Phase::ALL.into_iter().filter(|later| *later > phase));
        let here = match (self.place.step, self.way()) {
            (Step::Backfill, Way::Copy) => "backfilled = 1",
            (Step::Verify, Way::Copy) => "verified = 1",
            _ => "settled = 1",
        };
        let mut reached = format!("pass = {pass} AND phase = '{}' AND {here}", phase.as_str());
        if !later.is_empty() {
            reached = format!("{reached} OR pass = {pass} AND phase IN ({later})");
        }
        Some(format!("(pass > {pass} OR {reached})"))
    }

    /// The same: what the step published is undone.
    fn undone(&self) -> Option<String> {
        let phase = self.way().publishes(self.place.step)?;
        let pass = number_of(self.place.pass);
        let earlier = phases(Phase::ALL.into_iter().filter(|earlier| *earlier < phase));
        Some(format!(
            "(pass < {pass} OR pass = {pass} AND phase IN ({earlier}) AND cleanup = 0)"
        ))
    }

    fn migration(&self) -> String {
        match self.place.pass {
            Pass::First => format!("`{}`", self.cx.def.id),
            Pass::Second => format!("`{}` (second pass)", self.cx.def.id),
        }
    }

    /// Lets pass where the runner has run the step; none where there is nothing to run.
    pub(super) fn up(&self) -> Option<String> {
        let reached = self.reached()?;
        let message = format!(
            "expand-contract: the runner has not run `{}` of migration {} on this database. Let it: `Migration::advance_to(conn, \
             Step::{:?})` in the application; then run this again",
            self.place.step,
            self.migration(),
            self.place.step
        );
        Some(self.refuse_unless(&reached, Without::Refuse, &message))
    }

    /// Lets pass where the runner has undone the step; none where there is nothing to undo.
    pub(super) fn down(&self) -> Option<String> {
        let undone = self.undone()?;
        let message = format!(
            "expand-contract: `{}` of migration {} stands. Undo it with `Migration::rollback(conn)` in the application (there is \
             no way back behind `contract`); then run this again",
            self.place.step,
            self.migration()
        );
        // a database without a row was never there
        Some(self.refuse_unless(&undone, Without::Pass, &message))
    }

    fn refuse_unless(&self, condition: &str, without: Without, message: &str) -> String {
        let (dialect, rules) = (self.cx.table.dialect, self.cx.rules);
        let me = Ledger::new(dialect, self.cx.def).me_literally(rules);
        let migrations = ledger::table(dialect, "migrations");
        let row = format!("SELECT 1 FROM {migrations} WHERE {me}");
        let passes = match without {
            Without::Refuse => format!("EXISTS ({row} AND {condition})"),
            Without::Pass => format!("NOT EXISTS ({row} AND NOT {condition})"),
        };
        match dialect {
            Dialect::Postgres => {
                let no_ledger = match without {
                    Without::Refuse => "FALSE",
                    Without::Pass => "TRUE",
                };
                let refusal = block::refuse_if(rules, "NOT passes", message);
                format!(
                    "DO $guard$\nDECLARE\n  passes boolean := {no_ledger};\nBEGIN\n  \
                     IF to_regclass('{migrations}') IS NOT NULL THEN\n    \
                     passes := {passes};\n  END IF;\n{refusal}END\n$guard$;\n"
                )
            }
            // no condition can keep SQLite from looking for a table that a statement names: whether it is there comes first
            Dialect::Sqlite => {
                let there = format!(
                    "EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '{migrations}')"
                );
                let message = rules.literal(message);
                let ask =
                    |what: &str| format!("INSERT INTO expand_contract_guard SELECT {what};\n");
                let asks = match without {
                    Without::Refuse => ask(&there) + &ask(&passes),
                    // who has come this far has a ledger
                    Without::Pass => ask(&passes),
                };
                format!(
                    "DROP TABLE IF EXISTS temp.expand_contract_guard;\n\
                     CREATE TEMP TABLE expand_contract_guard (passes);\n\
                     CREATE TEMP TRIGGER expand_contract_guard BEFORE INSERT ON expand_contract_guard WHEN NOT NEW.passes\n\
                     BEGIN\n  SELECT RAISE(ABORT, {message});\nEND;\n\
                     {asks}\
                     DROP TABLE temp.expand_contract_guard;\n"
                )
            }
        }
    }
}
