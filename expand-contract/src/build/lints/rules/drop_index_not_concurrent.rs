//! An index is dropped under a lock that waits for every transaction and makes all others wait behind it.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-index-not-concurrent",
    level: Level::Warn,
    databases: POSTGRES,
    why: "it needs the table for itself: behind the longest query on it, everybody waits",
    help: "`DROP INDEX CONCURRENTLY`, as the only statement of its file, and `run_in_transaction = false` in its `metadata.toml`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::DropIndex {
        name,
        concurrently: false,
        ..
    } = &op.kind
    else {
        return;
    };
    let is_own = cx.history.is_new_index(name) && !cx.is_down()
        || cx
            .history
            .index(name)
            .is_some_and(|index| cx.is_new(&index.table))
        || cx.is_down()
            && cx
                .history
                .index(name)
                .is_some_and(|index| cx.undoes_table(&index.table));
    if !is_own {
        found.say(
            op.at,
            format!("index `{}` is dropped without CONCURRENTLY", name.text),
        );
    }
}
