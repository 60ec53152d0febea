//! `-- expand-contract: allow(rule, …) reason`: a level for one statement, one line or one file.
//!
//! Before a statement it is about the whole statement, behind something it is about its line, within a statement about the
//! next line. `allow-file` is about the file. `warn` and `deny` stand in the same place.

use super::context::Script;
use super::rules::{self, Rule, Said};
use crate::build::finding::{Level, Position};

const MARK: &str = "expand-contract:";

#[derive(Debug)]
pub(crate) struct Allowances {
    given: Vec<Given>,
    malformed: Vec<Said>,
}

#[derive(Debug)]
struct Given {
    at: Position,
    rule: &'static Rule,
    level: Level,
    first_line: usize,
    last_line: usize,
    was_used: bool,
}

impl Allowances {
    pub(crate) fn read(script: &Script) -> Self {
        let mut read = Allowances {
            given: Vec::new(),
            malformed: Vec::new(),
        };
        for comment in &script.comments {
            let text = comment.text.trim().trim_start_matches(['-', '*', '!', ' ']);
            let Some(said) = text.strip_prefix(MARK) else {
                continue;
            };
            match parse(said.trim()) {
                Ok(parsed) => {
                    let (first_line, last_line) = if parsed.whole_file {
                        (0, usize::MAX)
                    } else {
                        scope(
                            script,
                            comment.at.line,
                            comment.last_line,
                            comment.has_own_line,
                        )
                    };
                    for rule in parsed.rules {
                        read.given.push(Given {
                            at: comment.at,
                            rule,
                            level: parsed.level,
                            first_line,
                            last_line,
                            was_used: false,
                        });
                    }
                }
                Err(message) => read.malformed.push(Said {
                    at: comment.at,
                    message,
                    help: None,
                }),
            }
        }
        read
    }

    /// The level of a finding at this place: of the narrowest comment about it, else the project's.
    pub(crate) fn level(&mut self, rule: &Rule, at: Position, otherwise: Level) -> Level {
        let about = self.given.iter_mut().filter(|given| {
            given.rule.id == rule.id && (given.first_line..=given.last_line).contains(&at.line)
        });
        match about.min_by_key(|given| given.last_line - given.first_line) {
            Some(given) => {
                // what was not reported anyway needed no allowance
                given.was_used |= given.level != Level::Allow || otherwise > Level::Allow;
                given.level
            }
            None => otherwise,
        }
    }

    pub(crate) fn take_malformed(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.malformed)
    }

    /// Allowances that allowed nothing.
    pub(crate) fn unused(&self) -> Vec<Said> {
        // An allowance of this very rule would otherwise have to allow itself.
        let unused = self.given.iter().filter(|given| {
            !given.was_used
                && given.level == Level::Allow
                && given.rule.id != rules::unused_allowance::RULE.id
        });
        unused
            .map(|given| Said {
                at: given.at,
                message: format!("`allow({})` allows nothing here", given.rule.id),
                help: None,
            })
            .collect()
    }
}

fn scope(script: &Script, line: usize, last: usize, has_own_line: bool) -> (usize, usize) {
    if !has_own_line {
        return (line, line);
    }
    let within = script
        .lines
        .iter()
        .any(|(first, end)| *first < line && line <= *end);
    if within {
        return (last + 1, last + 1);
    }
    let next = script.lines.iter().find(|(first, _)| *first >= last);
    next.copied().unwrap_or((line, line))
}

struct Parsed {
    level: Level,
    whole_file: bool,
    rules: Vec<&'static Rule>,
}

const FORMAT: &str =
    "the correct format looks like `-- expand-contract: allow(drop-column) no release reads it since 1.4`";

fn parse(text: &str) -> Result<Parsed, String> {
    let malformed = || FORMAT.to_string();
    let (verb, rest) = text.split_once('(').ok_or_else(malformed)?;
    let (names, reason) = rest.split_once(')').ok_or_else(malformed)?;
    let verb = verb.trim();
    let whole_file = verb.ends_with("-file");
    let level = match verb.trim_end_matches("-file") {
        "allow" => Level::Allow,
        "warn" => Level::Warn,
        "deny" => Level::Deny,
        other => {
            return Err(format!(
                "`{other}` is none of `allow`, `warn`, `deny`; {FORMAT}"
            ))
        }
    };
    if level == Level::Allow && !reason.chars().any(char::is_alphanumeric) {
        return Err(format!("an allowance needs a reason; {FORMAT}"));
    }
    let names = names.split(',').map(str::trim);
    let rules = names
        .map(|name| rules::find(name).ok_or_else(|| unknown_rule(name)))
        .collect::<Result<_, _>>()?;
    Ok(Parsed {
        level,
        whole_file,
        rules,
    })
}

pub(crate) fn unknown_rule(name: &str) -> String {
    let ids = rules::ALL.iter().map(|rule| rule.id);
    match expand_contract_model::names::nearest(name, ids) {
        Some(near) => format!("there is no rule `{name}`; did you mean `{near}`?"),
        None => format!("there is no rule `{name}`"),
    }
}
