//! The primary key of an existing table is added, dropped or replaced.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "change-primary-key",
    level: Level::Deny,
    databases: NOT_SQLITE,
    why: "its index is built under a lock that stops every reader and writer (MySQL copies the table); Diesel's `find`, `save_changes` and upserts go by the key, and so does this library's backfill",
    help: "two files: `CREATE UNIQUE INDEX CONCURRENTLY i …` on columns that are NOT NULL, alone and with `run_in_transaction = false`; then `ADD CONSTRAINT … PRIMARY KEY USING INDEX i`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    match &op.kind {
        OpKind::AddConstraint {
            table,
            constraint:
                Constraint {
                    kind:
                        ConstraintKind::PrimaryKey {
                            using_index: false, ..
                        },
                    ..
                },
            ..
        } if !cx.is_new(table) => {
            found.say(op.at, format!("`{}` gets a primary key", table.text));
        }
        OpKind::AddColumn { table, column, .. } if column.primary_key && !cx.is_new(table) => {
            found.say(
                op.at,
                format!(
                    "`{}.{}` is added as primary key",
                    table.text, column.name.text
                ),
            );
        }
        OpKind::DropPrimaryKey { table } if !cx.is_new(table) => {
            found.say(op.at, format!("`{}` loses its primary key", table.text));
        }
        OpKind::DropConstraint { table, name, .. }
            if !cx.is_new(table) && cx.history.is_primary_key(table, name) =>
        {
            found.say(op.at, format!("`{}` loses its primary key", table.text));
        }
        _ => {}
    }
}
