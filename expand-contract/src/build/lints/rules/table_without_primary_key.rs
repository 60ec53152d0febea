//! A table is made without a primary key.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "table-without-primary-key",
    level: Level::Warn,
    databases: EVERY,
    why: "Diesel's `table!` wants one, logical replication cannot update without one, and this library's backfill goes along it",
    help: "give it one",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::CreateTable(create) = &op.kind else {
        return;
    };
    let has_key = op.new_columns().any(|(_, is_key)| is_key);
    // What the parser could not read, `LIKE …`, partitions: it may come from elsewhere.
    if create.columns.is_empty() || create.temporary || create.partition_of.is_some() || has_key {
        return;
    }
    let gets_one = cx.behind().iter().any(|later| {
        matches!(&later.kind, OpKind::AddConstraint { table, constraint: Constraint { kind: ConstraintKind::PrimaryKey { .. }, .. }, .. } if *table == create.table)
    });
    // Each with its own ending: made to be renamed, or dropped again at once.
    let is_short_lived = cx.behind().iter().any(
        |later| matches!(&later.kind, OpKind::DropTable { table, .. } if *table == create.table),
    );
    if !gets_one && !is_short_lived {
        found.say(
            op.at,
            format!("table `{}` has no primary key", create.table.text),
        );
    }
}
