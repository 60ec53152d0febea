//! A view, function, trigger, type, sequence or extension is dropped.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-object",
    level: Level::Warn,
    databases: EVERY,
    why: "statements of the release before that name it fail, and what a trigger did is done no longer",
    help: "take it out of the code first, and drop it when no instance of the release before runs; one that is made again in the same transaction is not reported",
    check,
};

const OBJECTS: &[&str] = &[
    "VIEW",
    "MATERIALIZED VIEW",
    "FUNCTION",
    "PROCEDURE",
    "ROUTINE",
    "AGGREGATE",
    "OPERATOR",
    "CAST",
    "TRIGGER",
    "RULE",
    "TYPE",
    "DOMAIN",
    "SEQUENCE",
    "EXTENSION",
    "FOREIGN TABLE",
];

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::Drop {
        object,
        name: Some(name),
        ..
    } = &op.kind
    else {
        return;
    };
    let is_same = |other: &Op| match &other.kind {
        OpKind::Create {
            name: Some(made), ..
        }
        | OpKind::CreateDomain { name: made, .. } => made == name,
        _ => false,
    };
    let is_made_again = cx.is_atomic() && cx.behind().iter().any(is_same);
    let is_own = cx.before().iter().any(is_same);
    if OBJECTS.contains(&object.as_str()) && !cx.is_down() && !is_made_again && !is_own {
        found.say(
            op.at,
            format!("{} `{}` is dropped", object.to_lowercase(), name.text),
        );
    }
}
