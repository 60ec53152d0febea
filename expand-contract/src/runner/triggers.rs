//! Rows written without the user's triggers, where the caller wants that and nothing that has to hold is checked by one.

use super::{Facts, Runner};
use crate::backend::session::transaction;
use crate::error::Error;

/// Which columns rows are written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    New,
    Old,
    Both,
}

impl Runner<'_> {
    /// Refuses the option where the database has no such setting or the role may not use it. Changes nothing.
    pub(super) fn check_silence(&mut self) -> Result<(), Error> {
        if !self.options.control.silent {
            return Ok(());
        }
        let driver = self.driver;
        let refused = transaction(self.s, |s| {
            driver.silence(s)?;
            // it is only tried
            Err::<(), _>(Error::from(diesel::result::Error::RollbackTransaction))
        });
        match refused {
            Err(Error::Database {
                source: diesel::result::Error::RollbackTransaction,
                ..
            }) => Ok(()),
            Err(Error::Database { .. }) => Err(Error::Privilege {
                what: "set session_replication_role, which `Options::without_user_triggers` needs".to_owned(),
                grant: "GRANT SET ON PARAMETER session_replication_role TO <the role> (PostgreSQL 14: ALTER ROLE … SUPERUSER)"
                    .to_owned(),
            }),
            result => result,
        }
    }

    /// `work`, in which the runner's transactions fire no triggers of the user's, if the caller wants that.
    pub(super) fn silently<T>(
        &mut self,
        facts: &Facts,
        written: Written,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !self.options.control.silent {
            return work(self);
        }
        let mut columns = Vec::new();
        for change in &facts.changes {
            if written != Written::Old {
                columns.push(change.to);
            }
            if written != Written::New {
                columns.push(change.from);
            }
        }
        let constraints = self.driver.by_triggers(self.s, &facts.table, &columns)?;
        if !constraints.is_empty() {
            return Err(Error::TriggersNeeded {
                table: facts.table.name.to_string(),
                constraints,
            });
        }
        let before = std::mem::replace(&mut self.silent, true);
        let result = work(self);
        self.silent = before;
        result
    }
}
