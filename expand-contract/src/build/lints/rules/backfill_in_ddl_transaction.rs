//! Rows are rewritten in the transaction that alters a table.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "backfill-in-ddl-transaction",
    level: Level::Deny,
    databases: POSTGRES,
    why: "the lock of the DDL is held until all rows are written: nobody reads or writes the table meanwhile",
    help: "write the rows in a migration of their own, in batches. A column that follows from another one: `#[migrate(rename_from = \"…\", up = \"…\", down = \"…\")]`, whose `backfill` does it in batches, can be killed, and goes on",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::Write(write) = &op.kind else {
        return;
    };
    if !cx.holds_its_locks()
        || cx.is_new(&write.table)
        || write.is_bounded && write.verb == Verb::Insert
    {
        return;
    }
    let altered = cx
        .script
        .ops
        .iter()
        .find_map(|other| other.locked_table().filter(|table| !cx.is_new(table)));
    if let Some(altered) = altered {
        found.say(
            op.at,
            format!(
                "rows of `{}` are written while `{}` is locked by the same transaction",
                write.table.text, altered.text
            ),
        );
    }
}
