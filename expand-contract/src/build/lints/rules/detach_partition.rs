//! A partition is detached without `CONCURRENTLY`.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "detach-partition",
    level: Level::Warn,
    databases: POSTGRES,
    why: "it needs the whole table for itself: behind the longest query on it, everybody waits",
    help: "`DETACH PARTITION … CONCURRENTLY`, as the only statement of its file, and `run_in_transaction = false` in its `metadata.toml`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    if let OpKind::AlterTable {
        table,
        what: Alter::DetachPartition {
            concurrently: false,
        },
    } = &op.kind
    {
        if !cx.is_new(table) && !cx.is_down() {
            found.say(
                op.at,
                format!(
                    "a partition of `{}` is detached while everybody waits",
                    table.text
                ),
            );
        }
    }
}
