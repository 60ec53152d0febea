//! From the text of a Rust file to its tree, if it can be had without running out of stack.

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};
use std::panic::{self, AssertUnwindSafe};

use crate::build::finding::Position;

/// The parser calls itself for what is nested, and for chains without a `;` or `,` (`!!!…`, `else if …`).
const MAX_DEPTH: usize = 10_000;
/// Rust's own limit for macros is 128.
const MAX_GROUPS: usize = 256;

/// Why a file has no tree.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) at: Position,
    pub(crate) why: String,
    /// The compiler refuses it too; otherwise it is only not looked at.
    pub(crate) is_error: bool,
}

impl Broken {
    fn skip(why: String) -> Self {
        Broken {
            at: Position::START,
            why,
            is_error: false,
        }
    }
}

/// The place of a span, as a compiler counts.
pub(crate) fn start(span: proc_macro2::Span) -> Position {
    let start = span.start();
    Position {
        line: start.line.max(1),
        column: start.column + 1,
    }
}

/// Parses a file.
pub(crate) fn parse(text: &str) -> Result<syn::File, Broken> {
    let text = without_shebang(text);
    // Both are somebody else's code on anybody's text.
    let parsed = panic::catch_unwind(AssertUnwindSafe(|| {
        let tokens: TokenStream = text.parse().map_err(|error: LexError| Broken {
            at: start(error.span()),
            why: "a token cannot be read".into(),
            is_error: true,
        })?;
        is_shallow(&tokens)?;
        syn::parse2(tokens).map_err(|error: syn::Error| Broken {
            at: start(error.span()),
            why: error.to_string(),
            is_error: true,
        })
    }));
    parsed.unwrap_or_else(|_| Err(Broken::skip("the Rust parser gave up".into())))
}

/// Without `#!/usr/bin/…` in the first line, whose place stays; `#![…]` is an attribute.
fn without_shebang(text: &str) -> &str {
    let first = text.lines().next().unwrap_or_default();
    match first.strip_prefix("#!") {
        Some(rest) if !rest.trim_start().starts_with('[') => &text[first.len()..],
        _ => text,
    }
}

/// Refuses what would make the parser, or the tree's own end, call itself too often. Itself without recursion.
fn is_shallow(tokens: &TokenStream) -> Result<(), Broken> {
    let mut open = vec![(tokens.clone(), 0usize, 0usize)];
    while let Some((tokens, outside, groups)) = open.pop() {
        let mut depth = outside;
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',') => depth = outside,
                TokenTree::Group(group) => {
                    if groups >= MAX_GROUPS {
                        let why = format!("it is nested more than {MAX_GROUPS} levels deep");
                        return Err(Broken::skip(why));
                    }
                    depth += 1;
                    open.push((group.stream(), depth, groups + 1));
                    // Behind a block a word begins something new, if it does not go on with it.
                    let begins = |next: &TokenTree| match next {
                        TokenTree::Ident(word) => word != "else" && word != "as",
                        TokenTree::Punct(punct) => punct.as_char() == '#',
                        _ => false,
                    };
                    if group.delimiter() == Delimiter::Brace && tokens.peek().is_some_and(begins) {
                        depth = outside;
                    }
                }
                _ => depth += 1,
            }
            if depth > MAX_DEPTH {
                let why = format!("it has a chain of more than {MAX_DEPTH} tokens");
                return Err(Broken::skip(why));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shebang_moves_nothing() {
        let file = parse("#!/usr/bin/env run\nstruct A;")
            .map_err(|b| b.why)
            .unwrap();
        assert_eq!(file.items.len(), 1);
        assert_eq!(start(syn::spanned::Spanned::span(&file.items[0])).line, 2);
        assert!(parse("#![allow(unused)]\nstruct A;").is_ok());
    }

    #[test]
    fn errors_have_a_place() {
        let broken = parse("struct A;\n  struct 1;").unwrap_err();
        assert_eq!((broken.at.line, broken.at.column), (2, 10));
        assert!(broken.is_error);
    }
}
