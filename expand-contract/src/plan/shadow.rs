//! How shadow reads compare: the predicate of the triggers and the copy, asked by a statement of the application.

use super::{Active, Context};
use crate::backend::driver::Locator;
use crate::backend::{Direction, Request};
use crate::definition::Conversion;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::phase::Phase;
use crate::shadow::{RustCompare, ShadowSql, QUALIFIER, SEPARATOR};

impl Context<'_> {
    /// The SQL of a shadow read. `locator`: how a row is found by the texts of its key, where that is possible.
    pub(crate) fn shadow(
        &self,
        ledger: &Ledger,
        locator: Option<Locator>,
    ) -> Result<ShadowSql, Error> {
        let text = |column: &str| self.rules.text(&format!("{QUALIFIER}{column}"));
        let changes = self
            .changes
            .iter()
            .map(|change| Ok((change, self.differs_now(ledger, change)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let mut of_change = vec![None; self.def.changes.len()];
        for (change, verdict) in &changes {
            if let (Some(place), true) = (
                of_change.get_mut(change.index),
                change.conversion != Conversion::Rust,
            ) {
                *place = Some(verdict.clone());
            }
        }
        let verdicts: Vec<String> = changes.into_iter().map(|(_, verdict)| verdict).collect();
        let key: Vec<String> = self
            .table
            .primary_key
            .iter()
            .map(|name| {
                format!(
                    "coalesce({}, 'NULL')",
                    text(&self.table.dialect.quote(name))
                )
            })
            .collect();
        let key = match key.as_slice() {
            [] => "NULL".to_owned(),
            [one] => one.clone(),
            many => format!("'(' || {} || ')'", many.join(" || ', ' || ")),
        };
        let (found, rust) = match locator {
            Some(locator) => {
                let between = format!(" || {} || ", self.rules.literal(&SEPARATOR.to_string()));
                let cursor = self.table.cursor.iter();
                let values: Vec<String> = cursor.map(|key| text(&key.sql)).collect();
                let rust = self.rust_changes();
                let rust = rust
                    .map(|change| self.compare_in_rust(ledger, change, &locator))
                    .collect::<Result<Vec<_>, Error>>()?;
                (values.join(&between), rust)
            }
            None => ("NULL".to_owned(), Vec::new()),
        };
        Ok(ShadowSql {
            pass: self.stage.pass,
            verdict: verdicts.join(" OR "),
            changes: of_change,
            key,
            locator: found,
            round: ledger.round(self.rules),
            rust,
        })
    }

    /// Whether a row differs; NULL where it cannot be told: the phase does not write both columns, or the row was not
    /// copied yet. Of a change that only Rust can compare: false where Rust is to compare.
    fn differs_now(&self, ledger: &Ledger, change: &Active) -> Result<String, Error> {
        let name = |column: &str| format!("{QUALIFIER}{}", self.table.dialect.quote(column));
        let (old, new) = (name(change.from), name(change.to));
        let excluded = self.not_compared(ledger, change, (&old, &new));
        let differs = match self.halves_of(change, (&old, &new))? {
            Some((forward, backward)) => {
                let same = super::consistency(change, (&old, &new), &forward, &backward);
                format!("NOT ({same})")
            }
            None => "1 = 0".to_owned(),
        };
        Ok(format!(
            "(CASE WHEN {excluded} THEN NULL ELSE {differs} END)"
        ))
    }

    fn not_compared(&self, ledger: &Ledger, change: &Active, (old, new): (&str, &str)) -> String {
        let pass = self.stage.pass;
        let both = ledger.is_in(self.rules, pass, &[Phase::Expanded, Phase::Switched]);
        let expanded = ledger.is_in(self.rules, pass, &[Phase::Expanded]);
        let mut out = format!("NOT {both} OR ({new} IS NULL AND {old} IS NOT NULL AND {expanded})");
        if change.conversion == Conversion::Rust {
            let empty = ledger.queue_is_empty(self.rules, change.index);
            out.push_str(&format!(" OR NOT ({empty})"));
        }
        out
    }

    fn compare_in_rust(
        &self,
        ledger: &Ledger,
        change: &Active,
        locator: &Locator,
    ) -> Result<RustCompare, Error> {
        let (old, new) = (
            self.table.dialect.quote(change.from),
            self.table.dialect.quote(change.to),
        );
        let excluded = self.not_compared(ledger, change, (&old, &new));
        Ok(RustCompare {
            change: change.index,
            request: Request {
                direction: Direction::Verify,
                table: self.table.sql(),
                same_old: (String::new(), String::new()),
                same_new: (String::new(), String::new()),
                old,
                new,
                range: format!("{} AND NOT ({excluded})", locator.condition),
                range_binds: Vec::new(),
                locator: locator.select.clone(),
                row: locator.condition.clone(),
                key: locator.key.clone(),
                // the predicate and no more: `verify` asks for what the annotation promises
                lossless: false,
                not_null: false,
                queue_key: None,
                free: ledger.unqueued_sql(
                    change.index,
                    None,
                    &self
                        .rules
                        .row_key(self.table, &format!("{}.", self.table.sql())),
                )?,
                samples: 1,
                arrays: false,
                apart: false,
                limit: None,
            },
        })
    }
}
