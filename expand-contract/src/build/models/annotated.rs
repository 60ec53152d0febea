//! What of a file is this crate's: its derives, its attribute on a table.

use expand_contract_model::Use;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Attribute, DeriveInput, Item, Meta, Path, Token, UseTree};

/// The names of this crate's derives that read a struct.
const RECORDS: &[(&str, Use)] = &[
    ("Insertable", Use::Insertable),
    ("AsChangeset", Use::AsChangeset),
    ("Selectable", Use::Selectable),
    ("HasQuery", Use::Selectable),
    ("Queryable", Use::Selectable),
];

/// What the prelude of this crate brings in place of Diesel's.
const PRELUDE: &[&str] = &["AsChangeset", "HasQuery", "Insertable", "Selectable"];

/// A derive of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Derive {
    Migrate,
    Record(Use),
}

/// What a module's `use` statements bring in from this crate.
///
/// `Migrate` is known by its name; the names that Diesel has too are this crate's only where a `use` here says so.
#[derive(Debug, Clone, Default)]
pub(super) struct Imports {
    has_prelude: bool,
    /// What a name means, for names brought in one by one.
    names: Vec<(String, String)>,
}

impl Imports {
    pub(super) fn of(items: &[Item]) -> Self {
        let mut imports = Imports::default();
        for item in items {
            if let Item::Use(item) = item {
                let mut open = vec![(&item.tree, Vec::new())];
                while let Some((tree, path)) = open.pop() {
                    imports.add(tree, path, &mut open);
                }
            }
        }
        imports
    }

    fn add<'a>(
        &mut self,
        tree: &'a UseTree,
        mut path: Vec<String>,
        open: &mut Vec<(&'a UseTree, Vec<String>)>,
    ) {
        let is_own = path.first().is_some_and(|first| first == "expand_contract");
        match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                open.push((&tree.tree, path));
            }
            UseTree::Group(group) => {
                open.extend(group.items.iter().map(|tree| (tree, path.clone())))
            }
            UseTree::Name(name) if is_own => {
                let name = name.ident.to_string();
                self.names.push((name.clone(), name));
            }
            UseTree::Rename(rename) if is_own => {
                self.names
                    .push((rename.rename.to_string(), rename.ident.to_string()));
            }
            UseTree::Glob(_) if is_own => {
                self.has_prelude |= path.get(1).is_some_and(|p| p == "prelude")
            }
            _ => {}
        }
    }

    /// What a path means here, if it is this crate's.
    fn meaning(&self, path: &Path) -> Option<String> {
        let last = path.segments.last()?.ident.to_string();
        if path.segments.len() > 1 {
            let is_own = path.segments.first()?.ident == "expand_contract";
            return (is_own || last == "Migrate").then_some(last);
        }
        let named = self.names.iter().find(|(name, _)| *name == last);
        match named {
            Some((_, meaning)) => Some(meaning.clone()),
            None if last == "Migrate" => Some(last),
            None if self.has_prelude && PRELUDE.contains(&last.as_str()) => Some(last),
            None => None,
        }
    }
}

/// The derives of this crate on a struct.
pub(super) fn derives(input: &DeriveInput, imports: &Imports) -> Vec<Derive> {
    let mut derives = Vec::new();
    for attribute in input
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"))
    {
        let Ok(paths) = attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)
        else {
            continue;
        };
        for path in paths {
            let Some(name) = imports.meaning(&path) else {
                continue;
            };
            let derive = match name.as_str() {
                "Migrate" => Some(Derive::Migrate),
                other => {
                    let record = RECORDS.iter().find(|(name, _)| *name == other);
                    record.map(|(_, purpose)| Derive::Record(*purpose))
                }
            };
            derives.extend(derive);
        }
    }
    derives
}

/// The arguments of `#[expand_contract::migrate(…)]`, and the item without it.
pub(super) fn attribute_macro(
    item: &Item,
    imports: &Imports,
) -> Option<(TokenStream, TokenStream)> {
    let mut item = item.clone();
    let is_macro = matches!(item, Item::Macro(_));
    let attrs = match &mut item {
        Item::Macro(item) => &mut item.attrs,
        Item::Struct(item) => &mut item.attrs,
        Item::Enum(item) => &mut item.attrs,
        Item::Mod(item) => &mut item.attrs,
        _ => return None,
    };
    let place = attrs
        .iter()
        .position(|attribute| is_attribute_macro(attribute, is_macro, imports))?;
    let attribute = attrs.remove(place);
    let args = match attribute.meta {
        Meta::List(list) => list.tokens,
        Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
    };
    Some((args, item.into_token_stream()))
}

/// On a struct `#[migrate(…)]` alone belongs to a derive.
fn is_attribute_macro(attribute: &Attribute, on_a_macro: bool, imports: &Imports) -> bool {
    let path = attribute.path();
    let is_short = path.segments.len() == 1;
    match path.segments.last() {
        Some(last) if last.ident == "migrate" => {
            !is_short && path.segments[0].ident == "expand_contract" || is_short && on_a_macro
        }
        Some(_) if is_short && on_a_macro => imports.meaning(path).as_deref() == Some("migrate"),
        _ => false,
    }
}
