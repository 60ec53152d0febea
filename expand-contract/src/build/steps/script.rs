//! The files of one step: what the runner does, to be read, and what a plain migration run does, to be run.

use super::expand;
use super::guard::Guard;
use super::indexes;
use super::table::Sketch;
use crate::backend::rules::rules;
use crate::build::lints::History;
use crate::build::models::{Declared, Table as Source};
use crate::catalogue::Table;
use crate::definition::{Dialect, MigrationDef};
use crate::error::Error;
use crate::phase::place::Place;
use crate::phase::rules::Way;
use crate::phase::{Pass, Phase, Stage, Step};
use crate::plan::{moving, Action, Active, Context, Frozen, Kind};

/// The texts of a migration folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) up: String,
    pub(super) down: String,
}

/// The first line of every file, by which they are known.
pub(super) const MARK: &str = "-- Written by expand_contract::build";

impl Script {
    pub(super) fn of(
        (declared, source, history): (&Declared, &Source, &History),
        def: &'static MigrationDef,
        (dialect, place): (Dialect, Place),
    ) -> Result<Self, Error> {
        let sketch = Sketch::of((declared, source, history), def, dialect, place);
        let rules = rules(dialect)?;
        let way = def.way(dialect);
        let stage = Stage {
            pass: place.pass,
            phase: way.starts_in(place.step).unwrap_or(Phase::Original),
        };
        let mut changes = Vec::new();
        for (index, change, from, to) in moving(def, place.pass) {
            let mut originals = sketch.originals.iter();
            if let Some(column) = originals.find(|column| column.name == from) {
                changes.push(Active {
                    index,
                    def: change,
                    from,
                    to,
                    conversion: change.conversion_in(stage),
                    frozen: Frozen::of(column),
                });
            }
        }
        let cx = Context {
            def,
            stage,
            old_incomplete: false,
            table: &sketch.table,
            changes: &changes,
            saved: &[],
            saved_checks: &[],
            rules,
        };
        let (indexes, saved) = indexes::before(&cx, place.step);
        let table = Table {
            indexes,
            ..sketch.table.clone()
        };
        let cx = Context {
            table: &table,
            saved: &saved,
            ..cx
        };
        let actions = match way.first(place.step) {
            Some(_) => cx.actions(place.step)?,
            None => Vec::new(),
        };
        let guard = Guard { cx: &cx, place };
        let mut up = heading(def, dialect, place);
        let first = actions.first().filter(|_| {
            let is_start = (place.pass, place.step, way) == (Pass::First, Step::Expand, Way::Copy);
            is_start && dialect == Dialect::Postgres && expand::is_possible(&sketch)
        });
        match first {
            Some(first) => {
                up.push_str(&told(&actions));
                up.push_str("--\n-- This file runs the first action; the next step waits for the instances first.\n\n");
                up.push_str(&expand::block(&cx, &sketch, first)?);
            }
            None => {
                up.push_str(&told(&actions));
                match guard.up() {
                    Some(refusal) => {
                        up.push_str(
                            "--\n-- That takes the runner: this file passes where it has been, and refuses where it has not.\n\n",
                        );
                        up.push_str(&refusal);
                    }
                    None => up.push_str("\nSELECT 1;\n"),
                }
            }
        }
        let mut down = heading(def, dialect, place);
        match guard.down() {
            Some(refusal) => {
                down.push_str("-- This file passes where the runner has undone the step, and refuses where it has not.\n\n");
                down.push_str(&refusal);
            }
            None => down.push_str("-- There is nothing to undo.\n\nSELECT 1;\n"),
        }
        Ok(Script { up, down })
    }
}

fn heading(def: &MigrationDef, dialect: Dialect, place: Place) -> String {
    let pass = match place.pass {
        Pass::First => "",
        Pass::Second => ", second pass",
    };
    format!(
        "{MARK} from the annotations: to change it, change them.\n-- Migration {}, generation {}, on {dialect}: {}{pass}.\n--\n",
        def.id.escape_debug(),
        def.generation,
        place.step
    )
}

/// The actions, as comments.
fn told(actions: &[Action]) -> String {
    if actions.is_empty() {
        return "-- The runner has nothing to do in this step.\n".to_owned();
    }
    let mut out = "-- What the runner does, by what the sources tell of the table. On a database it goes by the catalogue: defaults,\n\
                   -- indexes, constraints, foreign keys, sequences, statistics and grants of the old column are carried over as they are\n\
                   -- there (docs/carry-over.md), and `Migration::plan` lists the statements.\n"
        .to_owned();
    for (i, action) in actions.iter().enumerate() {
        out.push_str(&format!(
            "--\n--   {}. {} (lock: {})\n",
            i + 1,
            action.name,
            action.lock
        ));
        for sql in shown(action) {
            let end = if sql.starts_with("--") { "" } else { ";" };
            for line in format!("{sql}{end}").lines() {
                out.push_str(format!("--      {line}").trim_end());
                out.push('\n');
            }
        }
    }
    out
}

/// Its statements; of what only waits, what for.
fn shown(action: &Action) -> Vec<&str> {
    let sql = action.sql.iter().map(String::as_str);
    match action.kind {
        Kind::Barrier { .. } => sql.filter(|sql| sql.starts_with("--")).collect(),
        Kind::AwaitSnapshots => vec!["-- until no transaction is open that began before"],
        _ => sql.collect(),
    }
}
