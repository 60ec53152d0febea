//! The record of gates that an operator did not wait for.

use std::time::Duration;

use super::store::{text, Ledger};
use super::Lease;
use crate::backend::session::{Session, BIND};
use crate::definition::Dialect;
use crate::error::{Error, While};
use crate::gate::Gate;
use crate::phase::Step;
use crate::plan::actions::BARRIER;

impl Ledger {
    /// For how long writers of one column have been put on record: since the barrier of the phase was through.
    pub(crate) fn watched(&self, s: &mut dyn Session) -> Result<Duration, Error> {
        let ago = match s.dialect() {
            Dialect::Postgres => "(extract(epoch FROM clock_timestamp() - max(at)) * 1000)::bigint",
            Dialect::Sqlite => {
                "CAST((julianday('now') - julianday(max(at))) * 86400000 AS integer)"
            }
        };
        let sql = format!(
            "SELECT CAST({ago} AS text) FROM {} WHERE {} AND action = {BIND}",
            self.table("actions"),
            self.me()
        );
        let rows = s
            .rows(&sql, &[self.id(), text(BARRIER)])
            .during("reading for how long writers have been watched")?;
        let ago = rows.into_iter().flatten().flatten().next();
        // a database whose clock was set back: just now
        let ago = ago.and_then(|ago| ago.parse().ok()).unwrap_or(0);
        Ok(Duration::from_millis(ago))
    }

    /// Notes that a closed gate was passed, and what stood in the way. Inside the transaction of the next effect.
    pub(crate) fn overridden(
        &self,
        s: &mut dyn Session,
        lease: &Lease,
        step: Step,
        gate: Gate,
        (reason, found): (&str, &str),
    ) -> Result<(), Error> {
        let sql = format!(
            "INSERT INTO {} (id, step, gate, reason, found, runner, generation, epoch) \
             SELECT {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {}, coalesce((SELECT max(epoch) FROM {} WHERE {}), 0)",
            self.table("overrides"),
            self.def.generation,
            self.table("migrations"),
            self.me(),
        );
        let binds = [
            self.id(),
            text(step.as_str()),
            text(gate.as_str()),
            text(reason),
            text(found),
            text(&lease.holder),
            self.id(),
        ];
        s.execute(&sql, &binds)
            .during("recording that a gate was passed")?;
        Ok(())
    }
}
