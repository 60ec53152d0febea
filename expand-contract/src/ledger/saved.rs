//! What is dropped on the way and may have to come back.

use super::store::{text, Fields, Ledger};
use crate::backend::session::{Session, BIND};
use crate::error::{Error, While};
use crate::plan::{SavedCheck, SavedIndex};

impl Ledger {
    /// Remembers an index.
    pub(crate) fn save(&self, s: &mut dyn Session, index: &SavedIndex) -> Result<(), Error> {
        let sql = format!(
            "INSERT INTO {} (id, name, copy, constraint_sql, restore_sql, renamed_sql, plain_sql, extras_sql, generation) \
             VALUES ({BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {})",
            self.table("saved_indexes"),
            self.def.generation
        );
        let binds = [
            self.id(),
            text(&index.name),
            text(&index.copy),
            index.constraint.clone(),
            text(&index.restore),
            text(&index.renamed),
            text(&index.plain),
            text(&index.extras),
        ];
        s.execute(&sql, &binds).during("remembering an index")?;
        Ok(())
    }

    /// The remembered indexes.
    pub(crate) fn saved(&self, s: &mut dyn Session) -> Result<Vec<SavedIndex>, Error> {
        // a ledger that an older release keeps has not got it yet
        let extras = match super::is_current(s)? {
            true => "extras_sql",
            false => "''",
        };
        let sql = format!(
            "SELECT name, copy, constraint_sql, restore_sql, renamed_sql, plain_sql, {extras} FROM {} WHERE {} ORDER BY name",
            self.table("saved_indexes"),
            self.me()
        );
        let rows = s
            .rows(&sql, &[self.id()])
            .during("reading the remembered indexes")?;
        let index = |row| {
            let mut row = Fields::new(row);
            SavedIndex {
                name: row.text(),
                copy: row.text(),
                constraint: row.maybe(),
                restore: row.text(),
                renamed: row.text(),
                plain: row.text(),
                extras: row.text(),
            }
        };
        Ok(rows.into_iter().map(index).collect())
    }

    /// Remembers a CHECK constraint.
    pub(crate) fn save_check(&self, s: &mut dyn Session, check: &SavedCheck) -> Result<(), Error> {
        let sql = format!(
            "INSERT INTO {} (id, name, copy, restore_sql, generation, validated) \
             VALUES ({BIND}, {BIND}, {BIND}, {BIND}, {}, {})",
            self.table("saved_checks"),
            self.def.generation,
            u8::from(check.validated)
        );
        let binds = [
            self.id(),
            text(&check.name),
            text(&check.copy),
            text(&check.restore),
        ];
        s.execute(&sql, &binds)
            .during("remembering a CHECK constraint")?;
        Ok(())
    }

    /// The remembered CHECK constraints.
    pub(crate) fn saved_checks(&self, s: &mut dyn Session) -> Result<Vec<SavedCheck>, Error> {
        if !super::is_current(s)? {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT name, copy, restore_sql, CAST(validated AS text) FROM {} WHERE {} ORDER BY name",
            self.table("saved_checks"),
            self.me()
        );
        let rows = s
            .rows(&sql, &[self.id()])
            .during("reading the remembered CHECK constraints")?;
        let check = |row| {
            let mut row = Fields::new(row);
            Ok(SavedCheck {
                name: row.text(),
                copy: row.text(),
                restore: row.text(),
                validated: row.flag()?,
            })
        };
        rows.into_iter().map(check).collect()
    }

    /// Forgets all of them.
    pub(crate) fn forget_saved(&self, s: &mut dyn Session) -> Result<(), Error> {
        self.delete(s, "saved_checks")?;
        self.delete(s, "saved_indexes")
    }
}
