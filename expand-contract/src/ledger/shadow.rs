//! Shadow reads on record, and what a shadow read asks of the ledger.

use super::store::{number_of, text, Ledger};
use crate::backend::rules::Rules;
use crate::backend::session::{Session, BIND};
use crate::definition::Dialect;
use crate::error::{Error, While};
use crate::phase::{Pass, Phase, Step};
use crate::shadow::{Mismatch, Pending, ShadowReads};

impl Ledger {
    /// A condition for a statement on the table, without bound values: the snapshot has the migration in one of the phases
    /// of the pass, and the old column is complete.
    pub(crate) fn is_in(&self, rules: &dyn Rules, pass: Pass, phases: &[Phase]) -> String {
        let names: Vec<String> = phases.iter().map(|p| rules.literal(p.as_str())).collect();
        format!(
            "EXISTS (SELECT 1 FROM {} WHERE {} AND pass = {} AND old_incomplete = 0 AND phase IN ({}))",
            self.table("migrations"),
            self.me_literally(rules),
            number_of(pass),
            names.join(", ")
        )
    }

    /// The same for: no row waits to be converted in Rust.
    pub(crate) fn queue_is_empty(&self, rules: &dyn Rules, change: usize) -> String {
        format!(
            "NOT EXISTS (SELECT 1 FROM {} WHERE {} AND change = {change})",
            self.table("queue"),
            self.me_literally(rules)
        )
    }

    /// An expression for such a statement: a number that every expand of the migration makes greater.
    pub(crate) fn round(&self, rules: &dyn Rules) -> String {
        format!(
            "coalesce((SELECT max(epoch) FROM {} WHERE {} AND step = {}), 0)",
            self.table("actions"),
            self.me_literally(rules),
            rules.literal(Step::Expand.as_str())
        )
    }

    /// Adds to what a reader has found, unless it was under an earlier expand.
    pub(crate) fn add_shadow_reads(
        &self,
        s: &mut dyn Session,
        reader: &str,
        counted: &Pending,
    ) -> Result<(), Error> {
        let reads = self.target("shadow_reads");
        let role = match s.dialect() {
            Dialect::Postgres => "CAST(current_user AS text)",
            Dialect::Sqlite => "''",
        };
        let mut binds = vec![self.id(), text(reader), counted.key.clone()];
        let round = match counted.round {
            Some(round) => {
                binds.extend([self.id(), text(Step::Expand.as_str())]);
                format!(
                    "coalesce((SELECT max(epoch) FROM {} WHERE {} AND step = {BIND}), 0) = {round}",
                    self.table("actions"),
                    self.me()
                )
            }
            None => "1 = 1".to_owned(),
        };
        let sql = format!(
            "INSERT INTO {} (id, reader, sample_key, generation, role_name, samples, mismatches) \
             SELECT {BIND}, {BIND}, {BIND}, {}, {role}, {}, {} WHERE {round} \
             ON CONFLICT (id, generation, reader, role_name) DO UPDATE SET \
             samples = {reads}.samples + excluded.samples, \
             mismatches = {reads}.mismatches + excluded.mismatches, \
             sample_key = coalesce({reads}.sample_key, excluded.sample_key), updated_at = CURRENT_TIMESTAMP",
            self.table("shadow_reads"),
            self.def.generation,
            counted.samples,
            counted.mismatches,
        );
        s.execute(&sql, &binds).during("reporting shadow reads")?;
        Ok(())
    }

    /// What all readers have reported.
    pub(crate) fn shadow_reads(&self, s: &mut dyn Session) -> Result<ShadowReads, Error> {
        let mut all = ShadowReads::default();
        let sql = format!(
            "SELECT reader, CAST(samples AS text), CAST(mismatches AS text), sample_key FROM {} WHERE {} ORDER BY reader",
            self.table("shadow_reads"),
            self.me()
        );
        let rows = s
            .rows(&sql, &[self.id()])
            .during("reading the shadow reads")?;
        for row in rows {
            let mut row = row.into_iter();
            let mut next = || row.next().flatten();
            let reader = next().unwrap_or_default();
            let mut number = || next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
            let (samples, mismatches) = (number(), number());
            all.samples += samples;
            all.mismatches += mismatches;
            if mismatches > 0 {
                all.differing.push(Mismatch {
                    migration: self.def.id.to_owned(),
                    reader,
                    key: next(),
                });
            }
        }
        Ok(all)
    }
}
