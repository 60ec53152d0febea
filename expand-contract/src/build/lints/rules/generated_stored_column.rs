//! A stored generated column is added to an existing table.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "generated-stored-column",
    level: Level::Deny,
    databases: NOT_SQLITE,
    why: "its value is computed for every row, and the table rewritten, under a lock that stops every reader and writer",
    help: "add a plain column, let a trigger fill it, and fill the old rows in batches; or make it virtual where the database can",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::AddColumn { table, column, .. } = &op.kind else {
        return;
    };
    // PostgreSQL before 18 has no virtual ones, and takes none without `STORED`.
    if column.generated == Some(Generated::Stored) && !cx.is_new(table) {
        found.say(
            op.at,
            format!(
                "`{}.{}` is stored and generated for every row",
                table.text, column.name.text
            ),
        );
    }
}
