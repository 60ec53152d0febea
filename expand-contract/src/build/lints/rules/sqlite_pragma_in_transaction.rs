//! A pragma that does nothing inside a transaction.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "sqlite-pragma-in-transaction",
    level: Level::Deny,
    databases: SQLITE,
    why: "`foreign_keys` keeps its value until the transaction ends, so that a `DROP TABLE` deletes the rows first, and `ON DELETE CASCADE` those of other tables with them",
    help: "set `run_in_transaction = false` in the `metadata.toml` beside it, and `BEGIN` and `COMMIT` behind the pragma; or `PRAGMA defer_foreign_keys`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::Pragma { name } = &op.kind else {
        return;
    };
    if cx.script.in_transaction
        && matches!(
            name.as_str(),
            "foreign_keys" | "journal_mode" | "synchronous"
        )
    {
        found.say(
            op.at,
            format!("`PRAGMA {name}` does nothing inside Diesel's transaction"),
        );
    }
}
