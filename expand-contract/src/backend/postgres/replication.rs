//! Where the server and its standbys are in the write-ahead log.

use crate::backend::driver::{Position, Standby};
use crate::backend::session::Session;
use crate::error::{Error, While};

const CONTEXT: &str = "looking at replication";

// no row: nothing was said
fn position(s: &mut dyn Session, sql: &str) -> Result<Position, Error> {
    let rows = s.rows(sql, &[]).during(CONTEXT)?;
    let mut row = rows.into_iter().flatten();
    let mut next = || row.next().flatten();
    let unexpected = || Error::Unexpected {
        what: "the position in the write-ahead log".to_owned(),
    };
    Ok(Position {
        server: next().ok_or_else(unexpected)?,
        written: next().and_then(|n| n.parse().ok()).unwrap_or(0),
        replayed: next().and_then(|n| n.parse().ok()),
    })
}

/// Where this server is, which is no standby.
pub(super) fn written(s: &mut dyn Session) -> Result<Position, Error> {
    position(
        s,
        "SELECT system_identifier::text, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text, NULL::text \
         FROM pg_control_system()",
    )
}

/// How far this server has replayed, if it is a standby.
pub(super) fn replayed(s: &mut dyn Session) -> Result<Position, Error> {
    position(
        s,
        "SELECT system_identifier::text, '0', CASE WHEN pg_is_in_recovery() THEN \
         pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::text END FROM pg_control_system()",
    )
}

/// Where this server is and how far its standbys and subscribers have got, as it sees them. What the role may not see is
/// not there.
pub(super) fn standbys(s: &mut dyn Session) -> Result<(Position, Vec<Standby>), Error> {
    // before: what is written meanwhile is not counted as lag
    let here = written(s)?;
    let sql = "SELECT application_name, pg_wal_lsn_diff(replay_lsn, '0/0')::text FROM pg_stat_replication \
               WHERE state IS DISTINCT FROM 'backup'";
    let rows = s.rows(sql, &[]).during(CONTEXT)?;
    let standby = |row: Vec<Option<String>>| {
        let mut row = row.into_iter();
        Standby {
            name: row.next().flatten(),
            replayed: row.next().flatten().and_then(|n| n.parse().ok()),
        }
    };
    Ok((here, rows.into_iter().map(standby).collect()))
}
