//! One runner per table: a row with a fencing token.

use std::time::Duration;

use super::table;
use crate::backend::session::{Session, BIND};
use crate::definition::Dialect;
use crate::error::{Error, While};

/// The right to work on a table, until someone with a higher token takes it.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(super) table: String,
    pub(crate) holder: String,
    pub(crate) token: i64,
}

impl Lease {
    /// Of a migration file, which holds none: it runs one transaction, under locks that keep runners out.
    #[cfg(feature = "build")]
    pub(crate) fn of_a_file(table: &str, holder: &str) -> Self {
        Lease {
            table: table.to_owned(),
            holder: holder.to_owned(),
            token: 0,
        }
    }

    /// The table it is for.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// First statement of every transaction of a runner: renews, and holds off a takeover until the commit.
    pub(crate) fn fence(&self, s: &mut dyn Session) -> Result<(), Error> {
        let sql = format!(
            "UPDATE {} SET renewals = renewals + 1 WHERE table_name = {BIND} AND token = {} AND held = 1",
            table(s.dialect(), "runners"),
            self.token
        );
        let renewed = s
            .execute(&sql, &[Some(self.table.clone())])
            .during("renewing the runner's lease")?;
        if renewed == 1 {
            Ok(())
        } else {
            Err(Error::RunnerLost {
                table: self.table.clone(),
            })
        }
    }

    /// The same for one of several transactions of the runner at once: holds off a takeover, which changes the token, and
    /// neither renews nor waits for the others, who renew.
    pub(crate) fn share(&self, s: &mut dyn Session) -> Result<(), Error> {
        let lock = match s.dialect() {
            Dialect::Postgres => " FOR KEY SHARE",
            Dialect::Sqlite => "",
        };
        let sql = format!(
            "SELECT 'x' FROM {} WHERE table_name = {BIND} AND token = {} AND held = 1{lock}",
            table(s.dialect(), "runners"),
            self.token
        );
        let found = s
            .rows(&sql, &[Some(self.table.clone())])
            .during("looking at the runner's lease")?;
        if found.is_empty() {
            return Err(Error::RunnerLost {
                table: self.table.clone(),
            });
        }
        Ok(())
    }

    /// Gives the table back. A lease that could not be given back runs out.
    pub(crate) fn release(&self, s: &mut dyn Session) {
        let sql = format!(
            "UPDATE {} SET held = 0 WHERE table_name = {BIND} AND token = {}",
            table(s.dialect(), "runners"),
            self.token
        );
        for _ in 0..5 {
            if s.execute(&sql, &[Some(self.table.clone())]).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
