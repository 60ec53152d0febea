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

#[cfg(test)]
mod tests {
    use super::mentions_word;

    #[test]
    fn whole_words_only() {
        assert!(mentions_word("NEW.Email := 1", "email"));
        assert!(mentions_word("x \"E-Mail\" y", "E-Mail"));
        assert!(!mentions_word("new_email := emails", "email"));
    }
}
