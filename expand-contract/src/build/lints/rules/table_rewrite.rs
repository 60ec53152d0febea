//! A table is written anew as a whole.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "table-rewrite",
    level: Level::Deny,
    databases: NOT_SQLITE,
    why: "all rows are copied under a lock that stops writers, and mostly readers too, for as long as it takes",
    help: "do it in a maintenance window, or with a tool that copies beside the traffic (pg_repack, gh-ost)",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    if let OpKind::AlterTable {
        table,
        what: Alter::Rewrite(words),
    } = &op.kind
    {
        if !cx.is_new(table) {
            found.say(op.at, format!("`{words}` writes `{}` anew", table.text));
        }
    }
}
