//! The instances as the runner sees them: who has acknowledged a phase, and whose lease has run out.

use std::time::Duration;

use super::store::{text, Fields, Ledger};
use crate::backend::session::{Session, BIND};
use crate::error::{Error, While};
use crate::waiting::{Instance, Override};

/// An instance's row.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    /// The row's key.
    pub(crate) key: String,
    pub(crate) renewals: i64,
    pub(crate) lease: Duration,
    pub(crate) instance: Instance,
}

impl Ledger {
    /// The instances that serve the migration, with what they have acknowledged of its published phase.
    pub(crate) fn instances(&self, s: &mut dyn Session) -> Result<Vec<Registered>, Error> {
        let sql = format!(
            "SELECT i.instance, CAST(i.renewals AS text), CAST(i.lease_ms AS text), i.migrations, i.application, \
             i.version, i.host, CAST(i.pid AS text), CAST(i.acknowledged AS text), i.lagging, \
             CAST(m.published AS text) FROM {}, {} m WHERE {} ORDER BY i.application, i.host, i.pid",
            format_args!("{} i", self.table("instances")),
            self.table("migrations"),
            format_args!("m.id = {BIND} AND m.generation = {}", self.def.generation),
        );
        let rows = s.rows(&sql, &[self.id()]).during("reading the instances")?;
        let me = self.served_as();
        let mut out = Vec::new();
        for row in rows {
            let mut row = Fields::new(row);
            let key = row.text();
            let renewals = row.number()?;
            let lease = Duration::from_millis(u64::try_from(row.number()?).unwrap_or(0));
            if !row.text().lines().any(|served| served == me) {
                continue;
            }
            let mut instance = Instance {
                application: row.text(),
                version: row.text(),
                host: row.text(),
                pid: row.number()?,
                acknowledged: row.number()?,
                up_to_date: false,
                lagging: row.maybe(),
            };
            instance.up_to_date = instance.acknowledged >= row.number()?;
            out.push(Registered {
                key,
                renewals,
                lease,
                instance,
            });
        }
        Ok(out)
    }

    /// Whether any process is registered for the migration, which the ledger need not know yet.
    pub(crate) fn is_served(&self, s: &mut dyn Session) -> Result<bool, Error> {
        let sql = format!("SELECT migrations FROM {}", self.table("instances"));
        let rows = s.rows(&sql, &[]).during("reading the instances")?;
        let mut served = rows.into_iter().flatten().flatten();
        let me = self.served_as();
        Ok(served.any(|served| served.lines().any(|line| line == me)))
    }

    // a line of what an instance says it serves
    fn served_as(&self) -> String {
        format!("{}\t{}", self.def.id, self.def.generation)
    }

    /// Takes an instance off the list if its counter is still the one given. Whether it need not be waited for any more.
    pub(crate) fn expire(
        &self,
        s: &mut dyn Session,
        key: &str,
        renewals: i64,
    ) -> Result<bool, Error> {
        let instances = self.table("instances");
        let same = format!("{instances} WHERE instance = {BIND} AND renewals = {renewals}");
        let context = "taking an instance off the list";
        let deleted = s
            .execute(&format!("DELETE FROM {same}"), &[text(key)])
            .during(context)?;
        if deleted > 0 {
            return Ok(true);
        }
        // A role that may write to the ledger but does not own it cannot see other roles' rows for deletion. The row
        // stays; that its counter stands still is what counts.
        let left = s
            .rows(&format!("SELECT 'x' FROM {same}"), &[text(key)])
            .during(context)?;
        Ok(!left.is_empty())
    }

    /// The gates of this migration that were passed while they were closed, the latest last.
    pub(crate) fn overrides(&self, s: &mut dyn Session) -> Result<Vec<Override>, Error> {
        let sql = format!(
            "SELECT step, gate, reason, found, runner, CAST(at AS text) FROM {} WHERE {} ORDER BY at",
            self.table("overrides"),
            self.me()
        );
        let rows = s
            .rows(&sql, &[self.id()])
            .during("reading the gates that were passed")?;
        let passed = |row| {
            let mut row = Fields::new(row);
            Override {
                step: row.text(),
                gate: row.text(),
                reason: row.text(),
                found: row.text(),
                runner: row.text(),
                at: row.text(),
            }
        };
        Ok(rows.into_iter().map(passed).collect())
    }
}
