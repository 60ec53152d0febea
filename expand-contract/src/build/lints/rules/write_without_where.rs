//! An UPDATE or DELETE of a whole table.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "write-without-where",
    level: Level::Warn,
    databases: EVERY,
    why: "all rows are locked by one transaction until it ends; on a large table that takes long, and doubles its size",
    help: "write in batches along the primary key; for a column that follows from another one `#[migrate(…)]` does so",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::Write(write) = &op.kind else {
        return;
    };
    let verb = match write.verb {
        Verb::Update => "updated",
        Verb::Delete => "deleted",
        _ => return,
    };
    if !write.is_bounded && !cx.is_new(&write.table) {
        found.say(
            op.at,
            format!("all rows of `{}` are {verb} at once", write.table.text),
        );
    }
}
