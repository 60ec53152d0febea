//! Which ledger there is.

use super::tables::{table, VERSION};
use crate::backend::session::Session;
use crate::definition::Dialect;
use crate::error::{Error, While};

/// What the ledger says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) version: u32,
    /// How many phases were published in this database.
    pub(crate) epoch: i64,
}

impl Meta {
    /// What a ledger of version 2 or newer says, if this release may read it.
    pub(super) fn parse(version: &str, readable_by: &str, epoch: &str) -> Result<Self, Error> {
        let unreadable = || Error::LedgerVersion {
            found: version.to_owned(),
            needed: readable_by.to_owned(),
            known: VERSION,
        };
        let oldest: u32 = readable_by.parse().map_err(|_| unreadable())?;
        if oldest > VERSION {
            return Err(unreadable());
        }
        Ok(Meta {
            version: version.parse().map_err(|_| unreadable())?,
            epoch: epoch.parse().map_err(|_| unreadable())?,
        })
    }

    /// Refuses to write to a ledger that a newer release keeps: it may hold what this one does not know to respect.
    pub(crate) fn check_writable(self) -> Result<(), Error> {
        if self.version > VERSION {
            return Err(Error::LedgerNewer {
                found: self.version,
                known: VERSION,
            });
        }
        Ok(())
    }
}

/// The ledger, if there is one that this release may read.
pub(crate) fn meta(s: &mut dyn Session) -> Result<Option<Meta>, Error> {
    let dialect = s.dialect();
    let exists = match dialect {
        Dialect::Postgres => "SELECT to_regclass('expand_contract.meta')::text",
        Dialect::Sqlite => {
            "SELECT max(name) FROM sqlite_master WHERE type = 'table' AND name = 'expand_contract_meta'"
        }
    };
    let rows = s.rows(exists, &[]).during("looking for the ledger")?;
    if rows.into_iter().flatten().flatten().next().is_none() {
        return Ok(None);
    }
    let meta = table(dialect, "meta");
    // A newer ledger may have columns that this release cannot name, and an older one lacks some that it can: what is
    // asked first is there in all of them.
    let sql = format!("SELECT CAST(max(version) AS text) FROM {meta}");
    let rows = s.rows(&sql, &[]).during("reading the ledger's version")?;
    let Some(found) = rows.into_iter().flatten().flatten().next() else {
        return Ok(None);
    };
    let version: u32 = found.parse().map_err(|_| Error::LedgerVersion {
        found: found.clone(),
        needed: found.clone(),
        known: VERSION,
    })?;
    if version < 2 {
        return Ok(Some(Meta { version, epoch: 0 }));
    }
    let sql =
        format!("SELECT CAST(max(readable_by) AS text), CAST(max(epoch) AS text) FROM {meta}");
    let rows = s.rows(&sql, &[]).during("reading the ledger's version")?;
    let mut row = rows.into_iter().flatten();
    let mut next = || row.next().flatten().unwrap_or_default();
    let (readable_by, epoch) = (next(), next());
    Meta::parse(&found, &readable_by, &epoch).map(Some)
}
