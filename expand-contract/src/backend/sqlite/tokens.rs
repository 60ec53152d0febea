//! SQLite's SQL, cut into tokens.

/// Why a `CREATE TABLE` text could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotUnderstood(pub(crate) String);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare word: a keyword or a name.
    Word(String),
    /// A name in one of the three quotes, or a string, which SQLite takes for a name where one is due.
    Quoted(String),
    /// A number or blob.
    Literal,
    Punct(char),
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token {
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(&self.kind, Kind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn punct(&self, c: char) -> bool {
        self.kind == Kind::Punct(c)
    }

    pub(super) fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(name) | Kind::Quoted(name) => Some(name),
            Kind::Literal | Kind::Punct(_) => None,
        }
    }
}

pub(super) fn tokens(sql: &str) -> Result<Vec<Token>, NotUnderstood> {
    let mut out = Vec::new();
    let mut chars = sql.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let kind = match c {
            c if c.is_whitespace() => continue,
            '-' if matches!(chars.peek(), Some((_, '-'))) => {
                for (_, c) in chars.by_ref() {
                    if c == '\n' {
                        break;
                    }
                }
                continue;
            }
            '/' if matches!(chars.peek(), Some((_, '*'))) => {
                chars.next();
                let mut last = ' ';
                for (_, c) in chars.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
                continue;
            }
            '"' | '`' | '\'' | '[' => {
                let close = if c == '[' { ']' } else { c };
                let mut name = String::new();
                loop {
                    match chars.next() {
                        Some((_, c)) if c == close => {
                            if close != ']' && matches!(chars.peek(), Some((_, c)) if *c == close) {
                                chars.next();
                                name.push(close);
                            } else {
                                break;
                            }
                        }
                        Some((_, c)) => name.push(c),
                        None => return Err(NotUnderstood("an unclosed quote".to_owned())),
                    }
                }
                Kind::Quoted(name)
            }
            c if c.is_ascii_digit() => {
                while chars
                    .peek()
                    .is_some_and(|(_, c)| c.is_ascii_alphanumeric() || *c == '.' || *c == '_')
                {
                    chars.next();
                }
                Kind::Literal
            }
            c if c.is_alphabetic() || c == '_' || !c.is_ascii() => {
                let mut word = String::from(c);
                while let Some((_, c)) = chars.peek() {
                    if c.is_alphanumeric() || *c == '_' || *c == '$' || !c.is_ascii() {
                        word.push(*c);
                        chars.next();
                    } else {
                        break;
                    }
                }
                // a blob: x'00ff'
                if word.eq_ignore_ascii_case("x") && matches!(chars.peek(), Some((_, '\''))) {
                    chars.next();
                    for (_, c) in chars.by_ref() {
                        if c == '\'' {
                            break;
                        }
                    }
                    Kind::Literal
                } else {
                    Kind::Word(word)
                }
            }
            c => Kind::Punct(c),
        };
        let end = chars.peek().map_or(sql.len(), |(i, _)| *i);
        out.push(Token { kind, start, end });
    }
    Ok(out)
}

/// Whether `sql` mentions `name` as an identifier (in any quotes, any ASCII case).
pub(crate) fn mentions(sql: &str, name: &str) -> bool {
    match tokens(sql) {
        Ok(tokens) => tokens
            .iter()
            .any(|token| token.name().is_some_and(|n| n.eq_ignore_ascii_case(name))),
        // what cannot be read is not declared free of it
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn mentions_are_identifiers_not_substrings() {
        assert!(mentions("SELECT \"Name\" FROM t", "name"));
        assert!(mentions("NEW.name", "name"));
        assert!(!mentions("SELECT surname -- name\n FROM t", "name"));
    }
}
