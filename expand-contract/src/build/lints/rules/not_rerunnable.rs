//! A script that may stop half way cannot be run again.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "not-rerunnable",
    level: Level::Warn,
    databases: EVERY,
    why: "it runs without a transaction (on MySQL every DDL commits by itself): when a later statement fails, the next run fails at the first one, which is done already",
    help: "`IF NOT EXISTS` and `IF EXISTS`; or one statement in each migration",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    if cx.is_atomic() || cx.is_in_own_transaction() {
        return;
    }
    let what = match &op.kind {
        OpKind::CreateTable(table) if !table.if_not_exists => {
            format!("CREATE TABLE {}", table.table.text)
        }
        OpKind::DropTable {
            table,
            if_exists: false,
            ..
        } => format!("DROP TABLE {}", table.text),
        // MySQL has no such words here
        OpKind::AddColumn {
            column,
            if_not_exists: false,
            ..
        } if cx.database == Database::Postgres => format!("ADD COLUMN {}", column.name.text),
        OpKind::DropColumn {
            column,
            if_exists: false,
            ..
        } if cx.database == Database::Postgres => format!("DROP COLUMN {}", column.text),
        OpKind::CreateIndex(index) if !index.if_not_exists && cx.database != Database::Mysql => {
            format!(
                "CREATE INDEX {}",
                index.name.as_ref().map_or("", |name| &name.text)
            )
        }
        OpKind::DropIndex {
            name,
            if_exists: false,
            ..
        } if cx.database != Database::Mysql => format!("DROP INDEX {}", name.text),
        OpKind::AddColumn { column, .. } if cx.database == Database::Mysql => {
            format!("ADD COLUMN {}", column.name.text)
        }
        OpKind::AddEnumValue {
            enumeration,
            if_not_exists: false,
            ..
        } => format!("ADD VALUE to {}", enumeration.text),
        OpKind::DropConstraint {
            name,
            if_exists: false,
            ..
        } => format!("DROP CONSTRAINT {}", name.text),
        OpKind::Create {
            object,
            name: Some(name),
            repeatable: false,
            ..
        } => format!("CREATE {object} {}", name.text),
        OpKind::Drop {
            object,
            name: Some(name),
            if_exists: false,
            ..
        } => format!("DROP {object} {}", name.text),
        _ => return,
    };
    found.say(
        op.at,
        format!("`{what}` fails when the script is run again"),
    );
}
