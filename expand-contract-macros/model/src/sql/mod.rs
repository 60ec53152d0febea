//! SQL expressions of the annotations, cut into parts by a lexer.
//!
//! Never by substring replacement: `checksum` inside a string, a comment, a longer name or a function's name is not the
//! column.

mod expr;
mod flaw;
mod lexer;

pub use expr::{cut, Part, Sql, SqlExpr};
pub use flaw::Flaw;
pub use lexer::{lex, Grammar, Kind, Token};
