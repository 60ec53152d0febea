//! An extension is installed.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "create-extension",
    level: Level::Warn,
    databases: POSTGRES,
    why: "it needs rights that an application's role should not have, and files that a managed database may not offer",
    help: "let who runs the database install it; or allow this line and say which role runs the migrations",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    if let OpKind::Create { object, name, .. } = &op.kind {
        if object == "EXTENSION" {
            let name = name.as_ref().map_or("", |name| &name.text);
            found.say(
                op.at,
                format!("extension `{name}` is installed by the application's role"),
            );
        }
    }
}
