//! A script opens or ends a transaction inside the one that Diesel opens.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "nested-transaction",
    level: Level::Deny,
    databases: EVERY,
    why: "a COMMIT ends Diesel's: what follows is no longer undone when it fails, and whether the migration ran is recorded apart from it. SQLite refuses the BEGIN",
    help: "leave it to Diesel; or set `run_in_transaction = false` in the `metadata.toml` beside it",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let what = match &op.kind {
        OpKind::Begin => "opens a transaction",
        OpKind::Commit => "commits",
        OpKind::Rollback => "rolls back",
        _ => return,
    };
    if cx.script.in_transaction {
        found.say(
            op.at,
            format!("the script {what} inside Diesel's transaction"),
        );
    }
}
