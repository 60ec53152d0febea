//! What a step asks for before it goes on. A closed gate is an error that says what opens it, or, where the operator named
//! the gate, a line in the ledger.

use super::Runner;
use crate::error::Error;
use crate::gate::Gate;
use crate::ledger::Lease;
use crate::phase::Step;

impl Runner<'_> {
    /// The operator's reason for passing the gate, where one was given.
    pub(super) fn named(&self, gate: Gate) -> Option<String> {
        let mut overrides = self.options.overrides.iter();
        let named = overrides.find(|(named, _)| *named == gate);
        named.map(|(_, reason)| reason.clone())
    }

    /// The gate is closed because of `found`; goes on only if the operator has named it.
    pub(crate) fn closed(
        &mut self,
        lease: &Lease,
        step: Step,
        gate: Gate,
        found: String,
        remedy: &str,
    ) -> Result<(), Error> {
        let Some(reason) = self.named(gate) else {
            return Err(Error::GateClosed {
                step,
                gate,
                found,
                remedy: remedy.to_owned(),
            });
        };
        let ledger = self.ledger.clone();
        self.in_transaction(lease, |s| {
            ledger.overridden(s, lease, step, gate, (&reason, &found))
        })
    }
}
