//! An extension is brought to another version.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "update-extension",
    level: Level::Warn,
    databases: POSTGRES,
    why: "its script runs as a whole and may do anything: lock, rewrite, drop what running code uses; and which version comes depends on the server",
    help: "read what its versions in between do, and name the version: `UPDATE TO '1.2'`; then allow this line and say so",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    if let OpKind::UpdateExtension { name } = &op.kind {
        found.say(op.at, format!("extension `{}` is updated", name.text));
    }
}
