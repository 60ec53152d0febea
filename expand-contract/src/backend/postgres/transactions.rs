//! Open transactions, as the server tells them.

use std::time::Duration;

use super::open::sql;
use crate::backend::driver::Mark;
use crate::backend::session::Session;
use crate::catalogue::Table;
use crate::error::{Error, While};
use crate::waiting::Transaction;

/// See [`crate::backend::driver::Driver::older_transactions`].
pub(super) fn older(
    s: &mut dyn Session,
    table: &Table,
    mark: &mut Option<Mark>,
) -> Result<Vec<Transaction>, Error> {
    let rows = s
        .rows(&sql(table), &[])
        .during("looking for open transactions")?;
    let mut open = Vec::new();
    for row in rows {
        let mut row = row.into_iter();
        let mut next = || row.next().flatten();
        let id = next().unwrap_or_default();
        let pid: Option<i64> = next().and_then(|pid| pid.parse().ok());
        let name = match next() {
            Some(gid) => format!("prepared transaction `{gid}`"),
            None => id.clone(),
        };
        let (application, role, state) = (next(), next(), next());
        let age = next()
            .and_then(|age| age.parse().ok())
            .map(Duration::from_secs);
        let transaction = Transaction {
            pid,
            name,
            application,
            role,
            state,
            age,
            query: next(),
        };
        open.push((id, transaction));
    }
    let ids = || open.iter().map(|(id, _)| id.clone()).collect();
    let known = match mark.get_or_insert_with(|| Mark::Transactions(ids())) {
        Mark::Transactions(known) => known,
        Mark::Frames(_) => return Ok(Vec::new()),
    };
    open.retain(|(id, _)| known.contains(id));
    Ok(open
        .into_iter()
        .map(|(_, transaction)| transaction)
        .collect())
}
