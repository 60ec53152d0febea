//! SQL expressions, cut into tokens: knows where strings, comments and names end, and which places are one for a column.

use crate::definition::Dialect;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// White space or a comment.
    Blank,
    /// A string, in whichever quotes.
    Text,
    /// A name or keyword, without its quotes.
    Name { name: String, quoted: bool },
    /// A number or a sign.
    Other,
}

/// A piece of the text; all pieces in order are the text.
#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

impl Token<'_> {
    fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Other && self.text == sign
    }

    fn word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Name { name, quoted: false } if name.eq_ignore_ascii_case(word))
    }
}

fn starts_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic() || !c.is_ascii()
}

fn in_name(c: char) -> bool {
    starts_name(c) || c == '$' || c.is_ascii_digit()
}

/// The tokens of a text; none if a string, a name or a comment in it never ends.
pub(super) fn tokens(source: &str, dialect: Dialect) -> Option<Vec<Token<'_>>> {
    let (mut out, mut rest) = (Vec::new(), source);
    while let Some(first) = rest.chars().next() {
        let (kind, length) = match dialect {
            Dialect::Postgres => token(first, rest)?,
            Dialect::Sqlite => sqlite(first, rest)?,
        };
        let (text, behind) = rest.split_at_checked(length)?;
        out.push(Token { kind, text });
        rest = behind;
    }
    Some(out)
}

fn token(first: char, rest: &str) -> Option<(Kind, usize)> {
    let run = |part: &dyn Fn(char) -> bool| rest.find(|c| !part(c)).unwrap_or(rest.len());
    Some(match first {
        c if c.is_whitespace() => (Kind::Blank, run(&char::is_whitespace)),
        '-' if rest.starts_with("--") => (Kind::Blank, rest.find('\n').unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => (Kind::Blank, comment(rest)?),
        '\'' => (Kind::Text, 1 + string(&rest[1..], false)?),
        '"' => quoted(rest, '"')?,
        '$' => match dollar(rest) {
            Some(length) => (Kind::Text, length),
            None => (Kind::Other, 1),
        },
        c if c.is_ascii_digit() => (
            Kind::Other,
            run(&|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')),
        ),
        c if starts_name(c) => {
            let length = run(&in_name);
            let (name, behind) = rest.split_at(length);
            match (name, behind) {
                ("e" | "E", b) if b.starts_with('\'') => (Kind::Text, 2 + string(&b[1..], true)?),
                ("b" | "B" | "x" | "X" | "n" | "N", b) if b.starts_with('\'') => {
                    (Kind::Text, 2 + string(&b[1..], false)?)
                }
                ("u" | "U", b) if b.starts_with("&'") => (Kind::Text, 3 + string(&b[2..], false)?),
                _ => (
                    Kind::Name {
                        name: name.to_owned(),
                        quoted: false,
                    },
                    length,
                ),
            }
        }
        _ if rest.starts_with("::") || rest.starts_with("=>") => (Kind::Other, 2),
        other => (Kind::Other, other.len_utf8()),
    })
}

// what differs: names in three quotes, and strings in one way only
fn sqlite(first: char, rest: &str) -> Option<(Kind, usize)> {
    match first {
        '`' => quoted(rest, '`'),
        '[' => {
            let end = rest.find(']')?;
            let name = rest[1..end].to_owned();
            Some((Kind::Name { name, quoted: true }, end + 1))
        }
        // they do not nest, and the last may be open
        '/' if rest.starts_with("/*") => {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            Some((Kind::Blank, end))
        }
        '$' => Some((Kind::Other, 1)),
        c if starts_name(c) => {
            let length = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(length);
            if matches!(name, "x" | "X") && behind.starts_with('\'') {
                return Some((Kind::Text, 2 + string(&behind[1..], false)?));
            }
            let name = name.to_owned();
            let quoted = false;
            Some((Kind::Name { name, quoted }, length))
        }
        _ => token(first, rest),
    }
}

// up to and with the closing quote
fn string(rest: &str, backslash: bool) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'\\' if backslash => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

fn quoted(rest: &str, quote: char) -> Option<(Kind, usize)> {
    let mut name = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            name.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            name.push(quote);
        } else {
            return Some((Kind::Name { name, quoted: true }, at + 1));
        }
    }
    None
}

// PostgreSQL's comments nest
fn comment(rest: &str) -> Option<usize> {
    let (bytes, mut depth, mut at) = (rest.as_bytes(), 1, 2);
    while depth > 0 {
        match bytes.get(at..at + 2)? {
            b"*/" => (depth, at) = (depth - 1, at + 2),
            b"/*" => (depth, at) = (depth + 1, at + 2),
            _ => at += 1,
        }
    }
    Some(at)
}

fn dollar(rest: &str) -> Option<usize> {
    let tag = rest[1..].find(|c| !in_name(c) || c == '$')?;
    if !rest[1 + tag..].starts_with('$') || rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (delimiter, body) = rest.split_at(tag + 2);
    Some(delimiter.len() + body.find(delimiter)? + delimiter.len())
}

/// Words that go on with the name of a type.
const IN_TYPES: &[&str] = &[
    "precision",
    "varying",
    "with",
    "without",
    "time",
    "zone",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "to",
];

/// For each token whether it may be the name of a column: it is a name, and does not stand where only a type, a function, a
/// collation, a field, a parameter or a keyword can.
pub(super) fn places(tokens: &[Token<'_>]) -> Vec<bool> {
    let significant: Vec<usize> = (0..tokens.len())
        .filter(|i| tokens[*i].kind != Kind::Blank)
        .collect();
    let mut out = vec![false; tokens.len()];
    // inside the name of a type, which may be several words and have modifiers in parentheses
    let (mut in_type, mut depth) = (false, 0_u32);
    for (place, &i) in significant.iter().enumerate() {
        let token = &tokens[i];
        let at = |place: usize| significant.get(place).map(|&i| &tokens[i]);
        let before = |n: usize| place.checked_sub(n).and_then(at);
        let after = |n: usize| at(place + n);
        let behind = |sign: &str| before(1).is_some_and(|token| token.is(sign));
        let behind_word = |word: &str| before(1).is_some_and(|token| token.word(word));
        let Kind::Name { name, quoted } = &token.kind else {
            // `::numeric(10,2)`, `::text[]`
            depth = match token.text {
                "(" if in_type => depth + 1,
                ")" if in_type && depth > 0 => depth - 1,
                _ if in_type && depth > 0 => depth,
                "::" | "." | "[" | "]" if in_type => 0,
                _ => {
                    in_type = false;
                    0
                }
            };
            continue;
        };
        let starts_type = behind("::") || behind_word("as");
        let goes_on = in_type
            && (behind(".") || (!quoted && IN_TYPES.iter().any(|w| name.eq_ignore_ascii_case(w))));
        in_type = starts_type || goes_on;
        if in_type || behind(".") || behind_word("collate") {
            continue;
        }
        let called = after(1).is_some_and(|next| {
            next.is("(") || next.is(".") || next.is("=>") || next.kind == Kind::Text
        });
        let part_of_date = behind("(")
            && before(2).is_some_and(|token| token.word("extract"))
            && after(1).is_some_and(|token| token.word("from"));
        // `x AT TIME ZONE 'UTC'`
        let zone = (token.word("at") && after(1).is_some_and(|token| token.word("time")))
            || (token.word("time") && behind_word("at"))
            || (token.word("zone") && behind_word("time"));
        let keyword = !quoted && (part_of_date || zone);
        out[i] = !called && !keyword;
    }
    out
}
