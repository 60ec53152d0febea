//! Reading and writing a migration's rows.

use super::{definition, hash, join, reads, table, writes, Lease};
use crate::backend::rules::Rules;
use crate::backend::session::{Session, TextRow, BIND};
use crate::catalogue::Source;
use crate::definition::{Dialect, MigrationDef};
use crate::error::{Error, PoisonRow, While};
use crate::phase::{Pass, Phase, Stage, Step};
use crate::plan::Frozen;

/// The ledger's row of a migration.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) stage: Stage,
    pub(crate) old_incomplete: bool,
    pub(crate) cleanup: bool,
    pub(crate) epoch: i64,
    pub(crate) hash: String,
    pub(crate) reads: String,
    pub(crate) writes: String,
    pub(crate) backfilled: bool,
    pub(crate) verified: bool,
    pub(crate) mismatches: Option<u64>,
    pub(crate) table: String,
    pub(crate) runner: Option<String>,
    pub(crate) updated_at: String,
    /// The ledger's epoch at which the phase was published: what instances acknowledge.
    pub(crate) published: i64,
    /// No instance acts on an earlier phase any more.
    pub(crate) settled: bool,
    /// The step that published the phase; none where an older release did.
    pub(crate) published_by: Option<Step>,
    /// The last comparison was made under this process's definition.
    pub(crate) same_definition: bool,
}

/// One migration's part of the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(super) dialect: Dialect,
    pub(super) def: &'static MigrationDef,
}

pub(super) fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

pub(super) struct Fields(std::vec::IntoIter<Option<String>>);

impl Fields {
    pub(super) fn new(row: TextRow) -> Self {
        Fields(row.into_iter())
    }

    pub(super) fn maybe(&mut self) -> Option<String> {
        self.0.next().flatten()
    }

    pub(super) fn text(&mut self) -> String {
        self.maybe().unwrap_or_default()
    }

    pub(super) fn number(&mut self) -> Result<i64, Error> {
        self.text().parse().map_err(|_| Error::Unexpected {
            what: "the ledger: a number is not one".to_owned(),
        })
    }

    pub(super) fn flag(&mut self) -> Result<bool, Error> {
        Ok(self.number()? != 0)
    }
}

pub(super) fn stage(pass: i64, phase: &str) -> Result<Stage, Error> {
    let phase: Phase = phase.parse()?;
    match pass {
        1 => Ok(Stage::first(phase)),
        2 => Ok(Stage::second(phase)),
        _ => Err(Error::Unexpected {
            what: format!("the ledger: pass {pass}"),
        }),
    }
}

/// The number under which the ledger stores a pass.
pub(crate) const fn number_of(pass: Pass) -> u8 {
    match pass {
        Pass::First => 1,
        Pass::Second => 2,
    }
}

/// Of a migration's row, as SQL: nothing of it was begun, or all of that is undone.
pub(crate) const UNTOUCHED: &str = "pass = 1 AND phase = 'original' AND cleanup = 0";

impl Ledger {
    pub(crate) fn new(dialect: Dialect, def: &'static MigrationDef) -> Self {
        Ledger { dialect, def }
    }

    pub(crate) fn hash(&self) -> String {
        format!("{:016x}", hash(&definition(self.def, self.dialect)))
    }

    pub(super) fn table(&self, name: &str) -> String {
        table(self.dialect, name)
    }

    // the name by which ON CONFLICT … SET knows the row that is there: PostgreSQL takes no schema here
    pub(super) fn target(&self, name: &str) -> String {
        match self.dialect {
            Dialect::Postgres => name.to_owned(),
            Dialect::Sqlite => self.table(name),
        }
    }

    pub(super) fn me(&self) -> String {
        format!("id = {BIND} AND generation = {}", self.def.generation)
    }

    /// The same without a bound value.
    pub(crate) fn me_literally(&self, rules: &dyn Rules) -> String {
        format!(
            "id = {} AND generation = {}",
            rules.literal(self.def.id),
            self.def.generation
        )
    }

    /// Of a migration's row, as SQL: it is another one of the table, and neither untouched nor over. `me`: [`Self::me`] or
    /// [`Self::me_literally`].
    pub(crate) fn other_under_way(table: &str, me: &str) -> String {
        format!(
            "table_name = {table} AND NOT ({me}) AND phase <> 'contracted' AND NOT ({UNTOUCHED})"
        )
    }

    pub(super) fn id(&self) -> Option<String> {
        text(self.def.id)
    }

    /// The migration's row, if the ledger has one.
    pub(crate) fn row(&self, s: &mut dyn Session) -> Result<Option<Row>, Error> {
        let Some(meta) = super::meta(s)? else {
            return Ok(None);
        };
        // a ledger that an older release keeps has not got them yet
        let [published, settled, published_by, verified_hash] = match meta.version {
            ..2 => ["'0'", "'0'", "''", "''"],
            _ => [
                "CAST(published AS text)",
                "CAST(settled AS text)",
                "published_by",
                "verified_hash",
            ],
        };
        let sql = format!(
            "SELECT CAST(generation AS text), CAST(pass AS text), phase, CAST(old_incomplete AS text), \
             CAST(cleanup AS text), CAST(epoch AS text), definition_hash, reads, writes, CAST(backfilled AS text), \
             CAST(verified AS text), CAST(mismatches AS text), table_name, runner, CAST(updated_at AS text), \
             {published}, {settled}, {published_by}, {verified_hash} FROM {} WHERE id = {BIND} AND generation >= {} ORDER BY generation DESC",
            self.table("migrations"),
            self.def.generation
        );
        let rows = s.rows(&sql, &[self.id()]).during("reading the ledger")?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut row = Fields::new(row);
        let generation = row.number()?;
        if generation > i64::from(self.def.generation) {
            return Err(Error::NewerGeneration {
                migration: self.def.id.to_owned(),
                found: u32::try_from(generation).unwrap_or(u32::MAX),
                declared: self.def.generation,
            });
        }
        let pass = row.number()?;
        let mut row = Row {
            stage: stage(pass, &row.text())?,
            old_incomplete: row.flag()?,
            cleanup: row.flag()?,
            epoch: row.number()?,
            hash: row.text(),
            reads: row.text(),
            writes: row.text(),
            backfilled: row.flag()?,
            verified: row.flag()?,
            mismatches: row.maybe().and_then(|n| n.parse().ok()),
            table: row.text(),
            runner: row.maybe(),
            updated_at: row.text(),
            published: row.number()?,
            settled: row.flag()?,
            published_by: row.text().parse().ok(),
            same_definition: row.text() == self.hash(),
        };
        // what was proved of another definition is not proved of this one
        row.verified &= row.same_definition;
        Ok(Some(row))
    }

    /// Another migration of the table that is neither untouched nor over.
    pub(crate) fn other(
        &self,
        s: &mut dyn Session,
        name: &str,
    ) -> Result<Option<(String, Stage)>, Error> {
        if super::meta(s)?.is_none() {
            return Ok(None);
        }
        let sql = format!(
            "SELECT id, CAST(pass AS text), phase FROM {} WHERE {}",
            self.table("migrations"),
            Self::other_under_way(&BIND.to_string(), &self.me())
        );
        let rows = s
            .rows(&sql, &[text(name), self.id()])
            .during("looking for other migrations")?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut row = Fields::new(row);
        let id = row.text();
        let pass = row.number()?;
        Ok(Some((id, stage(pass, &row.text())?)))
    }

    /// Publishes a stage. Inside the transaction that made it true.
    ///
    /// Only a stage that differs from the one before is news: where no instance has anything to learn, the epoch stays and
    /// a phase that had settled remains so.
    pub(crate) fn publish(
        &self,
        s: &mut dyn Session,
        lease: &Lease,
        name: &str,
        (step, to): (Step, Stage),
        (old_incomplete, cleanup): (bool, bool),
    ) -> Result<(), Error> {
        let migrations = self.table("migrations");
        let target = self.target("migrations");
        // what was proved holds for the columns of one expand
        let proofs = match to.phase {
            Phase::Original | Phase::Expanded => {
                "backfilled = 0, verified = 0, mismatches = NULL, "
            }
            _ => "",
        };
        if matches!(to.phase, Phase::Original | Phase::Contracted) {
            self.clear_queue(s)?;
        }
        let meta = self.table("meta");
        let bump = format!(
            "UPDATE {meta} SET epoch = epoch + 1 WHERE NOT EXISTS (SELECT 1 FROM {migrations} WHERE {} AND pass = {} \
             AND phase = {BIND})",
            self.me(),
            number_of(to.pass)
        );
        s.execute(&bump, &[self.id(), text(to.phase.as_str())])
            .during("publishing the phase")?;
        let same = format!("{target}.pass = excluded.pass AND {target}.phase = excluded.phase");
        let published = format!("(SELECT max(epoch) FROM {meta})");
        let sql = format!(
            "INSERT INTO {migrations} (id, table_name, phase, definition, definition_hash, reads, writes, runner, \
             published_by, generation, pass, old_incomplete, cleanup, epoch, published, settled) \
             VALUES ({BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {}, {}, {}, {}, 1, {published}, 0) \
             ON CONFLICT (id, generation) DO UPDATE SET table_name = excluded.table_name, phase = excluded.phase, \
             definition = excluded.definition, definition_hash = excluded.definition_hash, reads = excluded.reads, \
             writes = excluded.writes, runner = excluded.runner, pass = excluded.pass, {proofs}\
             old_incomplete = excluded.old_incomplete, cleanup = excluded.cleanup, \
             published = CASE WHEN {same} THEN {target}.published ELSE excluded.published END, \
             settled = CASE WHEN {same} THEN {target}.settled ELSE 0 END, \
             published_by = CASE WHEN {same} THEN {target}.published_by ELSE excluded.published_by END, \
             epoch = {target}.epoch + 1, updated_at = CURRENT_TIMESTAMP",
            self.def.generation,
            number_of(to.pass),
            i32::from(old_incomplete),
            i32::from(cleanup),
        );
        let binds = [
            self.id(),
            text(name),
            text(to.phase.as_str()),
            text(&definition(self.def, self.dialect)),
            text(&self.hash()),
            text(&join(&reads(self.def, to))),
            text(&join(&writes(self.def, to))),
            text(&lease.holder),
            text(step.as_str()),
        ];
        s.execute(&sql, &binds).during("publishing the phase")?;
        Ok(())
    }

    /// Notes that an action was done. Inside its transaction, where it has one.
    pub(crate) fn record(
        &self,
        s: &mut dyn Session,
        lease: &Lease,
        step: Step,
        action: &str,
    ) -> Result<(), Error> {
        let sql = format!(
            "INSERT INTO {} (id, step, action, runner, generation, token, epoch) \
             SELECT {BIND}, {BIND}, {BIND}, {BIND}, {}, {}, coalesce((SELECT max(epoch) FROM {} WHERE {}), 0)",
            self.table("actions"),
            self.def.generation,
            lease.token,
            self.table("migrations"),
            self.me(),
        );
        let binds = [
            self.id(),
            text(step.as_str()),
            text(action),
            text(&lease.holder),
            self.id(),
        ];
        s.execute(&sql, &binds).during("recording an action")?;
        Ok(())
    }

    fn set(&self, s: &mut dyn Session, assignments: &str) -> Result<(), Error> {
        let sql = format!(
            "UPDATE {} SET {assignments}, updated_at = CURRENT_TIMESTAMP WHERE {}",
            self.table("migrations"),
            self.me()
        );
        s.execute(&sql, &[self.id()])
            .during("writing to the ledger")?;
        Ok(())
    }

    /// No instance acts on a phase before the published one any more.
    pub(crate) fn settled(&self, s: &mut dyn Session) -> Result<(), Error> {
        self.set(s, "settled = 1")
    }

    /// The copy is complete as far as this runner can tell. What was proved before is not proved of what it wrote.
    pub(crate) fn backfilled(&self, s: &mut dyn Session) -> Result<(), Error> {
        self.set(s, "backfilled = 1, verified = 0, mismatches = NULL")
    }

    /// Freezes an old column.
    pub(crate) fn freeze(
        &self,
        s: &mut dyn Session,
        change: usize,
        frozen: &Frozen,
    ) -> Result<(), Error> {
        let sql = format!(
            "INSERT INTO {} (id, old_type, old_collate, old_default, old_definition, old_identity, generation, change, \
             old_not_null) VALUES ({BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {}, {change}, {}) \
             ON CONFLICT (id, generation, change) DO UPDATE SET old_type = excluded.old_type, \
             old_collate = excluded.old_collate, old_default = excluded.old_default, \
             old_definition = excluded.old_definition, old_not_null = excluded.old_not_null, \
             old_identity = excluded.old_identity",
            self.table("columns"),
            self.def.generation,
            i32::from(frozen.not_null),
        );
        let binds = [
            self.id(),
            text(&frozen.old_type),
            text(&frozen.collate),
            frozen.default.clone(),
            text(&frozen.definition),
            frozen.identity.map(|kind| kind.as_str().to_owned()),
        ];
        s.execute(&sql, &binds).during("freezing the old column")?;
        Ok(())
    }

    /// The frozen old columns, by change.
    pub(crate) fn frozen(&self, s: &mut dyn Session) -> Result<Vec<(usize, Frozen)>, Error> {
        // a ledger that an older release keeps has not got it yet
        let identity = match super::meta(s)? {
            Some(meta) if meta.version >= 2 => "old_identity",
            _ => "NULL",
        };
        let sql = format!(
            "SELECT CAST(change AS text), old_type, old_collate, CAST(old_not_null AS text), old_default, \
             old_definition, {identity} FROM {} WHERE {}",
            self.table("columns"),
            self.me()
        );
        let rows = s
            .rows(&sql, &[self.id()])
            .during("reading the frozen columns")?;
        let mut out = Vec::new();
        for row in rows {
            let mut row = Fields::new(row);
            let change = usize::try_from(row.number()?).unwrap_or(usize::MAX);
            let frozen = Frozen {
                old_type: row.text(),
                collate: row.text(),
                not_null: row.flag()?,
                default: row.maybe(),
                definition: row.text(),
                identity: row.maybe().and_then(|kind| Source::parse(&kind)),
            };
            out.push((change, frozen));
        }
        Ok(out)
    }

    pub(super) fn delete(&self, s: &mut dyn Session, name: &str) -> Result<(), Error> {
        let sql = format!("DELETE FROM {} WHERE {}", self.table(name), self.me());
        s.execute(&sql, &[self.id()])
            .during("clearing the ledger")?;
        Ok(())
    }

    /// Forgets the shadow reads: from here on other values are read.
    pub(crate) fn forget_shadow_reads(&self, s: &mut dyn Session) -> Result<(), Error> {
        self.delete(s, "shadow_reads")
    }

    /// Puts rows that do not convert on record.
    pub(crate) fn quarantine(&self, s: &mut dyn Session, rows: &[PoisonRow]) -> Result<(), Error> {
        let quarantine = self.table("quarantine");
        // once, however often it was met
        let sql = format!(
            "INSERT INTO {quarantine} (id, row_key, reason, generation) SELECT {BIND}, {BIND}, {BIND}, {} \
             WHERE NOT EXISTS (SELECT 1 FROM {quarantine} WHERE {} AND row_key = {BIND} AND reason = {BIND})",
            self.def.generation,
            self.me()
        );
        for row in rows {
            let (key, reason) = (text(&row.key), text(&row.reason));
            let binds = [
                self.id(),
                key.clone(),
                reason.clone(),
                self.id(),
                key,
                reason,
            ];
            s.execute(&sql, &binds)
                .during("recording a row that does not convert")?;
        }
        Ok(())
    }

    /// Takes all rows off that record.
    pub(crate) fn release_quarantine(&self, s: &mut dyn Session) -> Result<(), Error> {
        self.delete(s, "quarantine")
    }

    /// How many rows are on record, and the first of them.
    pub(crate) fn quarantined(
        &self,
        s: &mut dyn Session,
        limit: usize,
    ) -> Result<(u64, Vec<PoisonRow>), Error> {
        let sql = format!(
            "SELECT row_key, reason FROM {} WHERE {} ORDER BY row_key",
            self.table("quarantine"),
            self.me()
        );
        let rows = s
            .rows(&sql, &[self.id()])
            .during("reading the rows that do not convert")?;
        let count = rows.len() as u64;
        let first = rows.into_iter().take(limit).map(|row| {
            let mut row = Fields::new(row);
            PoisonRow::new(row.text(), row.text())
        });
        Ok((count, first.collect()))
    }

    /// Adds to the progress of a copy.
    pub(crate) fn progress(
        &self,
        s: &mut dyn Session,
        direction: &str,
        rows: u64,
    ) -> Result<(), Error> {
        let progress = self.target("progress");
        let sql = format!(
            "INSERT INTO {} (id, direction, generation, rows_changed, batches) VALUES ({BIND}, {BIND}, {}, {rows}, 1) \
             ON CONFLICT (id, generation, direction) DO UPDATE SET \
             rows_changed = {progress}.rows_changed + excluded.rows_changed, \
             batches = {progress}.batches + 1, updated_at = CURRENT_TIMESTAMP",
            self.table("progress"),
            self.def.generation
        );
        s.execute(&sql, &[self.id(), text(direction)])
            .during("recording progress")?;
        Ok(())
    }
}
