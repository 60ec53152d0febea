//! PostgreSQL: the library's own tables, which the file of the first `expand` finds.

use super::block::executed;
use super::script::{Script, MARK};
use crate::definition::Dialect;
use crate::ledger;

/// Its folder, before those of all steps.
pub(super) const FOLDER: &str = "00000000000000_expand_contract_ledger";

/// As the runner creates them, unless there are any. They stay: other migrations may know them.
pub(super) fn script() -> Script {
    let statements = ledger::whole(Dialect::Postgres);
    let statements: String = statements.iter().map(|sql| executed(sql)).collect();
    let heading =
        format!("{MARK}.\n-- The library's own tables, as `Migration::prepare` creates them.\n\n");
    let up = format!(
        "{heading}DO $ledger$\nBEGIN\n  \
         PERFORM pg_advisory_xact_lock(hashtext('expand_contract.ledger'));\n  \
         IF to_regclass('expand_contract.meta') IS NOT NULL THEN\n    RETURN;\n  END IF;\n\n\
         {statements}END\n$ledger$;\n"
    );
    Script {
        up,
        down: format!("{MARK}.\n-- The tables stay: they are everybody's.\n\nSELECT 1;\n"),
    }
}
