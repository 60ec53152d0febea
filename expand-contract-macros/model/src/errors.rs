//! The collector of errors: a user sees all of them at once.

use std::cell::RefCell;
use std::fmt::Display;
use std::thread;

use proc_macro2::Span;
use quote::ToTokens;

/// Collects errors while an annotation is read and checked.
///
/// Must be asked with [`Errors::check`] before it goes out of scope: a forgotten error would let wrong code through.
#[derive(Debug)]
pub struct Errors {
    /// `None` once checked.
    found: RefCell<Option<Vec<syn::Error>>>,
}

impl Errors {
    /// A collector without errors.
    #[allow(clippy::new_without_default)] // `Default` would invite an unchecked one into a struct.
    pub fn new() -> Self {
        Errors {
            found: RefCell::new(Some(Vec::new())),
        }
    }

    /// Adds an error.
    pub fn push(&self, error: syn::Error) {
        if let Some(found) = self.found.borrow_mut().as_mut() {
            found.push(error);
        }
    }

    /// Adds an error that points at `tokens`.
    pub fn at(&self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Adds an error that points at `span`.
    pub fn at_span(&self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    /// How many errors there are, to see whether a piece of work added one.
    pub fn count(&self) -> usize {
        self.found.borrow().as_ref().map_or(0, Vec::len)
    }

    /// The value of `result`; its error is kept.
    pub fn take<T>(&self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// All errors in one, if there are any.
    pub fn check(self) -> syn::Result<()> {
        let found = self.found.borrow_mut().take().unwrap_or_default();
        found
            .into_iter()
            .reduce(|mut all, next| {
                all.combine(next);
                all
            })
            .map_or(Ok(()), Err)
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        if !thread::panicking() && self.found.borrow().is_some() {
            panic!("errors were collected but never checked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combines_all_errors() {
        let errors = Errors::new();
        errors.at_span(Span::call_site(), "first");
        errors.at_span(Span::call_site(), "second");
        let error = errors.check().expect_err("there were errors");
        let texts: Vec<_> = error.into_iter().map(|e| e.to_string()).collect();
        assert_eq!(texts, ["first", "second"]);
    }

    #[test]
    fn is_fine_without_errors() {
        assert!(Errors::new().check().is_ok());
    }

    #[test]
    #[should_panic(expected = "never checked")]
    fn panics_when_dropped_unchecked() {
        drop(Errors::new());
    }
}
