//! Evidence of writers that know only one of the columns: what the runner reads of it.

use std::time::Duration;

use super::sightings::{name, THROTTLE};
use super::store::Ledger;
use crate::backend::driver::driver;
use crate::backend::session::{transaction, Session, TextRow};
use crate::definition::Dialect;
use crate::error::{Error, While};
use crate::phase::Side;
use crate::stranger::Stranger;

impl Ledger {
    /// Whom the triggers saw, the latest first. Takes no lock that a writer waits for.
    pub(crate) fn strangers(&self, s: &mut dyn Session) -> Result<Vec<Stranger>, Error> {
        let outside = s.dialect() == Dialect::Postgres && s.depth()? == 0;
        if outside && !driver(s.dialect())?.in_block(s)? {
            // a serializable read of the evidence could be what makes a serializable writer fail
            return transaction(s, |s| {
                s.batch("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
                    .during("reading who writes one column only")?;
                self.read_strangers(s)
            });
        }
        self.read_strangers(s)
    }

    fn read_strangers(&self, s: &mut dyn Session) -> Result<Vec<Stranger>, Error> {
        let ago = match s.dialect() {
            Dialect::Postgres => {
                "(extract(epoch FROM clock_timestamp() - max(last_seen)) * 1000)::bigint"
            }
            Dialect::Sqlite => {
                "CAST((julianday('now') - julianday(max(last_seen))) * 86400000 AS integer)"
            }
        };
        let sql = format!(
            "SELECT side, application, role_name, CAST(sum(writes) AS text), CAST(min(first_seen) AS text), \
             CAST(max(last_seen) AS text), CAST({ago} AS text) FROM {} WHERE {} \
             GROUP BY side, application, role_name ORDER BY max(last_seen) DESC, application, role_name",
            self.table("strangers"),
            self.me()
        );
        let rows = s
            .rows(&sql, &[self.id()])
            .during("reading who writes one column only")?;
        rows.into_iter().map(stranger).collect()
    }

    /// Those of a side who were seen within `period`, by the database's clock. Zero: nobody is asked for.
    pub(crate) fn recent_strangers(
        &self,
        s: &mut dyn Session,
        side: Side,
        period: Duration,
    ) -> Result<Vec<Stranger>, Error> {
        if period.is_zero() {
            return Ok(Vec::new());
        }
        // a session may have written until now without being put on record again
        let period = match s.dialect() {
            Dialect::Postgres => period.saturating_add(Duration::from_secs(THROTTLE)),
            Dialect::Sqlite => period,
        };
        let mut found = self.strangers(s)?;
        found.retain(|stranger| stranger.side == side && stranger.ago < period);
        Ok(found)
    }

    /// Evidence of the side counts from now on: call it when the barrier of the phase is through in which the side is
    /// strange. Until then instances of this library that are a phase behind look like strangers.
    ///
    /// Waits for nobody. Rows of transactions that are still open stay.
    pub(crate) fn forget_strangers(&self, s: &mut dyn Session, side: Side) -> Result<(), Error> {
        let strangers = self.table("strangers");
        let context = "forgetting who wrote one column only";
        let mine = format!("{} AND side = '{}'", self.me(), name(side));
        match s.dialect() {
            Dialect::Postgres => {
                let sql = format!(
                    "DELETE FROM {strangers} WHERE ctid = ANY \
                     (ARRAY(SELECT ctid FROM {strangers} WHERE {mine} FOR UPDATE SKIP LOCKED))"
                );
                s.execute(&sql, &[self.id()]).during(context)?;
                // sessions that were put on record a moment ago have to be so again
                s.batch("SELECT nextval('expand_contract.stranger_epoch')")
                    .during(context)
            }
            Dialect::Sqlite => {
                let sql = format!("DELETE FROM {strangers} WHERE {mine}");
                s.execute(&sql, &[self.id()]).during(context).map(drop)
            }
        }
    }

    /// Makes one row of each writer's many, and gives the triggers room again (PostgreSQL). Waits for nobody: what a
    /// writer holds stays, and a writer that meets its row on the way takes another key.
    pub(crate) fn fold_strangers(&self, s: &mut dyn Session) -> Result<(), Error> {
        if s.dialect() != Dialect::Postgres {
            return Ok(());
        }
        let context = "counting who writes one column only";
        let (strangers, quarantine) = (self.table("strangers"), self.table("quarantine"));
        let sql = format!(
            "WITH gone AS (DELETE FROM {strangers} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {strangers} \
             WHERE {} AND backend <> 0 FOR UPDATE SKIP LOCKED)) RETURNING *) \
             INSERT INTO {strangers} AS s \
             (id, generation, side, backend, application, role_name, writes, first_seen, last_seen) \
             SELECT id, generation, side, 0, application, role_name, sum(writes), min(first_seen), max(last_seen) FROM gone \
             GROUP BY id, generation, side, application, role_name \
             ON CONFLICT (id, generation, side, backend, application, role_name) DO UPDATE SET \
             writes = s.writes + excluded.writes, first_seen = least(s.first_seen, excluded.first_seen), \
             last_seen = greatest(s.last_seen, excluded.last_seen)",
            self.me()
        );
        s.execute(&sql, &[self.id()]).during(context)?;
        s.batch(&format!(
            "SELECT setval('expand_contract.net_rows', greatest(1, (SELECT count(*) FROM {strangers}) + \
             (SELECT count(*) FROM {quarantine})))"
        ))
        .during(context)
    }
}

fn stranger(row: TextRow) -> Result<Stranger, Error> {
    let mut row = row.into_iter();
    let mut next = || row.next().flatten().unwrap_or_default();
    let named = |name: String| (!name.is_empty()).then_some(name);
    let unexpected = || Error::Unexpected {
        what: "the ledger: evidence of a writer".to_owned(),
    };
    let side = match next().as_str() {
        "old" => Side::Old,
        "via" => Side::Via,
        "new" => Side::New,
        _ => return Err(unexpected()),
    };
    Ok(Stranger {
        side,
        application: named(next()),
        role: named(next()),
        writes: next().parse().map_err(|_| unexpected())?,
        first_seen: next(),
        last_seen: next(),
        // a database whose clock was set back saw it in the future: just now
        ago: Duration::from_millis(
            next()
                .parse::<i64>()
                .map_err(|_| unexpected())?
                .try_into()
                .unwrap_or(0),
        ),
    })
}
