//! The file: one line for each thing, in a fixed order, so that a review sees what changed.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::date::Date;

/// What stands above everything.
const HEADER: &str = "\
# The columns that the code reads, and its migrations. Written by expand_contract::build, which fails a build that changed
# them: EXPAND_CONTRACT_ACCEPT=1 cargo build. Lines to write and remove by hand:
#   contracted <date>   in a migration that is contracted on every database: its annotation may go then
#   withdrawn <date>    in a migration that never began, or was rolled back to the start, on every database
#   retired …           is there until you remove it: when no release runs that still reads the column
";

/// A snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// By the name in the database, with the schema where there is one.
    pub(super) tables: BTreeMap<String, BTreeMap<String, Column>>,
    /// By id and generation.
    pub(super) migrations: BTreeMap<(String, u32), Entry>,
    /// Columns that the code stopped to read, by table and name.
    pub(super) retired: BTreeMap<(String, String), (Date, usize)>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) ty: String,
    /// Its line in the file; 0 if it is not from one.
    pub(super) line: usize,
}

/// A migration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) table: String,
    /// New name, old name.
    pub(super) changes: Vec<(String, String)>,
    pub(super) contracted: Option<Date>,
    pub(super) withdrawn: Option<Date>,
    pub(super) line: usize,
}

impl Content {
    /// The file's text.
    pub(super) fn text(&self) -> String {
        let mut out = String::from(HEADER);
        for (table, columns) in &self.tables {
            line(&mut out, &["table", table]);
            for (name, column) in columns {
                line(&mut out, &["  column", name, &column.ty]);
            }
        }
        for ((id, generation), entry) in &self.migrations {
            line(
                &mut out,
                &["migration", id, &generation.to_string(), &entry.table],
            );
            for (new, old) in &entry.changes {
                line(&mut out, &["  change", new, old]);
            }
            for (word, date) in [
                ("  contracted", entry.contracted),
                ("  withdrawn", entry.withdrawn),
            ] {
                if let Some(date) = date {
                    line(&mut out, &[word, &date.to_string()]);
                }
            }
        }
        for ((table, column), (date, _)) in &self.retired {
            line(&mut out, &["retired", table, column, &date.to_string()]);
        }
        out
    }

    /// Reads a file; an error has its line.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut content = Content::default();
        let mut table: Option<String> = None;
        let mut migration: Option<(String, u32)> = None;
        for (number, text) in text.lines().enumerate() {
            let number = number + 1;
            let words = words(text).ok_or((number, "a quote is not closed".to_string()))?;
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let wrong = || {
                (
                    number,
                    format!("`{}` is no line of a snapshot", text.trim()),
                )
            };
            let date = |text: &str| {
                let wrong = format!("`{text}` is no date: write it as 2026-01-31");
                text.parse::<Date>().map_err(|()| (number, wrong))
            };
            match words.as_slice() {
                [] => {}
                ["table", name] => {
                    content.tables.entry((*name).into()).or_default();
                    table = Some((*name).into());
                }
                ["column", name, ty] => {
                    let columns = table
                        .as_ref()
                        .and_then(|table| content.tables.get_mut(table));
                    let column = Column {
                        ty: (*ty).into(),
                        line: number,
                    };
                    columns.ok_or_else(wrong)?.insert((*name).into(), column);
                }
                ["migration", id, generation, table] => {
                    let key = ((*id).to_string(), generation.parse().map_err(|_| wrong())?);
                    let entry = Entry {
                        table: (*table).into(),
                        line: number,
                        ..Entry::default()
                    };
                    content.migrations.insert(key.clone(), entry);
                    migration = Some(key);
                }
                ["retired", table, column, day] => {
                    let key = ((*table).to_string(), (*column).to_string());
                    content.retired.insert(key, (date(day)?, number));
                }
                [word, rest @ ..] => {
                    let entry = migration
                        .as_ref()
                        .and_then(|key| content.migrations.get_mut(key));
                    let entry = entry.ok_or_else(wrong)?;
                    match (*word, rest) {
                        ("change", [new, old]) => {
                            entry.changes.push(((*new).into(), (*old).into()))
                        }
                        ("contracted", [day]) => entry.contracted = Some(date(day)?),
                        ("withdrawn", [day]) => entry.withdrawn = Some(date(day)?),
                        _ => return Err(wrong()),
                    }
                }
            }
        }
        Ok(content)
    }
}

/// Writes words; what has blanks, quotes or a `#` in it stands in quotes.
fn line(out: &mut String, words: &[&str]) {
    for (place, word) in words.iter().enumerate() {
        if place > 0 {
            out.push(' ');
        }
        let is_plain = !word.is_empty()
            && !word.contains(|c: char| {
                c.is_whitespace() || c.is_control() || matches!(c, '"' | '#' | '\\')
            });
        if place == 0 || is_plain {
            out.push_str(word);
        } else {
            let _ = write!(out, "{word:?}");
        }
    }
    out.push('\n');
}

/// The words of a line, without its comment. A quoted word is written as Rust writes a string.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '#' => break,
            '"' => {
                let mut is_escaped = false;
                let closing = rest.char_indices().skip(1).find(|(_, c)| {
                    let closes = *c == '"' && !is_escaped;
                    is_escaped = *c == '\\' && !is_escaped;
                    closes
                });
                let end = closing?.0 + 1;
                words.push(syn::parse_str::<syn::LitStr>(&rest[..end]).ok()?.value());
                end
            }
            _ => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                words.push(rest[..end].to_string());
                end
            }
        };
        rest = rest[end..].trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = format!(
            "{HEADER}table \"a \\\"b\\\" #\"\n  column id Integer\n  column name Nullable<Text>\nmigration t/x 2 t\n  change x y\n  contracted 2026-01-31\nretired t \"ä b\" 2026-02-01\n"
        );
        let content = Content::parse(&text).unwrap();
        assert_eq!(content.text(), text);
        assert!(content.tables.contains_key("a \"b\" #"));
        assert_eq!(content.retired.len(), 1);
    }

    #[test]
    fn errors_have_a_line() {
        for (text, line) in [
            ("\ntabel users", 2),
            ("column a Text", 1),
            ("migration a x t", 1),
            ("migration a 1 t\n  contracted soon", 2),
            ("table \"open", 1),
            ("<<<<<<< HEAD\ntable a", 1),
        ] {
            assert_eq!(
                Content::parse(text).map_err(|(line, _)| line),
                Err(line),
                "{text}"
            );
        }
    }
}
