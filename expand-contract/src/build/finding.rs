//! What a check has to say: where, what, why, and what to do instead.

use std::fmt;
use std::path::{Path, PathBuf};

/// How loud a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Not reported.
    Allow,
    /// Reported through `cargo::warning`; the build goes on.
    Warn,
    /// Reported as an error; the build fails.
    Deny,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Allow => "allow",
            Level::Warn => "warning",
            Level::Deny => "error",
        })
    }
}

/// A place in a file, as compilers count: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl Position {
    /// The beginning of a file.
    pub const START: Position = Position { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule's id, as `docs/lints.md` and the allowances name it.
    pub rule: &'static str,
    /// How loud it is, after the project's settings and allowances.
    pub level: Level,
    /// The file.
    pub file: PathBuf,
    /// Where it begins.
    pub at: Position,
    /// What was found, with the names of this place.
    pub message: String,
    /// Why it matters; empty where the message says it.
    pub why: String,
    /// What to do instead; empty where nothing general can be said.
    pub help: String,
}

impl Finding {
    /// The finding as one line: `file:line:column: message [rule]`, the form of `cargo::warning`.
    pub fn line(&self) -> String {
        let mut line = format!(
            "{}:{}: {} [{}]",
            self.file.display(),
            self.at,
            self.message,
            self.rule
        );
        for more in [&self.why, &self.help] {
            if !more.is_empty() {
                line.push_str("; ");
                line.push_str(more);
            }
        }
        // a directive of cargo ends with its line
        line.replace('\n', " ")
    }

    /// The finding as a compiler prints it, with the line it is about where `source` has it.
    pub fn render(&self, source: Option<&str>) -> String {
        let mut out = format!(
            "{}[{}]: {}\n  --> {}:{}\n",
            self.level,
            self.rule,
            self.message,
            self.file.display(),
            self.at
        );
        let line = source.and_then(|source| source.lines().nth(self.at.line.saturating_sub(1)));
        let gutter = self.at.line.to_string().len();
        if let Some(line) = line.filter(|line| line.len() < 1_000) {
            let before: String = line
                .chars()
                .take(self.at.column.saturating_sub(1))
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            out.push_str(&format!(
                "{:gutter$} |\n{} | {line}\n{:gutter$} | {before}^\n",
                "", self.at.line, ""
            ));
        }
        for (name, text) in [("why", &self.why), ("help", &self.help)] {
            if !text.is_empty() {
                let text = text.replace('\n', &format!("\n{:gutter$}         ", ""));
                out.push_str(&format!("{:gutter$} = {name}: {text}\n", ""));
            }
        }
        out
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

/// All that a check found, and all that it read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The findings, in the order of files and places.
    pub findings: Vec<Finding>,
    /// Files and folders whose change can change the result: what `cargo::rerun-if-changed` has to name.
    pub read: Vec<PathBuf>,
}

impl Report {
    /// The findings that fail the build.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.at(Level::Deny)
    }

    /// The findings that do not.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.at(Level::Warn)
    }

    fn at(&self, level: Level) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |finding| finding.level == level)
    }

    /// Adds what another check found.
    pub fn merge(&mut self, other: Report) {
        self.findings.extend(other.findings);
        self.read.extend(other.read);
        self.sort();
    }

    pub(crate) fn sort(&mut self) {
        self.findings
            .sort_by(|a, b| (&a.file, a.at, a.rule).cmp(&(&b.file, b.at, b.rule)));
        self.read.sort();
        self.read.dedup();
    }

    pub(crate) fn reads(&mut self, path: &Path) {
        self.read.push(path.to_path_buf());
    }
}
