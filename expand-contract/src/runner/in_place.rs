//! Renames in place: what is asked before the column takes its other name.

use super::action::while_busy;
use super::{Facts, Runner};
use crate::catalogue::Table;
use crate::error::Error;
use crate::phase::rules::Way;
use crate::phase::{Phase, Side};

impl Runner<'_> {
    /// Refuses what a rename in place could not carry through, or whom it would break. Changes nothing.
    pub(super) fn rename_preflight(&mut self, facts: &Facts) -> Result<(), Error> {
        let (table, stage) = (&facts.table, facts.position.stage);
        let marked = facts.position.way == Way::Marked;
        self.alone_on(table)?;
        for change in self.def.changes {
            let marker = change.name(Side::Via);
            if let Some(limit) = table.dialect.max_identifier_bytes() {
                for name in [change.old, marker, change.new] {
                    if name.len() > limit {
                        return Err(Error::NameTooLong {
                            name: name.to_owned(),
                            limit,
                        });
                    }
                }
            }
            self.is_free(table, (change.old, change.new))?;
            if marked && stage.phase == Phase::Original {
                self.is_free(table, (change.old, marker))?;
            }
        }
        self.follow(facts, Side::Old)
    }

    /// The same before the columns take their old names again.
    pub(super) fn rename_back_preflight(&mut self, facts: &Facts) -> Result<(), Error> {
        let table = &facts.table;
        self.alone_on(table)?;
        for change in self.def.changes {
            if !table.has(change.new) {
                return Err(Error::ColumnMissing {
                    table: table.name.to_string(),
                    old: change.old.to_owned(),
                    new: change.new.to_owned(),
                });
            }
            self.is_free(table, (change.new, change.old))?;
        }
        self.follow(facts, Side::New)
    }

    fn alone_on(&mut self, table: &Table) -> Result<(), Error> {
        let name = table.name.to_string();
        match self.ledger.other(self.s, &name)? {
            Some((other, stage)) => Err(Error::OtherMigration {
                table: name,
                other,
                stage,
            }),
            None => Ok(()),
        }
    }

    fn is_free(&self, table: &Table, (name, to): (&str, &str)) -> Result<(), Error> {
        let found = |name| table.column(name).map(|column| column.name.as_str());
        // SQLite: another spelling of the same name
        if found(to).is_none() || found(to) == found(name) {
            return Ok(());
        }
        let mut changes = self.def.changes.iter();
        Err(Error::NameTaken {
            table: table.name.to_string(),
            migration: self.def.id.to_owned(),
            name: to.to_owned(),
            marker: changes.any(|change| change.name(Side::Via) == to),
        })
    }

    // what names the column in a text that the database does not rewrite
    fn follow(&mut self, facts: &Facts, from: Side) -> Result<(), Error> {
        let columns: Vec<(&str, &str)> = self.context(facts).pairs(from);
        let renames = self.context(facts).renames(from);
        let (driver, table) = (self.driver, &facts.table);
        let found = while_busy(driver, self.options.retries, || {
            driver.unfollowed(self.s, table, &columns, &renames)
        })?;
        if found.is_empty() {
            return Ok(());
        }
        Err(Error::Obstacles {
            table: facts.table.name.to_string(),
            obstacles: found,
        })
    }
}
