//! A statement changes a column that an annotation of this library is migrating.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "migrating-column",
    level: Level::Deny,
    databases: EVERY,
    why: "the steps `expand` to `contract` add, fill and drop these columns in an order in which no statement fails; a second hand breaks it",
    help: "leave the column to the steps; when the migration is contracted, remove the annotation, and change the column then",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let Some(in_use) = cx.in_use else { return };
    let (table, column) = match &op.kind {
        OpKind::DropColumn { table, column, .. }
        | OpKind::RenameColumn {
            table,
            from: column,
            ..
        }
        | OpKind::ChangeType { table, column, .. }
        | OpKind::SetNotNull { table, column }
        | OpKind::DropNotNull { table, column } => (table, column),
        OpKind::AddColumn { table, column, .. } => (table, &column.name),
        _ => return,
    };
    let Some(Reader::Migrating { id, by, is_old }) = in_use.migrating(table, column) else {
        return;
    };
    // The old column has to come from somewhere: from the files before the annotation.
    let makes = matches!(op.kind, OpKind::AddColumn { .. });
    if cx.is_down() || (makes && *is_old) || cx.is_new(table) {
        return;
    }
    // Before the annotation the column was anybody's; a column that is still there was not dropped here for good.
    if !makes
        && !cx.gone.has_column(table, column)
        && !matches!(
            op.kind,
            OpKind::ChangeType { .. } | OpKind::SetNotNull { .. }
        )
    {
        return;
    }
    let which = if *is_old { "old" } else { "new" };
    found.say(
        op.at,
        format!(
            "`{}.{}` is the {which} column of the migration `{id}` ({by})",
            table.text, column.text
        ),
    );
}
