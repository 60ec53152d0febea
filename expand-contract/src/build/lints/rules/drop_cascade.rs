//! Something is dropped with all that depends on it.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-cascade",
    level: Level::Deny,
    databases: POSTGRES,
    why: "what goes along is decided when the script runs, by what is there: views, foreign keys, columns of other tables",
    help: "drop what depends on it by name first",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    // What depends on it came later, and is reverted before.
    if cx.is_down() && cx.up_has(|made| is_undone(made, &op.kind)) {
        return;
    }
    let what = match &op.kind {
        OpKind::DropTable {
            table,
            cascade: true,
            ..
        } if !cx.is_new(table) => format!("table `{}`", table.text),
        OpKind::DropColumn {
            table,
            column,
            cascade: true,
            ..
        } => format!("column `{}.{}`", table.text, column.text),
        OpKind::DropConstraint {
            name,
            cascade: true,
            ..
        } => format!("constraint `{}`", name.text),
        OpKind::DropIndex {
            name,
            cascade: true,
            ..
        } => format!("index `{}`", name.text),
        OpKind::Drop {
            object,
            name,
            cascade: true,
            ..
        } => match name {
            Some(name) => format!("{} `{}`", object.to_lowercase(), name.text),
            None => object.to_lowercase(),
        },
        _ => return,
    };
    found.say(
        op.at,
        format!("{what} is dropped with all that depends on it"),
    );
}

/// Whether the one makes what the other drops. A schema may be in the search path.
fn is_undone(made: &OpKind, dropped: &OpKind) -> bool {
    let same = |made: &Name, dropped: &Name| made.last() == dropped.last();
    match (made, dropped) {
        (OpKind::CreateTable(made), OpKind::DropTable { table, .. }) => same(&made.table, table),
        (OpKind::CreateIndex(made), OpKind::DropIndex { name, .. }) => {
            made.name.as_ref().is_some_and(|made| same(made, name))
        }
        (
            OpKind::AddColumn {
                table: of,
                column: made,
                ..
            },
            OpKind::DropColumn { table, column, .. },
        ) => same(of, table) && made.name == *column,
        (
            OpKind::AddConstraint {
                table: of,
                constraint,
                ..
            },
            OpKind::DropConstraint { table, name, .. },
        ) => same(of, table) && constraint.name.as_ref() == Some(name),
        (
            OpKind::Create {
                object: made_object,
                name: Some(made),
                ..
            },
            OpKind::Drop {
                object,
                name: Some(name),
                ..
            },
        ) => object.ends_with(made_object.as_str()) && same(made, name),
        (
            OpKind::CreateDomain { name: made, .. },
            OpKind::Drop {
                object,
                name: Some(name),
                ..
            },
        ) => object == "DOMAIN" && same(made, name),
        _ => false,
    }
}
