//! A file that could not be read, and so was not looked at.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "not-read",
    level: Level::Warn,
    databases: EVERY,
    why: "no rule saw it",
    help: "what is too long for a migration (a dump of data) is better loaded by something else",
    check,
};

/// It is about files, not about operations.
fn check(_: &Op, _: &Context<'_>, _: &mut Found) {}
