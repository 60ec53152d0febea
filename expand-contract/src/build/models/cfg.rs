//! `#[cfg(…)]` and `#[cfg_attr(…)]` as the compiler will see them, by what cargo tells a build script.

use std::collections::{BTreeMap, BTreeSet};
use std::env;

use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

/// What is set by nobody but the compiler: absent means false.
const BUILT_IN: &[&str] = &[
    "clippy",
    "debug_assertions",
    "doc",
    "doctest",
    "feature",
    "miri",
    "overflow_checks",
    "panic",
    "proc_macro",
    "relocation_model",
    "rustfmt",
    "sanitize",
    "target_abi",
    "target_arch",
    "target_endian",
    "target_env",
    "target_family",
    "target_feature",
    "target_has_atomic",
    "target_os",
    "target_pointer_width",
    "target_thread_local",
    "target_vendor",
    "test",
    "ub_checks",
    "unix",
    "windows",
];

/// The configuration of the build.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cfg {
    /// Names, each with its values; a name without a value has none.
    set: BTreeMap<String, BTreeSet<String>>,
}

/// Whether a predicate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No,
    /// It names what is set by something else than cargo, or not at all.
    Unknown,
}

impl Cfg {
    /// What cargo tells the build script: `CARGO_CFG_…` and `CARGO_FEATURE_…`.
    ///
    /// The names of features are upper case there, with `_` for `-`; they are compared that way.
    pub(crate) fn from_cargo() -> Self {
        let mut cfg = Cfg::default();
        for (key, value) in env::vars_os() {
            let (Some(key), Some(value)) = (key.to_str(), value.to_str()) else {
                continue;
            };
            if let Some(name) = key.strip_prefix("CARGO_FEATURE_") {
                cfg.insert("feature", Some(name));
            } else if let Some(name) = key.strip_prefix("CARGO_CFG_") {
                let name = name.to_lowercase();
                // one variable has all values of a name; the features came one by one
                if name != "feature" {
                    cfg.insert(&name, None);
                    for value in value.split(',').filter(|value| !value.is_empty()) {
                        cfg.insert(&name, Some(value));
                    }
                }
            }
        }
        cfg
    }

    pub(crate) fn insert(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(|value| match name {
            "feature" => feature(value),
            _ => value.to_string(),
        });
        self.set.entry(name.to_string()).or_default().extend(value);
    }

    fn option(&self, name: &str, value: Option<&str>) -> Holds {
        let known = match (self.set.get(name), value) {
            (Some(_), None) => return Holds::Yes,
            (Some(values), Some(value)) if name == "feature" => values.contains(&feature(value)),
            (Some(values), Some(value)) => values.contains(value),
            (None, _) if BUILT_IN.contains(&name) => false,
            (None, _) => return Holds::Unknown,
        };
        if known {
            Holds::Yes
        } else {
            Holds::No
        }
    }

    /// Evaluates a predicate.
    pub(crate) fn holds(&self, predicate: &Meta) -> Holds {
        match predicate {
            Meta::Path(path) => match path.get_ident() {
                Some(name) if name == "true" => Holds::Yes,
                Some(name) if name == "false" => Holds::No,
                Some(name) => self.option(&name.to_string(), None),
                None => Holds::Unknown,
            },
            Meta::NameValue(pair) => {
                let value = match &pair.value {
                    syn::Expr::Lit(syn::ExprLit {
                        lit: syn::Lit::Str(value),
                        ..
                    }) => value.value(),
                    _ => return Holds::Unknown,
                };
                match pair.path.get_ident() {
                    Some(name) => self.option(&name.to_string(), Some(&value)),
                    None => Holds::Unknown,
                }
            }
            Meta::List(list) => {
                let Some(parts) = predicates(list.tokens.clone()) else {
                    return Holds::Unknown;
                };
                let mut parts = parts.iter().map(|part| self.holds(part));
                match list.path.get_ident().map(ToString::to_string).as_deref() {
                    Some("not") => match parts.next() {
                        Some(Holds::Yes) => Holds::No,
                        Some(Holds::No) => Holds::Yes,
                        _ => Holds::Unknown,
                    },
                    Some("all") => combine(parts, Holds::No, Holds::Yes),
                    Some("any") => combine(parts, Holds::Yes, Holds::No),
                    _ => Holds::Unknown,
                }
            }
        }
    }

    /// Puts what `cfg_attr` adds in its place, and says whether the item is there.
    ///
    /// What is not known is taken for true: rather one check too many.
    pub(crate) fn resolve(&self, attrs: &mut Vec<Attribute>, unknown: &mut Vec<Attribute>) -> bool {
        let mut rest = std::mem::take(attrs);
        rest.reverse();
        // `cfg_attr(a, cfg_attr(b, …))`: what comes out of one is looked at again
        let mut left = rest.len() + MAX_ATTRIBUTES;
        while let Some(attribute) = rest.pop() {
            left = left.saturating_sub(1);
            if left == 0 || !attribute.path().is_ident("cfg_attr") {
                attrs.push(attribute);
                continue;
            }
            let Some((predicate, added)) = cfg_attr(&attribute) else {
                attrs.push(attribute);
                continue;
            };
            let holds = self.holds(&predicate);
            if holds == Holds::Unknown {
                unknown.push(attribute.clone());
            }
            if holds != Holds::No {
                rest.extend(added.into_iter().rev().map(|meta| Attribute {
                    meta,
                    ..attribute.clone()
                }));
            }
        }
        let mut is_there = true;
        for attribute in attrs.iter() {
            if let (true, Ok(list)) = (
                attribute.path().is_ident("cfg"),
                attribute.meta.require_list(),
            ) {
                let predicate = predicates(list.tokens.clone());
                let predicate = predicate.and_then(|mut one| one.pop());
                match predicate.map_or(Holds::Unknown, |one| self.holds(&one)) {
                    Holds::Yes => {}
                    Holds::No => is_there = false,
                    Holds::Unknown => unknown.push(attribute.clone()),
                }
            }
        }
        is_there
    }
}

/// How many attributes `cfg_attr`s of one item may make: more are left as they are.
const MAX_ATTRIBUTES: usize = 1_000;

/// As cargo writes it into the name of a variable.
fn feature(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

/// `deciding` if one of the parts is; else unknown if one of them is; else `otherwise`.
fn combine(parts: impl Iterator<Item = Holds>, deciding: Holds, otherwise: Holds) -> Holds {
    let mut all = otherwise;
    for part in parts {
        if part == deciding {
            return deciding;
        }
        if part == Holds::Unknown {
            all = Holds::Unknown;
        }
    }
    all
}

fn predicates(tokens: proc_macro2::TokenStream) -> Option<Vec<Meta>> {
    let parsed = Punctuated::<Meta, Token![,]>::parse_terminated
        .parse2(literals(tokens))
        .ok()?;
    Some(parsed.into_iter().collect())
}

/// `cfg(true)` is a literal, not a path: it reads as `cfg(any())`'s opposite.
fn literals(tokens: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    tokens
        .into_iter()
        .flat_map(|token| match &token {
            proc_macro2::TokenTree::Ident(ident) if ident == "true" => quote::quote!(all()),
            proc_macro2::TokenTree::Ident(ident) if ident == "false" => quote::quote!(any()),
            _ => token.into(),
        })
        .collect()
}

fn cfg_attr(attribute: &Attribute) -> Option<(Meta, Vec<Meta>)> {
    let list = attribute.meta.require_list().ok()?;
    let mut parts = Punctuated::<Meta, Token![,]>::parse_terminated
        .parse2(list.tokens.clone())
        .ok()?
        .into_iter();
    Some((parts.next()?, parts.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn cfg() -> Cfg {
        let mut cfg = Cfg::default();
        cfg.insert("unix", None);
        cfg.insert("target_os", Some("linux"));
        cfg.insert("feature", Some("full-text"));
        cfg
    }

    #[test]
    fn predicates_hold_or_not() {
        for (predicate, expected) in [
            (parse_quote!(unix), Holds::Yes),
            (parse_quote!(windows), Holds::No),
            (parse_quote!(test), Holds::No),
            (parse_quote!(feature = "full-text"), Holds::Yes),
            (parse_quote!(feature = "other"), Holds::No),
            (parse_quote!(target_os = "linux"), Holds::Yes),
            (parse_quote!(not(windows)), Holds::Yes),
            (parse_quote!(all(unix, feature = "other")), Holds::No),
            (parse_quote!(any(windows, unix)), Holds::Yes),
            (parse_quote!(all()), Holds::Yes),
            (parse_quote!(any()), Holds::No),
            (parse_quote!(tokio_unstable), Holds::Unknown),
            (parse_quote!(not(tokio_unstable)), Holds::Unknown),
            (parse_quote!(all(windows, tokio_unstable)), Holds::No),
            (parse_quote!(any(unix, tokio_unstable)), Holds::Yes),
            (parse_quote!(all(true, not(false))), Holds::Yes),
        ] {
            let predicate: Meta = predicate;
            assert_eq!(cfg().holds(&predicate), expected, "{predicate:?}");
        }
    }

    #[test]
    fn attributes_are_put_in_place() {
        let mut attrs: Vec<Attribute> = vec![
            parse_quote!(#[cfg_attr(unix, derive(A), cfg_attr(windows, b), cfg_attr(unix, c))]),
            parse_quote!(#[d]),
        ];
        let mut unknown = Vec::new();
        assert!(cfg().resolve(&mut attrs, &mut unknown));
        let names: Vec<String> = attrs
            .iter()
            .map(|a| {
                a.path()
                    .get_ident()
                    .map_or_else(String::new, ToString::to_string)
            })
            .collect();
        assert_eq!(names, ["derive", "c", "d"]);
        assert!(unknown.is_empty());
        let mut gone: Vec<Attribute> = vec![parse_quote!(#[cfg_attr(unix, cfg(windows))])];
        assert!(!cfg().resolve(&mut gone, &mut unknown));
        let mut open: Vec<Attribute> = vec![parse_quote!(#[cfg(loom)])];
        assert!(cfg().resolve(&mut open, &mut unknown));
        assert_eq!(unknown.len(), 1);
    }
}
