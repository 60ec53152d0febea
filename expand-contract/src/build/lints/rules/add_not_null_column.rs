//! A column is added NOT NULL and without a default.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "add-not-null-column",
    level: Level::Deny,
    databases: EVERY,
    why: "it fails as soon as the table has a row (on SQLite always; MySQL makes up a value), and every insert of an earlier release, which does not name the column, fails after it",
    help: "add it nullable or with a constant default. A column that replaces another one: `#[migrate(rename_from = \"…\")]`, whose `retire` makes it NOT NULL when every release writes it",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::AddColumn { table, column, .. } = &op.kind else {
        return;
    };
    let has_value = column
        .default
        .as_ref()
        .is_some_and(|default| !default.eq_ignore_ascii_case("null"))
        || column.identity
        || column.ty.is_serial()
        || column.generated.is_some();
    if column.not_null && !has_value && !cx.is_new(table) {
        found.say(
            op.at,
            format!(
                "`{}.{}` is added NOT NULL and without a default",
                table.text, column.name.text
            ),
        );
    }
}
