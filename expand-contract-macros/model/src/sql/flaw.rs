//! What can be wrong with an SQL expression.

use std::fmt;

/// Why an SQL expression is refused; its text says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// Nothing but blanks and comments.
    Empty,
    /// A string without its end.
    OpenString(String),
    /// A quoted identifier without its end.
    OpenIdentifier(String),
    /// A block comment without its end.
    OpenComment,
    /// A line comment that would swallow what the library puts behind the expression.
    TrailingLineComment,
    /// A place for a bound value.
    Placeholder(String),
    /// The end of a statement.
    Semicolon,
    /// A second expression.
    Comma,
    /// A parenthesis or bracket that is never closed.
    Unclosed(char),
    /// A parenthesis or bracket that was never opened.
    Unopened(char),
    /// A character that no database accepts in SQL text.
    Nul,
    /// The expression does not depend on its column.
    NeverNames {
        /// How the column is written.
        column: String,
    },
    /// The expression is over the wrong one of the two columns.
    NamesOther {
        /// The column as it stands there.
        found: String,
        /// How the right column is written.
        column: String,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Empty => f.write_str("the expression is empty\nhelp: write an SQL expression over the column"),
            Flaw::OpenString(start) => {
                write!(f, "the string that starts with `{start}` never ends\nhelp: close it; a quote inside is written twice")
            }
            Flaw::OpenIdentifier(start) => {
                write!(f, "the quoted identifier that starts with `{start}` never ends\nhelp: close it")
            }
            Flaw::OpenComment => f.write_str("a `/*` comment never ends\nhelp: close it with `*/`"),
            Flaw::TrailingLineComment => f.write_str(
                "the expression ends within a `--` comment, which would swallow the SQL behind it\nhelp: write `/* … */`",
            ),
            Flaw::Placeholder(text) => {
                write!(
                    f,
                    "`{text}` is a place for a bound value\nhelp: write the column's name; the library binds the value itself"
                )?;
                if text == "?" {
                    f.write_str("\nnote: PostgreSQL's operator `?` may stand in `up(postgres = \"…\")` and `down(postgres = \"…\")`")?;
                }
                Ok(())
            }
            Flaw::Semicolon => f.write_str("`;` ends a statement\nhelp: write one SQL expression, not a statement"),
            Flaw::Comma => {
                f.write_str("a `,` outside of parentheses makes this two expressions\nhelp: write one SQL expression")
            }
            Flaw::Unclosed(c) => write!(f, "`{c}` is never closed\nhelp: close it, or remove it"),
            Flaw::Unopened(c) => write!(f, "`{c}` has no counterpart before it\nhelp: open it, or remove it"),
            Flaw::Nul => f.write_str("the expression contains a NUL character, which no database accepts in SQL"),
            Flaw::NeverNames { column } => write!(
                f,
                "the expression never names its column\nhelp: write the column as `{column}`, without the table's name before it"
            ),
            Flaw::NamesOther { found, column } => write!(
                f,
                "`{found}` is the other column, and of the two this expression sees only `{column}`\nhelp: write `{column}`; `up` is an expression over the old column, `down` over the new one"
            ),
        }
    }
}

impl std::error::Error for Flaw {}
