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
