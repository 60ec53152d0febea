//! A table becomes a partition.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "attach-partition",
    level: Level::Warn,
    databases: POSTGRES,
    why: "its rows are read from end to end, while it is locked, to see that they belong there",
    help: "first give it a validated CHECK that says what the partition's bounds say; then allow this line",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    if let OpKind::AlterTable {
        table,
        what: Alter::AttachPartition,
    } = &op.kind
    {
        if !cx.is_new(table) {
            found.say(
                op.at,
                format!("`{}` gets a partition that was a table", table.text),
            );
        }
    }
}
