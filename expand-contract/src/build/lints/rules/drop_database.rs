//! A database is dropped.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-database",
    level: Level::Deny,
    databases: NOT_SQLITE,
    why: "everything in it is gone, and on MySQL a database is what others call a schema",
    help: "no migration of an application has to do this",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    if let OpKind::Drop { object, name, .. } = &op.kind {
        if object == "DATABASE" {
            let name = name.as_ref().map_or("", |name| &name.text);
            found.say(op.at, format!("database `{name}` is dropped"));
        }
    }
}
