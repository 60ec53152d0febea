//! Words in source texts of other languages.

/// Whether `source` has `word` as a whole word, in any ASCII case.
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) fn mentions_word(source: &str, word: &str) -> bool {
    let (source, word) = (source.to_lowercase(), word.to_lowercase());
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    source.match_indices(&word).any(|(at, _)| {
        let before = source[..at].chars().next_back();
        let after = source[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// The words and signs of a source text, in small letters, without comments. What is inside of quotes counts like the rest:
/// a literal may be a statement, and a quoted name is a name.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres-backend")),
    allow(dead_code)
)]
fn tokens(source: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('-', Some('-')) => {
                chars.by_ref().find(|c| *c == '\n');
            }
            ('/', Some('*')) => {
                let mut last = ' ';
                chars.by_ref().find(|c| {
                    let ends = (last, *c) == ('*', '/');
                    last = *c;
                    ends
                });
            }
            (c, _) if c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '[' | ']') => {}
            (c, _) if c.is_alphanumeric() || c == '_' => {
                let mut word = c.to_lowercase().to_string();
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
                {
                    word.extend(c.to_lowercase());
                }
                out.push(word);
            }
            (c, _) => out.push(c.to_string()),
        }
    }
    out
}

/// What in a function's, trigger's or view's text depends on the table having just the columns it has; none if nothing
/// does. Only for texts that have to do with the table.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres-backend")),
    allow(dead_code)
)]
pub(crate) fn whole_row(source: &str, table: &str) -> Option<&'static str> {
    let (tokens, table) = (tokens(source), tokens(table));
    let at = |i: usize| tokens.get(i).map_or("", String::as_str);
    let named = |i: usize| !table.is_empty() && tokens[i..].starts_with(&table);
    for i in 0..tokens.len() {
        let before = i.checked_sub(1).map_or("", at);
        match at(i) {
            "*" if before == "." => {
                return Some(match i.checked_sub(2).map_or("", at) {
                    "new" => "NEW.*",
                    "old" => "OLD.*",
                    _ => "a table's `.*`",
                })
            }
            // not `count(*)`, and not a product
            "*" if matches!(before, "select" | "distinct" | "all" | "," | "returning") => {
                return Some("SELECT *")
            }
            "rowtype" if before == "%" => return Some("%ROWTYPE"),
            _ if named(i) => {
                let from = if before == "." {
                    i.saturating_sub(2)
                } else {
                    i
                };
                let (verb, verb_before) = (
                    from.checked_sub(1).map_or("", at),
                    from.checked_sub(2).map_or("", at),
                );
                let mut next = i + table.len();
                if at(next) == "as" {
                    next += 2;
                }
                let listed =
                    at(next) == "(" && !matches!(at(next + 1), "select" | "with" | "values");
                if (verb, verb_before, listed) == ("into", "insert", false) && at(next) != "default"
                {
                    return Some("INSERT without a list of columns");
                }
                if (verb, listed) == ("copy", false) {
                    return Some("COPY without a list of columns");
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{mentions_word, whole_row};

    #[test]
    fn what_depends_on_the_whole_row() {
        for (source, found) in [
            ("SELECT * FROM users", "SELECT *"),
            ("select distinct\n * from users", "SELECT *"),
            ("SELECT id, * FROM users", "SELECT *"),
            ("SELECT u.* FROM users u", "a table's `.*`"),
            ("INSERT INTO audit SELECT NEW.*", "NEW.*"),
            ("DECLARE v users%ROWTYPE;", "%ROWTYPE"),
            (
                "INSERT INTO public.users VALUES (1, 'a')",
                "INSERT without a list of columns",
            ),
            (
                "insert into \"Users\" as u select 1, 2",
                "INSERT without a list of columns",
            ),
            (
                "EXECUTE 'COPY users FROM STDIN'",
                "COPY without a list of columns",
            ),
            ("DELETE FROM users RETURNING *", "SELECT *"),
        ] {
            assert_eq!(whole_row(source, "users"), Some(found), "{source}");
        }
        for source in [
            "SELECT count(*), a * b, (id) * 2 FROM users -- SELECT *",
            "/* select * */ SELECT id FROM users",
            "INSERT INTO users (id, email) SELECT 1, 'a'",
            "INSERT INTO users DEFAULT VALUES",
            "INSERT INTO users_log VALUES (1)",
            "COPY users (id, email) TO STDOUT",
            "UPDATE users SET email = 'a' WHERE id = 1",
        ] {
            assert_eq!(whole_row(source, "users"), None, "{source}");
        }
    }

    #[test]
    fn whole_words_only() {
        assert!(mentions_word("NEW.Email := 1", "email"));
        assert!(mentions_word("x \"E-Mail\" y", "E-Mail"));
        assert!(!mentions_word("new_email := emails", "email"));
    }
}
