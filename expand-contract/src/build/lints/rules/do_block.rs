//! A `DO` block.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "do-block",
    level: Level::Allow,
    databases: POSTGRES,
    why: "the rules do not look into it: whatever stands there is not checked",
    help: "plain statements where they do; else allow this line and say what it does",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    if matches!(op.kind, OpKind::Do) {
        found.say(op.at, "what this block does is not checked".to_string());
    }
}
