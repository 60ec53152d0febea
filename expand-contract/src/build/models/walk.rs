//! Walks through files and modules as the compiler does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use expand_contract_model::names;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Attribute, DeriveInput, Expr, ExprLit, Item, ItemMacro, ItemMod, Lit, Meta, StmtMacro};

use super::annotated::{self, Imports};
use super::cfg::Cfg;
use super::found::Outcome;
use super::text;
use crate::build::finding::{Level, Position};
use crate::build::source::{self, Unread};

/// How deep modules may be nested: a circle of links ends here at the latest.
const MAX_MODULES: usize = 128;

/// What became of the sources.
pub(super) struct Walk<'a> {
    pub(super) cfg: &'a Cfg,
    pub(super) outcome: &'a mut Outcome,
    /// Files that were looked at, by their real path: a module that is named twice is looked at once.
    pub(super) seen: BTreeSet<PathBuf>,
}

/// Where the modules of a file are looked for.
#[derive(Debug, Clone)]
struct Home {
    file: PathBuf,
    /// The folder of its modules.
    folder: PathBuf,
    /// Where `#[path]` starts: the file's own folder, or that of the inline modules around.
    path_base: PathBuf,
    /// The files that led here.
    chain: Vec<PathBuf>,
}

impl Walk<'_> {
    /// A file by itself: its modules are not followed.
    pub(super) fn single(&mut self, file: &Path) {
        self.outcome.module = vec![file.display().to_string()];
        if let Some(tree) = self.read(file, None) {
            self.items(&tree, file, None);
        }
    }

    /// Every `.rs` file of a folder and the folders in it.
    pub(super) fn folder(&mut self, folder: &Path) {
        let mut open = vec![(folder.to_path_buf(), 0)];
        self.outcome.report.reads(folder);
        while let Some((folder, depth)) = open.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    let why = format!("the folder cannot be read: {error}");
                    self.outcome
                        .say("module", Level::Deny, &folder, Position::START, why);
                    continue;
                }
            };
            let mut paths: Vec<PathBuf> = entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect();
            paths.sort();
            for path in paths {
                let is_link = path.is_symlink();
                if path.is_dir() {
                    // a link to a folder may lead round
                    if !is_link && depth < MAX_MODULES {
                        open.push((path, depth + 1));
                    }
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    self.single(&path);
                }
            }
        }
    }

    /// A crate's root and all its modules.
    pub(super) fn tree(&mut self, root: &Path) {
        let folder = root.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let home = Home {
            file: root.to_path_buf(),
            path_base: folder.clone(),
            folder,
            chain: Vec::new(),
        };
        self.outcome.module = vec![root.display().to_string()];
        self.module_file(&home, None);
    }

    fn module_file(&mut self, home: &Home, named: Option<(&Path, Span)>) {
        if let Some(tree) = self.read(&home.file, named) {
            self.items(&tree, &home.file, Some(home));
        }
    }

    /// `None` if it was read before, or could not be.
    fn read(&mut self, file: &Path, named: Option<(&Path, Span)>) -> Option<syn::File> {
        let real = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
        if !self.seen.insert(real) {
            return None;
        }
        self.outcome.report.reads(file);
        let (blamed, at) = match named {
            Some((by, span)) => (by, text::start(span)),
            None => (file, Position::START),
        };
        let source = match source::text(file) {
            Ok(source) => source,
            Err(Unread::Missing) => {
                let why = format!("`{}` is not there", file.display());
                self.outcome.say("module", Level::Deny, blamed, at, why);
                return None;
            }
            Err(Unread::Refused(why)) => {
                let why = format!("`{}` {why}", file.display());
                self.outcome.say("module", Level::Deny, blamed, at, why);
                return None;
            }
        };
        match text::parse(&source) {
            Ok(tree) => Some(tree),
            Err(broken) => {
                let level = if broken.is_error {
                    Level::Deny
                } else {
                    Level::Warn
                };
                let why = if broken.is_error {
                    broken.why
                } else {
                    format!("not looked at: {}", broken.why)
                };
                self.outcome.say("rust-syntax", level, file, broken.at, why);
                None
            }
        }
    }

    fn items(&mut self, tree: &syn::File, file: &Path, home: Option<&Home>) {
        let mut attrs = tree.attrs.clone();
        if !self.is_there(&mut attrs, file) {
            return;
        }
        let mut visitor = InFile {
            imports: Imports::of(&tree.items),
            file,
            home: home.cloned(),
            walk: self,
        };
        for item in &tree.items {
            visitor.visit_item(item);
        }
    }

    /// Evaluates the attributes, and reports what cannot be evaluated.
    fn is_there(&mut self, attrs: &mut Vec<Attribute>, file: &Path) -> bool {
        let mut unknown = Vec::new();
        let is_there = self.cfg.resolve(attrs, &mut unknown);
        if is_there {
            for attribute in unknown {
                let at = text::start(attribute.pound_token.span);
                let text = attribute.meta.to_token_stream().to_string();
                let why = format!(
                    "whether `{text}` holds is not known to a build script; taken for true"
                );
                self.outcome.say("unknown-cfg", Level::Warn, file, at, why);
            }
        }
        is_there
    }
}

/// Visits the items of one file, those in functions and blocks too.
struct InFile<'a, 'b> {
    walk: &'a mut Walk<'b>,
    file: &'a Path,
    home: Option<Home>,
    imports: Imports,
}

impl<'ast> Visit<'ast> for InFile<'_, '_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let Some(attrs) = attributes(item) else {
            return visit::visit_item(self, item);
        };
        let mut resolved = attrs.clone();
        if !self.walk.is_there(&mut resolved, self.file) {
            return;
        }
        let changed =
            resolved.len() != attrs.len() || resolved.iter().any(|a| a.path().is_ident("cfg"));
        resolved.retain(|attribute| !attribute.path().is_ident("cfg"));
        if changed {
            let mut item = item.clone();
            if let Some(attrs) = attributes_mut(&mut item) {
                *attrs = resolved;
            }
            self.present(&item);
        } else {
            self.present(item);
        }
    }

    fn visit_stmt_macro(&mut self, statement: &'ast StmtMacro) {
        let mut attrs = statement.attrs.clone();
        if self.walk.is_there(&mut attrs, self.file) {
            let item = ItemMacro {
                attrs,
                ident: None,
                mac: statement.mac.clone(),
                semi_token: None,
            };
            self.invocation(&item);
        }
    }
}

impl InFile<'_, '_> {
    fn present(&mut self, item: &Item) {
        if let Item::Mod(module) = item {
            return self.module(module);
        }
        if let Item::Macro(invocation) = item {
            return self.invocation(invocation);
        }
        if let Some((args, below)) = annotated::attribute_macro(item, &self.imports) {
            return self.walk.outcome.table_form(self.file, args, below);
        }
        let input: Option<DeriveInput> = match item {
            Item::Struct(item) => Some(item.clone().into()),
            Item::Enum(item) => Some(item.clone().into()),
            Item::Union(item) => Some(item.clone().into()),
            _ => None,
        };
        match input {
            Some(input) => self.derives(input),
            None => visit::visit_item(self, item),
        }
    }

    fn derives(&mut self, mut input: DeriveInput) {
        let derives = annotated::derives(&input, &self.imports);
        if derives.is_empty() {
            return;
        }
        // The compiler takes fields away before a derive sees them.
        let mut fields = |fields: &mut syn::Fields| {
            let kept = std::mem::replace(fields, syn::Fields::Unit);
            let mut keep = |field: &mut syn::Field| self.walk.is_there(&mut field.attrs, self.file);
            *fields = match kept {
                syn::Fields::Named(mut named) => {
                    named.named = named
                        .named
                        .into_iter()
                        .filter_map(|mut field| keep(&mut field).then_some(field))
                        .collect();
                    syn::Fields::Named(named)
                }
                syn::Fields::Unnamed(mut unnamed) => {
                    unnamed.unnamed = unnamed
                        .unnamed
                        .into_iter()
                        .filter_map(|mut field| keep(&mut field).then_some(field))
                        .collect();
                    syn::Fields::Unnamed(unnamed)
                }
                syn::Fields::Unit => syn::Fields::Unit,
            };
        };
        if let syn::Data::Struct(data) = &mut input.data {
            fields(&mut data.fields);
        }
        self.walk.outcome.structure(self.file, &input, &derives);
    }

    fn invocation(&mut self, invocation: &ItemMacro) {
        let item = Item::Macro(invocation.clone());
        if let Some((args, below)) = annotated::attribute_macro(&item, &self.imports) {
            return self.walk.outcome.table_form(self.file, args, below);
        }
        let name = invocation
            .mac
            .path
            .segments
            .last()
            .map(|last| last.ident.to_string());
        match name.as_deref() {
            Some("table") => self.walk.outcome.table(self.file, invocation),
            Some("include") => self.include(invocation),
            _ => {
                if let Some(span) = mentions_migrate(invocation.mac.tokens.clone()) {
                    let why = "`Migrate` within a macro is not seen here; the derive checks it when it is expanded";
                    let at = text::start(span);
                    self.walk
                        .outcome
                        .say("unseen-macro", Level::Warn, self.file, at, why.into());
                }
            }
        }
    }

    /// `include!("file.rs")`: its items stand here. What the build itself makes has no name yet.
    fn include(&mut self, invocation: &ItemMacro) {
        let Ok(Lit::Str(name)) = invocation.mac.parse_body::<Lit>() else {
            return;
        };
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let file = folder.join(name.value());
        let named = Some((self.file, name.span()));
        if let Some(tree) = self.walk.read(&file, named) {
            self.walk.items(&tree, &file, self.home.as_ref());
        }
    }

    fn module(&mut self, module: &ItemMod) {
        let name = names::text(&module.ident);
        let path = path_attribute(&module.attrs);
        if let Some((_, items)) = &module.content {
            let outer = self.home.clone();
            if let Some(home) = &mut self.home {
                // `#[path]` on a module with a body names the folder of the files in it.
                let folder = match &path {
                    Some((path, _)) => home.path_base.join(path),
                    None => home.folder.join(&name),
                };
                home.path_base.clone_from(&folder);
                home.folder = folder;
            }
            let inner = Imports::of(items);
            let imports = std::mem::replace(&mut self.imports, inner);
            self.walk.outcome.module.push(name);
            for item in items {
                self.visit_item(item);
            }
            self.walk.outcome.module.pop();
            self.imports = imports;
            self.home = outer;
            return;
        }
        let Some(home) = self.home.clone() else {
            return; // a file by itself
        };
        let span = module.ident.span();
        let file = match &path {
            Some((path, _)) => home.path_base.join(path),
            None => {
                let beside = home.folder.join(format!("{name}.rs"));
                let within = home.folder.join(&name).join("mod.rs");
                match (exists(&beside), exists(&within)) {
                    (true, true) => {
                        let why = format!(
                            "file for module `{name}` found at both `{}` and `{}`",
                            beside.display(),
                            within.display()
                        );
                        return self.refuse(span, why);
                    }
                    (false, true) => within,
                    (true, false) => beside,
                    (false, false) => {
                        // Where it appears, cargo has to run the build script again.
                        self.walk.outcome.report.reads(&beside);
                        let why = format!(
                            "file not found for module `{name}`: neither `{}` nor `{}`",
                            beside.display(),
                            within.display()
                        );
                        return self.refuse(span, why);
                    }
                }
            }
        };
        let real = fs::canonicalize(&file).unwrap_or_else(|_| file.clone());
        if home.chain.contains(&real) || home.chain.len() >= MAX_MODULES {
            return self.refuse(span, format!("circular modules: `{}`", file.display()));
        }
        let parent = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let is_mod_rs = path.is_some() || file.file_name().is_some_and(|name| name == "mod.rs");
        let mut chain = home.chain.clone();
        let own = fs::canonicalize(&home.file).unwrap_or_else(|_| home.file.clone());
        chain.push(own);
        if chain.contains(&real) {
            return self.refuse(span, format!("circular modules: `{}`", file.display()));
        }
        let next = Home {
            folder: if is_mod_rs {
                parent.clone()
            } else {
                parent.join(&name)
            },
            path_base: parent,
            file,
            chain,
        };
        self.walk.outcome.module.push(name);
        self.walk.module_file(&next, Some((self.file, span)));
        self.walk.outcome.module.pop();
    }

    fn refuse(&mut self, span: Span, why: String) {
        self.walk
            .outcome
            .say("module", Level::Deny, self.file, text::start(span), why);
    }
}

/// A link that leads nowhere is there: to say why it cannot be read.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn path_attribute(attrs: &[Attribute]) -> Option<(String, Span)> {
    let attribute = attrs
        .iter()
        .find(|attribute| attribute.path().is_ident("path"))?;
    match &attribute.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(path),
                ..
            }) => Some((path.value(), path.span())),
            _ => None,
        },
        _ => None,
    }
}

/// Where `Migrate` stands among the tokens of a macro.
fn mentions_migrate(tokens: TokenStream) -> Option<Span> {
    let mut open = vec![tokens];
    while let Some(tokens) = open.pop() {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if ident == "Migrate" => return Some(ident.span()),
                TokenTree::Group(group) => open.push(group.stream()),
                _ => {}
            }
        }
    }
    None
}

/// The attributes of an item; `None` for what has none, or is not Rust that the parser knows.
fn attributes(item: &Item) -> Option<&Vec<Attribute>> {
    Some(match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return None,
    })
}

fn attributes_mut(item: &mut Item) -> Option<&mut Vec<Attribute>> {
    Some(match item {
        Item::Const(item) => &mut item.attrs,
        Item::Enum(item) => &mut item.attrs,
        Item::ExternCrate(item) => &mut item.attrs,
        Item::Fn(item) => &mut item.attrs,
        Item::ForeignMod(item) => &mut item.attrs,
        Item::Impl(item) => &mut item.attrs,
        Item::Macro(item) => &mut item.attrs,
        Item::Mod(item) => &mut item.attrs,
        Item::Static(item) => &mut item.attrs,
        Item::Struct(item) => &mut item.attrs,
        Item::Trait(item) => &mut item.attrs,
        Item::TraitAlias(item) => &mut item.attrs,
        Item::Type(item) => &mut item.attrs,
        Item::Union(item) => &mut item.attrs,
        Item::Use(item) => &mut item.attrs,
        _ => return None,
    })
}
