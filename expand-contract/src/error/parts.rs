//! What errors name: objects in the way and rows that do not convert.

use std::fmt;

use crate::waiting::Blocker;

/// Something on the old column that this release cannot carry over to the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Obstacle {
    /// The column it depends on.
    pub column: String,
    /// The kind of object: `view`, `trigger`, `foreign key` …
    pub kind: String,
    /// The object's name as the database prints it.
    pub name: String,
    /// What to write into the annotation, where that helps.
    pub remedy: Option<String>,
}

impl Obstacle {
    #[cfg_attr(not(feature = "database"), allow(dead_code))]
    pub(crate) fn new(column: &str, kind: &str, name: &str) -> Self {
        Obstacle {
            column: column.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            remedy: None,
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` on `{}`", self.kind, self.name, self.column)?;
        match &self.remedy {
            Some(remedy) => write!(f, " (add {remedy} to its annotation)"),
            None => Ok(()),
        }
    }
}

/// A row whose value does not survive the conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoisonRow {
    /// The primary key, as text.
    pub key: String,
    /// What the database or the conversion said.
    pub reason: String,
}

impl PoisonRow {
    /// A row by its key.
    pub fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        PoisonRow {
            key: key.into(),
            reason: reason.into(),
        }
    }
}

pub(super) fn list(obstacles: &[Obstacle]) -> String {
    obstacles
        .iter()
        .map(Obstacle::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn in_the_way(blockers: &[Blocker]) -> String {
    if blockers.is_empty() {
        return "somebody who was gone by then, or has a lock on another relation".to_owned();
    }
    let names: Vec<String> = blockers.iter().map(Blocker::to_string).collect();
    names.join("; ")
}

pub(super) fn missing(triggers: &[String]) -> String {
    let verb = if triggers.len() == 1 { "is" } else { "are" };
    let names: Vec<String> = triggers.iter().map(|name| format!("`{name}`")).collect();
    format!("{} {verb}", names.join(", "))
}

pub(super) fn poison(rows: &[PoisonRow]) -> String {
    rows.iter()
        .map(|row| format!("{}: {}", row.key, row.reason))
        .collect::<Vec<_>>()
        .join("; ")
}
