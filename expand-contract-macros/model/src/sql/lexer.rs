//! The lexer: knows where strings, comments and names end, and nothing else of SQL.

use super::flaw::Flaw;

/// The lexical rules of a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grammar {
    /// For all dialects: what one of them alone knows is understood where it cannot mean something else.
    Any,
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// White space or a comment.
    Blank,
    /// A string, dollar-quoted ones included.
    Text,
    /// A name or keyword.
    Word {
        /// The name without quotes.
        name: String,
        /// Whether it was quoted.
        quoted: bool,
    },
    /// A number.
    Number,
    /// Anything else.
    Symbol,
}

/// A piece of SQL; all pieces in order are the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// The source.
    pub text: &'a str,
}

/// Words that cannot name a column unless they are quoted, and behind which a name may follow.
const BEFORE_OPERAND: &[&str] = &[
    "all", "and", "as", "between", "both", "by", "case", "distinct", "else", "from", "having",
    "ilike", "in", "is", "leading", "like", "not", "or", "select", "similar", "then", "trailing",
    "when", "where",
];
/// Other words that cannot name a column unless they are quoted.
const OTHER_RESERVED: &[&str] = &[
    "any",
    "array",
    "asc",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "desc",
    "end",
    "except",
    "false",
    "for",
    "foreign",
    "grant",
    "group",
    "intersect",
    "into",
    "limit",
    "null",
    "offset",
    "on",
    "order",
    "primary",
    "references",
    "returning",
    "session_user",
    "some",
    "table",
    "to",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "with",
];

fn is_one_of(word: &str, list: &[&str]) -> bool {
    list.iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(word))
}

/// Whether the word names a column only in quotes.
pub(super) fn is_reserved(word: &str) -> bool {
    is_one_of(word, BEFORE_OPERAND) || is_one_of(word, OTHER_RESERVED)
}

impl Token<'_> {
    /// Whether this is the unquoted word.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word { name, quoted: false } if name.eq_ignore_ascii_case(word))
    }

    /// Whether this is the symbol.
    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    /// Whether an operand may end here, so that a `[` behind it is a subscript.
    fn ends_operand(&self) -> bool {
        match &self.kind {
            Kind::Word { quoted: true, .. } | Kind::Text => true,
            Kind::Word {
                name,
                quoted: false,
            } => !is_one_of(name, BEFORE_OPERAND),
            Kind::Symbol => matches!(self.text, ")" | "]"),
            Kind::Blank | Kind::Number => false,
        }
    }
}

/// Cuts `source` into tokens and refuses what cannot be one expression.
pub fn lex(source: &str, grammar: Grammar) -> Result<Vec<Token<'_>>, Flaw> {
    let mut lexer = Lexer {
        rest: source,
        grammar,
        tokens: Vec::new(),
        open: Vec::new(),
    };
    while let Some(first) = lexer.rest.chars().next() {
        lexer.token(first)?;
    }
    match lexer.open.pop() {
        Some(open) => Err(Flaw::Unclosed(open)),
        None => Ok(lexer.tokens),
    }
}

struct Lexer<'a> {
    rest: &'a str,
    grammar: Grammar,
    tokens: Vec<Token<'a>>,
    open: Vec<char>,
}

impl<'a> Lexer<'a> {
    fn push(&mut self, kind: Kind, bytes: usize) {
        let (text, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.tokens.push(Token { kind, text });
    }

    fn second(&self) -> Option<char> {
        self.rest.chars().nth(1)
    }

    fn token(&mut self, first: char) -> Result<(), Flaw> {
        match first {
            c if is_space(c) => self.push(Kind::Blank, self.run(is_space)),
            '-' if self.second() == Some('-') => self.line_comment()?,
            '/' if self.second() == Some('*') => self.block_comment()?,
            '\'' => self.string(0, false)?,
            '"' => self.quoted(0, '"')?,
            '`' if self.grammar != Grammar::Postgres => self.quoted(0, '`')?,
            '[' if self.starts_bracketed_name() => self.bracketed()?,
            '$' => self.dollar()?,
            '0'..='9' => self.number(),
            '.' if self.second().is_some_and(|c| c.is_ascii_digit()) => self.number(),
            c if is_word_start(c) => self.word(c)?,
            '(' | '[' => self.open(first),
            ')' => self.close('(', first)?,
            ']' => self.close('[', first)?,
            '?' | ':' | '@' => self.perhaps_placeholder(first)?,
            ';' => return Err(Flaw::Semicolon),
            ',' if self.open.is_empty() => return Err(Flaw::Comma),
            '\0' => return Err(Flaw::Nul),
            '=' if self.second() == Some('>') => self.push(Kind::Symbol, 2),
            other => self.push(Kind::Symbol, other.len_utf8()),
        }
        Ok(())
    }

    /// How many bytes from here on satisfy the condition.
    fn run(&self, condition: impl Fn(char) -> bool) -> usize {
        self.rest.find(|c| !condition(c)).unwrap_or(self.rest.len())
    }

    fn line_comment(&mut self) -> Result<(), Flaw> {
        let end = self.rest.find('\n').ok_or(Flaw::TrailingLineComment)?;
        self.push(Kind::Blank, end);
        Ok(())
    }

    fn block_comment(&mut self) -> Result<(), Flaw> {
        let nests = self.grammar != Grammar::Sqlite;
        let bytes = self.rest.as_bytes();
        let mut depth = 1;
        let mut at = 2;
        while depth > 0 {
            match bytes.get(at..at + 2) {
                None => return Err(Flaw::OpenComment),
                Some(b"*/") => {
                    depth -= 1;
                    at += 2;
                }
                Some(b"/*") if nests => {
                    depth += 1;
                    at += 2;
                }
                Some(_) => at += 1,
            }
        }
        self.push(Kind::Blank, at);
        Ok(())
    }

    /// A string whose opening quote is at byte `start`.
    fn string(&mut self, start: usize, backslash: bool) -> Result<(), Flaw> {
        let bytes = self.rest.as_bytes();
        let mut at = start + 1;
        loop {
            match bytes.get(at) {
                None => return Err(Flaw::OpenString(self.beginning())),
                Some(b'\\') if backslash => at += 2,
                Some(b'\'') if bytes.get(at + 1) == Some(&b'\'') => at += 2,
                Some(b'\'') => break,
                Some(_) => at += 1,
            }
        }
        self.push(Kind::Text, at + 1);
        Ok(())
    }

    /// A quoted name whose opening quote is at byte `start`.
    fn quoted(&mut self, start: usize, quote: char) -> Result<(), Flaw> {
        let mut name = String::new();
        let mut chars = self.rest[start + 1..].char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c != quote {
                name.push(c);
            } else if chars.next_if(|(_, next)| *next == quote).is_some() {
                name.push(quote);
            } else {
                self.push(Kind::Word { name, quoted: true }, start + 1 + at + 1);
                return Ok(());
            }
        }
        Err(Flaw::OpenIdentifier(self.beginning()))
    }

    /// Whether `[` begins a name as in SQLite, and not an array or a subscript as in PostgreSQL.
    fn starts_bracketed_name(&self) -> bool {
        match self.grammar {
            Grammar::Postgres => false,
            Grammar::Sqlite => true,
            Grammar::Any => {
                let before = self.tokens.iter().rfind(|token| token.kind != Kind::Blank);
                !self.open.contains(&'[') && !before.is_some_and(Token::ends_operand)
            }
        }
    }

    fn bracketed(&mut self) -> Result<(), Flaw> {
        let end = self
            .rest
            .find(']')
            .ok_or_else(|| Flaw::OpenIdentifier(self.beginning()))?;
        let name = self.rest[1..end].to_owned();
        self.push(Kind::Word { name, quoted: true }, end + 1);
        Ok(())
    }

    fn dollar(&mut self) -> Result<(), Flaw> {
        let after = &self.rest[1..];
        let tag = after
            .find(|c| !is_word(c) || c == '$')
            .unwrap_or(after.len());
        let is_quote =
            after[tag..].starts_with('$') && !after.starts_with(|c: char| c.is_ascii_digit());
        if self.grammar != Grammar::Sqlite && is_quote {
            let (delimiter, body) = self.rest.split_at(tag + 2);
            let end = body
                .find(delimiter)
                .ok_or_else(|| Flaw::OpenString(self.beginning()))?;
            self.push(Kind::Text, delimiter.len() + end + delimiter.len());
            return Ok(());
        }
        if tag > 0 {
            return Err(Flaw::Placeholder(self.rest[..=tag].to_owned()));
        }
        self.push(Kind::Symbol, 1);
        Ok(())
    }

    fn number(&mut self) {
        let bytes = self.rest.as_bytes();
        let has_exponent = !self.rest.starts_with("0x") && !self.rest.starts_with("0X");
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let sign_of_exponent = has_exponent
                && matches!(byte, b'+' | b'-')
                && at > 0
                && matches!(bytes[at - 1], b'e' | b'E')
                && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || sign_of_exponent) {
                break;
            }
            at += 1;
        }
        self.push(Kind::Number, at);
    }

    fn word(&mut self, first: char) -> Result<(), Flaw> {
        let end = self.run(is_word);
        let behind = &self.rest[end..];
        let one_letter = end == 1;
        if one_letter && first.eq_ignore_ascii_case(&'e') && behind.starts_with('\'') {
            return self.string(end, true);
        }
        if one_letter && first.eq_ignore_ascii_case(&'u') && self.grammar != Grammar::Sqlite {
            if behind.starts_with("&'") {
                return self.string(end + 1, false);
            }
            if behind.starts_with("&\"") {
                return self.quoted(end + 1, '"');
            }
        }
        let name = self.rest[..end].to_owned();
        self.push(
            Kind::Word {
                name,
                quoted: false,
            },
            end,
        );
        Ok(())
    }

    fn open(&mut self, first: char) {
        self.open.push(first);
        self.push(Kind::Symbol, 1);
    }

    fn close(&mut self, opening: char, closing: char) -> Result<(), Flaw> {
        match self.open.pop() {
            Some(open) if open == opening => self.push(Kind::Symbol, 1),
            Some(open) => return Err(Flaw::Unclosed(open)),
            None => return Err(Flaw::Unopened(closing)),
        }
        Ok(())
    }

    /// `?`, `?1`, `:name`, `@name`; on PostgreSQL these are operators, a slice or a cast.
    fn perhaps_placeholder(&mut self, first: char) -> Result<(), Flaw> {
        if self.rest.starts_with("::") {
            self.push(Kind::Symbol, 2);
            return Ok(());
        }
        let named = self.second().is_some_and(is_word_start);
        let is_placeholder = match first {
            '?' => self.grammar != Grammar::Postgres,
            ':' => named && self.grammar != Grammar::Postgres && !self.open.contains(&'['),
            _ => named && self.grammar == Grammar::Sqlite,
        };
        if is_placeholder {
            let name = self.rest[1..]
                .find(|c| !is_word(c))
                .unwrap_or(self.rest.len() - 1);
            return Err(Flaw::Placeholder(self.rest[..=name].to_owned()));
        }
        self.push(Kind::Symbol, 1);
        Ok(())
    }

    /// Enough of what is left to find it in the source.
    fn beginning(&self) -> String {
        self.rest.chars().take(20).collect()
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// Both databases take every character beyond ASCII as a letter.
fn is_word_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic() || !c.is_ascii()
}

fn is_word(c: char) -> bool {
    is_word_start(c) || c == '$' || c.is_ascii_digit()
}
