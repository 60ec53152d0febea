//! An allowance that allows nothing.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "unused-allowance",
    level: Level::Warn,
    databases: EVERY,
    why: "the next one who reads it believes that something dangerous stands here, and it would hide it if it came",
    help: "remove it",
    check,
};

/// It is about comments, not about operations.
fn check(_: &Op, _: &Context<'_>, _: &mut Found) {}
