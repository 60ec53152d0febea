//! A column that SQLite cannot add.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "sqlite-add-column",
    level: Level::Deny,
    databases: SQLITE,
    why: "SQLite refuses to add a column that is a key or unique, is stored and generated, or whose default is not constant",
    help: "add a plain column, and a unique index for it; or make a new table, copy the rows and rename it",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    let OpKind::AddColumn { table, column, .. } = &op.kind else {
        return;
    };
    let default = column.default.as_deref().unwrap_or_default().trim();
    let what = if column.primary_key {
        "a primary key"
    } else if column.unique {
        "unique"
    } else if column.generated == Some(Generated::Stored) {
        "stored and generated"
    } else if default.starts_with('(') || default.to_ascii_uppercase().starts_with("CURRENT_") {
        "given a default that is not constant"
    } else {
        return;
    };
    found.say(
        op.at,
        format!("`{}.{}` is {what}", table.text, column.name.text),
    );
}
