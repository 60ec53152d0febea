//! Something moves to another schema.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "set-schema",
    level: Level::Deny,
    databases: POSTGRES,
    why: "what names it with its schema, or finds it by the search path, fails from this moment on",
    help: "leave it where it is; or make a view of the old name in the same transaction, and drop it when no release reads it",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::SetSchema { object, name } = &op.kind else {
        return;
    };
    if !cx.is_down() && !cx.is_new(name) && object != "EXTENSION" {
        found.say(
            op.at,
            format!(
                "{} `{}` moves to another schema",
                object.to_lowercase(),
                name.text
            ),
        );
    }
}
