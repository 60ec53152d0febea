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
    let OpKind::CreateIndex(index) = &op.kind else {
        return;
    };
    if index.columns > 3 && !index.unique {
        found.say(
            op.at,
            format!(
                "an index of {} columns on `{}`",
                index.columns, index.table.text
            ),
        );
    }
}
