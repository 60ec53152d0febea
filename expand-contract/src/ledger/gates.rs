//! The record of gates that an operator did not wait for.

use super::store::{text, Ledger};
use super::Lease;
use crate::backend::session::{Session, BIND};
use crate::error::{Error, While};
use crate::gate::Gate;
use crate::phase::Step;

impl Ledger {
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
