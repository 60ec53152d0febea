//! A script that Diesel runs without a transaction opens one and does not end it.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "open-transaction",
    level: Level::Deny,
    databases: EVERY,
    why: "its changes, and every later statement of the connection, are lost when the connection closes",
    help: "end the script with `COMMIT`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let ends = |later: &Op| matches!(later.kind, OpKind::Commit | OpKind::Rollback);
    if matches!(op.kind, OpKind::Begin)
        && !cx.script.in_transaction
        && !cx.behind().iter().any(ends)
    {
        found.say(op.at, "a transaction is opened and never ended".into());
    }
}
