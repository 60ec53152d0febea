//! NOT NULL, which since PostgreSQL 18 is a constraint with a name, a comment and a way to be inherited. A rename of the
//! column leaves all of that as it is, so it goes from one column to the other.
//!
//! Partitions have constraints of their own for it, which the server makes and renames along with the table's. Only those
//! of a partition that came with names of its own lose them.

use super::partitions::partitions;
use super::quote;
use crate::catalogue::NotNull;
use crate::plan::{Active, Context};

fn of<'a>(cx: &'a Context<'_>, column: &str) -> Option<&'a NotNull> {
    cx.table.column(column)?.not_null_as.as_ref()
}

fn copy_name(cx: &Context<'_>, name: &str) -> String {
    cx.rules.copy_name(name, false)
}

/// NOT NULL for `column` as `other` has it, under a name made from that one's.
pub(super) fn required(
    cx: &Context<'_>,
    column: &str,
    other: &str,
    name: impl Fn(&str) -> String,
) -> Vec<String> {
    let (table, column) = (cx.table.sql(), quote(column));
    let Some(other) = of(cx, other) else {
        return vec![format!(
            "ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"
        )];
    };
    let name = quote(&name(&other.name));
    let mut out = vec![format!(
        "ALTER TABLE {table} ADD CONSTRAINT {name} NOT NULL {column}{}",
        other.suffix
    )];
    out.extend(other.comment.as_ref().map(|comment| {
        let comment = cx.rules.literal(comment);
        format!("COMMENT ON CONSTRAINT {name} ON {table} IS {comment}")
    }));
    out
}

/// `from` is no longer NOT NULL, and `to`, which is, takes the name.
pub(in crate::backend::postgres) fn moved(cx: &Context<'_>, from: &str, to: &str) -> Vec<String> {
    let table = cx.table.sql();
    let mut out = vec![format!(
        "ALTER TABLE {table} ALTER COLUMN {} DROP NOT NULL",
        quote(from)
    )];
    let Some(NotNull { name, .. }) = of(cx, from) else {
        return out;
    };
    // a partition whose primary key was made of an index has it for itself as well
    out.extend(partitions(cx.table).iter().map(|one| {
        format!(
            "ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL",
            one.name.quoted(cx.table.dialect),
            quote(from)
        )
    }));
    let copy = copy_name(cx, name);
    // the copy may be made by this plan; what else is there keeps the name it has
    let is_copy = match cx.table.column(to) {
        Some(column) if column.not_null => {
            column.not_null_as.as_ref().is_some_and(|n| n.name == copy)
        }
        _ => true,
    };
    if is_copy {
        out.push(format!(
            "ALTER TABLE {table} RENAME CONSTRAINT {} TO {}",
            quote(&copy),
            quote(name)
        ));
    }
    out
}

/// NOT NULL for a column of an empty table, whose old one is gone.
pub(super) fn on_empty(cx: &Context<'_>, change: &Active) -> Vec<String> {
    required(cx, change.to, change.from, str::to_owned)
}
