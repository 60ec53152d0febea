//! A statement that the parser does not know, and so was not looked at.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "not-understood",
    level: Level::Warn,
    databases: EVERY,
    why: "no rule saw it, or only a part of it",
    help: "if the database takes it, allow this line and say what it does; if not, this is where it would have failed",
    check,
};

/// It is about what is no operation.
fn check(_: &Op, _: &Context<'_>, _: &mut Found) {}

/// The finding about a piece of text.
pub(crate) fn found(unread: &Unread) -> Said {
    Said {
        at: unread.at,
        message: format!("not understood: {}", unread.why),
        help: None,
    }
}
