//! `CONCURRENTLY` (or `VACUUM`) where there is a transaction.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "concurrently-in-transaction",
    level: Level::Deny,
    databases: POSTGRES,
    why: "PostgreSQL refuses it in a transaction, and takes statements that are sent together for one: Diesel sends a script as a whole",
    help: "make it the only statement of its file, and set `run_in_transaction = false` in the `metadata.toml` beside it",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let what = match &op.kind {
        OpKind::CreateIndex(index) if index.concurrently => "CREATE INDEX CONCURRENTLY",
        OpKind::DropIndex {
            concurrently: true, ..
        } => "DROP INDEX CONCURRENTLY",
        OpKind::Reindex { concurrently: true } => "REINDEX CONCURRENTLY",
        OpKind::AlterTable {
            what: Alter::DetachPartition { concurrently: true },
            ..
        } => "DETACH PARTITION CONCURRENTLY",
        OpKind::Vacuum { .. } => "VACUUM",
        _ => return,
    };
    if cx.script.in_transaction {
        found.say(
            op.at,
            format!("`{what}` fails in the transaction that Diesel opens"),
        );
    } else if cx.script.statements > 1 {
        found.say(
            op.at,
            format!("`{what}` fails beside other statements, transaction or not"),
        );
    }
}
