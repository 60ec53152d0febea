//! A column that numbers itself is added to an existing table.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "serial-on-existing-table",
    level: Level::Deny,
    databases: NOT_SQLITE,
    why: "every row gets its number at once: the table is rewritten under a lock that stops every reader and writer",
    help: "add a plain nullable column, make the sequence its default, fill the old rows in batches, and make it an identity when all have a number",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::AddColumn { table, column, .. } = &op.kind else {
        return;
    };
    if (column.ty.is_serial() || column.identity) && !cx.is_new(table) {
        found.say(
            op.at,
            format!(
                "`{}.{}` is added and numbers all rows",
                table.text, column.name.text
            ),
        );
    }
}
