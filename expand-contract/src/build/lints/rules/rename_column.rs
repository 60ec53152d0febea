//! A column is renamed in place.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rename-column",
    level: Level::Deny,
    databases: EVERY,
    why: "from this moment on every running release that knows the old name fails, and no release can know both",
    help: "annotate the field with `#[migrate(rename_from = \"old_name\")]` and run the steps: both names exist while both are known",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::RenameColumn { table, from, to } = &op.kind else {
        return;
    };
    if cx.is_down() || cx.is_new(table) || cx.history.is_new_column(table, from) {
        return;
    }
    let reader = cx.in_use.and_then(|in_use| in_use.mapped(table, to));
    let reader = reader.map_or(String::new(), |reader| format!(" ({reader})"));
    found.say_with(
        op.at,
        format!("column `{}.{}` is renamed to `{}`{reader}", table.text, from.text, to.text),
        format!("annotate the field `{}` with `#[migrate(rename_from = \"{}\")]` and run the steps: both names exist while both are known", to.text, from.text),
    );
}
