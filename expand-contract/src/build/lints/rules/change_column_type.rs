//! A column changes its type in place, and the rows have to be written anew, or it is not known whether they have.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "change-column-type",
    level: Level::Deny,
    databases: NOT_SQLITE,
    why: "the table is rewritten, or read from end to end, under a lock that stops every reader and writer; a release that binds the old type can fail meanwhile and after",
    help: "annotate the field with `#[migrate(retype_from = OldType, up = \"…\", down = \"…\")]` and run the steps. Widening a VARCHAR, NUMERIC or precision of a time, and `varchar` → `text`, keep the rows and are not reported where an earlier file tells the type",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::ChangeType {
        table,
        column,
        ty,
        using,
        ..
    } = &op.kind
    else {
        return;
    };
    if cx.is_new(table) || cx.history.is_new_column(table, column) {
        return;
    }
    let known = cx.history.column(table, column).map(|column| &column.ty);
    let is_plain = using
        .as_ref()
        .is_none_or(|using| is_plain_cast(using, column, ty));
    let what = match keeps_its_rows(known, ty, cx.database) {
        Kept::Rows if is_plain => return,
        Kept::Rows => "computes every value anew".to_string(),
        Kept::Unknown => format!("becomes {}, and no file says what it is now", ty.text()),
        Kept::Nothing => format!(
            "changes from {} to {}",
            known.map_or(String::new(), |known| known.text()),
            ty.text()
        ),
    };
    found.say(op.at, format!("`{}.{}` {what}", table.text, column.text));
}

/// `USING column::type`: what happens without it.
fn is_plain_cast(using: &str, column: &Name, ty: &Type) -> bool {
    let plain = using.trim().to_ascii_lowercase().replace('"', "");
    if plain == column.key {
        return true;
    }
    let cast = plain
        .strip_prefix("cast(")
        .and_then(|rest| rest.strip_suffix(')'));
    let parts = match cast {
        Some(inside) => inside.split_once(" as "),
        None => plain.split_once("::"),
    };
    parts.is_some_and(|(of, to)| of.trim() == column.key && Type::from_text(to.trim()) == *ty)
}
