//! Who sees and writes which rows changes.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "row-security",
    level: Level::Warn,
    databases: POSTGRES,
    why: "with row security and no policy that fits, a role sees no row and its writes fail; a policy that changes does the same to some rows, and nobody gets an error for a row that is not there",
    help: "try it under the application's role first, with the statements of the release that runs; then allow this line and say so",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let table = match &op.kind {
        OpKind::AlterTable {
            table,
            what: Alter::RowSecurity,
        } => Some(table),
        OpKind::Create { object, on, .. } if object == "POLICY" => on.as_ref(),
        OpKind::Drop { object, .. } if object == "POLICY" => None,
        OpKind::AlterPolicy { table } => table.as_ref(),
        _ => return,
    };
    if table.is_some_and(|table| cx.is_new(table)) || cx.is_down() {
        return;
    }
    let table = table.map_or_else(
        || "a table".to_string(),
        |table| format!("`{}`", table.text),
    );
    found.say(
        op.at,
        format!("which rows of {table} a role sees and writes changes"),
    );
}
