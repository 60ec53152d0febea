//! An allowance without a reason, of a rule that does not exist, or that cannot be read.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "malformed-allowance",
    level: Level::Deny,
    databases: EVERY,
    why: "it would allow nothing, or nobody would know why",
    help: "`-- expand-contract: allow(rule) reason` before a statement, or at the end of a line",
    check,
};

/// It is about comments, not about operations.
fn check(_: &Op, _: &Context<'_>, _: &mut Found) {}
