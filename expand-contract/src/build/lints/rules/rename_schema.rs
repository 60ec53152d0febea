//! A schema is renamed.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rename-schema",
    level: Level::Deny,
    databases: POSTGRES,
    why: "every statement with the schema's name, and every search path that has it, fails from this moment on",
    help: "make a new schema and move over what uses it, release by release",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    if let (OpKind::RenameSchema { name }, false) = (&op.kind, cx.is_down()) {
        found.say(op.at, format!("schema `{}` is renamed", name.text));
    }
}
