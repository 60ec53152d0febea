//! An index over more than three columns.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "wide-index",
    level: Level::Allow,
    databases: EVERY,
    why: "each column makes it larger and every write slower, and those behind the third rarely narrow a search",
    help: "index the columns that narrow most; on PostgreSQL put those that are only read into `INCLUDE`",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    let (columns, table) = match &op.kind {
        OpKind::CreateIndex(index) if !index.unique => (index.columns, &index.table),
        OpKind::AddConstraint {
            table,
            constraint:
                Constraint {
                    kind: ConstraintKind::Index { columns },
                    ..
                },
            ..
        } => (*columns, table),
        _ => return,
    };
    if columns > 3 {
        let message = format!("an index of {columns} columns on `{}`", table.text);
        found.say(op.at, message);
    }
}
