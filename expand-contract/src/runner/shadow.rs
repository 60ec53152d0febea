//! Shadow reads: how they compare, and the gate that asks for them.

use super::{Facts, Position, Runner};
use crate::backend::driver::Range;
use crate::definition::Dialect;
use crate::error::Error;
use crate::gate::Gate;
use crate::ledger::Lease;
use crate::phase::{Phase, Step};
use crate::shadow::ShadowSql;

impl Runner<'_> {
    /// How a shadow read compares the columns; none where there are not two of them.
    pub(crate) fn shadow_sql(&self, facts: &Facts) -> Result<Option<ShadowSql>, Error> {
        // in place there is one column, whatever its name
        if facts.position.stage.phase > Phase::Switched || self.def.in_place() {
            return Ok(None);
        }
        let nowhere = Range {
            sql: String::new(),
            binds: Vec::new(),
            upper: None,
            last: true,
        };
        // SQLite finds a row of a table without rowids by its number in a range
        let by_key = match (facts.table.dialect, facts.table.cursor.as_slice()) {
            (_, []) => false,
            (Dialect::Postgres, _) => true,
            (Dialect::Sqlite, [key]) => key.type_sql == "rowid",
            (Dialect::Sqlite, _) => false,
        };
        let cx = self.context(facts);
        let rust = cx.rust_changes().next().is_some();
        if rust && !by_key {
            return Ok(None);
        }
        let locator = rust.then(|| self.driver.locator(&facts.table, &nowhere));
        cx.shadow(&self.ledger, locator).map(Some)
    }

    /// Refuses a step that moves reads, or gives up the way back, before enough reads were compared.
    pub(super) fn shadow_gate(
        &mut self,
        lease: &Lease,
        position: &Position,
        step: Step,
    ) -> Result<(), Error> {
        let wanted = self.options.clean_samples;
        let asked = matches!(
            (step, position.stage.phase),
            (Step::Switch, Phase::Expanded) | (Step::Retire, Phase::Switched)
        );
        if wanted == 0 || !asked {
            return Ok(());
        }
        let reads = self.ledger.shadow_reads(self.s)?;
        if reads.mismatches > 0 {
            let names: Vec<String> = reads
                .differing
                .iter()
                .take(self.options.samples)
                .map(|found| {
                    let key = found.key.as_deref().unwrap_or("unknown");
                    format!("{} (row {key})", found.reader)
                })
                .collect();
            return self.closed(
                lease,
                step,
                Gate::ShadowReads,
                format!(
                    "{} of {} shadow reads found a difference: {}",
                    reads.mismatches,
                    reads.samples,
                    names.join(", ")
                ),
                "find out who wrote these rows, and in phase expanded run backfill again, which repairs them and begins to \
                 count anew",
            );
        }
        if reads.samples < wanted {
            return self.closed(
                lease,
                step,
                Gate::ShadowReads,
                format!("{} of {wanted} shadow reads are on record", reads.samples),
                "switch them on with `migration().shadow_reads(…)` in the application and let it report more",
            );
        }
        Ok(())
    }
}
