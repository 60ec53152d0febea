//! Writers that know only one of the columns, as the safety net saw them.

use std::fmt;
use std::time::Duration;

use crate::phase::Side;

/// A writer that wrote one of the two columns and not the other: the previous release, another service, a person at a
/// prompt.
///
/// The triggers of the safety net keep this on record, at most every few seconds for each session, so the last writes of
/// a session that ended may be missing from the count. A reader is never seen, nor is a write that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stranger {
    /// The column that it knows: [`Side::Old`] or [`Side::New`].
    pub side: Side,
    /// What it calls itself (PostgreSQL's `application_name`); none where the database does not know, as SQLite.
    pub application: Option<String>,
    /// The role that it logged in as (PostgreSQL's `session_user`); none where there are no roles.
    pub role: Option<String>,
    /// How often it wrote, at least: statements on PostgreSQL (those sent in one message count once), changed values on
    /// SQLite.
    pub writes: u64,
    /// When it was seen first, as the database prints it.
    pub first_seen: String,
    /// When it was seen last, as the database prints it.
    pub last_seen: String,
    /// How long ago that is, by the database's clock.
    pub ago: Duration,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.application.as_deref() {
            None if self.role.is_none() => f.write_str("a writer of this file")?,
            None => f.write_str("an application without a name")?,
            Some(name) => write!(f, "application `{name}`")?,
        }
        if let Some(role) = &self.role {
            write!(f, " (role {role})")?;
        }
        let column = match self.side {
            Side::Old => "old",
            Side::Via => "intermediate",
            Side::New => "new",
        };
        write!(
            f,
            " wrote only the {column} column {} times, last at {}",
            self.writes, self.last_seen
        )
    }
}
