//! A right is taken away.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "revoke",
    level: Level::Warn,
    databases: NOT_SQLITE,
    why: "statements of running code that need it fail from this moment on",
    help:
        "take it away when no instance needs it; then allow this line and say since which release",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::Revoke { on } = &op.kind else {
        return;
    };
    let is_own = on.as_ref().is_some_and(|on| {
        cx.before().iter().any(|earlier| match &earlier.kind {
            OpKind::CreateTable(made) => made.table == *on,
            OpKind::Create {
                name: Some(made), ..
            } => made == on,
            _ => false,
        })
    });
    if !is_own && !cx.is_down() {
        let on = on
            .as_ref()
            .map_or(String::new(), |on| format!(" on `{}`", on.text));
        found.say(op.at, format!("rights{on} are taken away"));
    }
}
