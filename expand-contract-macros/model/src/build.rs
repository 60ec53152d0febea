//! From keys as written to a [`Migration`]: the part that both forms share.

use proc_macro2::Span;
use syn::{Ident, LitStr, Member, Type, TypePath};

use crate::attribute::{ChangeArgs, Given, MigrationArgs};
use crate::check;
use crate::errors::Errors;
use crate::migration::{Change, Conversion, Migration, PerDialect, Strategy};
use crate::names;
use crate::sql::{cut, Flaw, Sql, SqlExpr};

/// A change as written.
pub(crate) struct Draft {
    pub(crate) field: Option<Member>,
    pub(crate) rust_type: Option<Type>,
    pub(crate) column: Ident,
    /// `#[sql_name]` or the identifier; `None` where it is not known.
    pub(crate) column_name: Option<String>,
    pub(crate) column_type: Option<TypePath>,
    pub(crate) span: Span,
    pub(crate) args: ChangeArgs,
}

impl Draft {
    /// What the new column may be called in SQL.
    pub(crate) fn new_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.column_name.iter().cloned().collect();
        let ident = names::text(&self.column);
        if !names.contains(&ident) {
            names.push(ident);
        }
        names
    }

    /// What the old column may be called in SQL.
    pub(crate) fn old_names(&self) -> Vec<String> {
        match &self.args.rename_from {
            Some(rename) => vec![rename.value.value()],
            None => self.new_names(),
        }
    }

    /// Whether the old column takes the new name.
    pub(crate) fn in_place(&self) -> bool {
        let strategy = self.args.strategy.as_ref();
        strategy.is_some_and(|given| given.value == Strategy::InPlace)
    }

    /// The column beside the other two: of a retype that keeps its name, or the marker of a rename in place.
    pub(crate) fn via(&self) -> Option<String> {
        let keeps_its_name = self.args.rename_from.is_none() && self.args.retype_from.is_some();
        if !keeps_its_name && !self.in_place() {
            return None;
        }
        Some(match &self.args.via {
            Some(via) => via.value.value(),
            None => names::default_via(&names::text(&self.column)),
        })
    }
}

/// A column of the table, as far as the form knows it.
pub(crate) struct Column {
    pub(crate) ident: Ident,
    /// `#[sql_name]`.
    pub(crate) name: Option<String>,
}

impl Column {
    /// The name in the database, as far as it is known.
    pub(crate) fn database_name(&self) -> String {
        self.name
            .clone()
            .unwrap_or_else(|| names::text(&self.ident))
    }
}

/// The table around the changes.
pub(crate) struct Place<'a> {
    pub(crate) table: String,
    /// For errors about the whole.
    pub(crate) span: Span,
    pub(crate) primary_key: &'a [Ident],
    /// Whether what names the key through the schema (`find`, an update of a record, joins) follows the phase.
    pub(crate) key_follows: bool,
    pub(crate) columns: &'a [Column],
}

/// Checks everything; `None` only if there was an error.
pub(crate) fn migration(
    args: &MigrationArgs,
    drafts: Vec<Draft>,
    place: &Place<'_>,
    errors: &Errors,
) -> Option<Migration> {
    for draft in &drafts {
        check::change(draft, errors);
    }
    check::migration(args, &drafts, place, errors);

    let id = match &args.id {
        Some(id) => id.value.value(),
        None => names::default_id(
            &place.table,
            drafts.iter().map(|draft| names::text(&draft.column)),
        ),
    };
    let generation = args
        .generation
        .as_ref()
        .map_or(Some(1), |given| given.value.base10_parse().ok());
    let changes: Vec<Option<Change>> = drafts
        .into_iter()
        .map(|draft| change(draft, errors))
        .collect();
    Some(Migration {
        id,
        generation: generation?,
        changes: changes.into_iter().collect::<Option<_>>()?,
        krate: args.krate(),
    })
}

/// A migration of the same columns that leaves names and values as they are.
pub(crate) fn stand_in<'a>(
    args: &MigrationArgs,
    drafts: impl IntoIterator<Item = &'a Draft>,
) -> Migration {
    let mut changes: Vec<Change> = Vec::new();
    for draft in drafts {
        if changes
            .iter()
            .any(|earlier| names::text(&earlier.column) == names::text(&draft.column))
        {
            continue;
        }
        changes.push(Change {
            field: draft.field.clone(),
            rust_type: draft.rust_type.clone(),
            column: draft.column.clone(),
            column_name: draft.column_name.clone(),
            column_type: draft.column_type.clone(),
            old_name: None,
            via: None,
            strategy: Strategy::Copy,
            retype_from: None,
            old_type: None,
            conversion: Conversion::Identity,
            lossless: true,
            monotonic: true,
            sql_type: PerDialect::default(),
            carry: Vec::new(),
            span: draft.span,
        });
    }
    Migration {
        id: String::new(),
        generation: 1,
        changes,
        krate: args.krate(),
    }
}

/// `None` only if there was an error.
fn change(draft: Draft, errors: &Errors) -> Option<Change> {
    let conversion = conversion(&draft, errors);
    let via = draft.via();
    let carry = crate::carry::carried(&draft, errors);
    let args = draft.args;
    let is_identity = matches!(conversion, Some(Conversion::Identity));
    Some(Change {
        field: draft.field,
        rust_type: draft
            .rust_type
            .or_else(|| args.new_type.map(|given| given.value)),
        column: draft.column,
        column_name: draft.column_name,
        column_type: draft.column_type,
        old_name: args.rename_from.map(|given| given.value),
        via,
        strategy: args.strategy.map(|given| given.value).unwrap_or_default(),
        retype_from: args.retype_from.map(|given| given.value),
        old_type: args.old_type.map(|given| given.value),
        conversion: conversion?,
        lossless: is_identity || args.lossless.is_some(),
        monotonic: is_identity || args.monotonic.is_some(),
        sql_type: args.sql_type.map(|given| given.value).unwrap_or_default(),
        carry,
        span: draft.span,
    })
}

/// `None` only if there was an error.
fn conversion(draft: &Draft, errors: &Errors) -> Option<Conversion> {
    let args = &draft.args;
    let (old, new) = (draft.old_names(), draft.new_names());
    // Where the name is kept, the other column has no name of its own.
    let other = |names: &[String]| {
        if args.rename_from.is_some() {
            names.to_vec()
        } else {
            Vec::new()
        }
    };
    // Then no rule can be broken about which column an expression names.
    let is_unknown = args.is_broken || old.iter().any(String::is_empty);
    let expression = |given: &Given<PerDialect<LitStr>>, column: &[String], other: &[String]| {
        let keep = |flaw: &Flaw| {
            !(is_unknown && matches!(flaw, Flaw::NeverNames { .. } | Flaw::NamesOther { .. }))
        };
        expression(given, column, other, &|literal, flaw| {
            if keep(&flaw) {
                errors.at(literal, format!("`{}`: {flaw}", given.key));
            }
        })
    };
    let up = args
        .up
        .as_ref()
        .map(|up| expression(up, &old, &other(&new)));
    let down = args
        .down
        .as_ref()
        .map(|down| expression(down, &new, &other(&old)));
    let functions = (&args.up_with, &args.down_with);
    match (up, down, functions) {
        _ if args.retype_from.is_none() => Some(Conversion::Identity),
        (Some(up), Some(down), _) => Some(Conversion::Sql {
            up: up?,
            down: down?,
        }),
        (None, None, (Some(up), Some(down))) => Some(Conversion::Functions {
            up: up.value.clone(),
            down: down.value.clone(),
        }),
        (None, None, (None, None)) => Some(Conversion::Traits),
        // Refused by a rule: one direction is missing.
        _ => None,
    }
}

fn expression(
    given: &Given<PerDialect<LitStr>>,
    column: &[String],
    other: &[String],
    report: &dyn Fn(&LitStr, Flaw),
) -> Option<SqlExpr> {
    let column: Vec<&str> = column.iter().map(String::as_str).collect();
    let other: Vec<&str> = other.iter().map(String::as_str).collect();
    let mut all_right = true;
    let cut = given.value.clone().map(|grammar, literal| {
        let parts = cut(&literal.value(), grammar, &column, &other).unwrap_or_else(|flaw| {
            report(&literal, flaw);
            all_right = false;
            Vec::new()
        });
        Sql { literal, parts }
    });
    all_right.then_some(cut)
}
