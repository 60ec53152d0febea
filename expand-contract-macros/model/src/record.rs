//! A struct as Diesel's derives read it.

use proc_macro2::Span;
use quote::format_ident;
use syn::spanned::Spanned;
use syn::{
    Data, DeriveInput, Expr, Fields, GenericArgument, Generics, Ident, Index, Member, Path,
    PathArguments, Type, Visibility,
};

use crate::attribute::MigrationArgs;
use crate::check;
use crate::diesel_attribute::{CheckForBackend, FieldAttributes, StructAttributes};
use crate::errors::Errors;
use crate::migration::Rejected;
use crate::names;

/// The derive a struct is read for; each accepts what Diesel's derive of the name accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Use {
    /// `Insertable`.
    Insertable,
    /// `AsChangeset`.
    AsChangeset,
    /// `Selectable`.
    Selectable,
    /// `Migrate`, which needs exactly one explicit table.
    Migrate,
}

/// A struct over a table.
#[derive(Debug, Clone)]
pub struct Record {
    /// The struct.
    pub ident: Ident,
    /// Its visibility.
    pub vis: Visibility,
    /// Its generics.
    pub generics: Generics,
    /// Its tables; never empty: without `table_name` the one that Diesel infers.
    pub tables: Vec<Path>,
    /// The columns of `#[diesel(primary_key(…))]`, or `id`.
    pub primary_key: Vec<Ident>,
    /// `#[diesel(check_for_backend(…))]`.
    pub check_for_backend: Option<CheckForBackend>,
    /// `#[diesel(base_query = …)]`.
    pub base_query: Option<Expr>,
    /// `#[diesel(base_query_type = …)]`.
    pub base_query_type: Option<Type>,
    /// Whether the fields have names.
    pub is_named: bool,
    /// The fields, all of them, in order.
    pub fields: Vec<Field>,
    /// The path to the core crate.
    pub krate: Path,
}

/// A field of a [`Record`].
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name or index.
    pub member: Member,
    /// Its visibility.
    pub vis: Visibility,
    /// Its type.
    pub ty: Type,
    /// Its column's identifier; `None` only where the derive needs none (an embedded or skipped field of a tuple struct).
    pub column: Option<Ident>,
    /// `#[diesel(embed)]`.
    pub embed: bool,
    /// `#[diesel(skip_insertion)]`.
    pub skip_insertion: bool,
    /// `#[diesel(skip_update)]`.
    pub skip_update: bool,
    /// The field's `treat_none_as_default_value`, else the struct's, else Diesel's default: true.
    pub treat_none_as_default_value: bool,
    /// The field's `treat_none_as_null`, else the struct's, else Diesel's default: false.
    pub treat_none_as_null: bool,
    /// `#[diesel(serialize_as = …)]`.
    pub serialize_as: Option<Type>,
    /// `#[diesel(deserialize_as = …)]`.
    pub deserialize_as: Option<Type>,
    /// `#[diesel(select_expression = …)]`.
    pub select_expression: Option<Expr>,
    /// `#[diesel(select_expression_type = …)]`.
    pub select_expression_type: Option<Type>,
    /// Where errors about the field point: its name, or its type in a tuple struct.
    pub span: Span,
}

impl Field {
    /// `T`, if the type is `Option<T>` by its looks, as Diesel's derives see it.
    pub fn option_of(&self) -> Option<&Type> {
        option_of(&self.ty)
    }
}

/// What was read so far, errors or not.
pub(crate) struct Draft {
    pub(crate) record: Record,
    pub(crate) on_struct: StructAttributes,
    pub(crate) on_fields: Vec<FieldAttributes>,
    pub(crate) args: MigrationArgs,
}

impl Record {
    /// Reads a struct for one of the derives.
    ///
    /// Of `#[migrate(…)]` only `crate` is looked at: the rest is for the `Migrate` derive to report.
    pub fn parse(input: &DeriveInput, purpose: Use) -> Result<Self, Box<Rejected>> {
        let errors = Errors::new();
        let others = Errors::new();
        let args = MigrationArgs::from_attributes(&input.attrs, &others);
        let _ = others.check();
        let draft = Draft::read(input, args, purpose, &errors);
        match errors.check() {
            Ok(()) => Ok(draft.record),
            Err(error) => Err(Box::new(Rejected {
                error,
                record: draft.record,
                changed: Vec::new(),
                stand_in: None,
            })),
        }
    }

    /// The only table of a derive that allows no second one.
    pub fn table(&self) -> &Path {
        &self.tables[0]
    }

    /// Whether the column belongs to the primary key.
    pub fn is_key(&self, column: &Ident) -> bool {
        let column = names::text(column);
        self.primary_key
            .iter()
            .any(|key| names::text(key) == column)
    }

    /// The fields that an insert writes.
    pub fn insert_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !field.skip_insertion)
    }

    /// The fields that a changeset writes: neither skipped nor of the primary key.
    pub fn changeset_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| {
            !field.skip_update
                && !field
                    .column
                    .as_ref()
                    .is_some_and(|column| self.is_key(column))
        })
    }
}

impl Draft {
    pub(crate) fn read(
        input: &DeriveInput,
        args: MigrationArgs,
        purpose: Use,
        errors: &Errors,
    ) -> Self {
        let on_struct = StructAttributes::read(&input.attrs, errors);
        let fields = match &input.data {
            Data::Struct(data) => Some(&data.fields),
            Data::Enum(_) | Data::Union(_) => None,
        };
        let on_fields: Vec<FieldAttributes> = fields
            .into_iter()
            .flatten()
            .map(|field| FieldAttributes::read(&field.attrs, errors))
            .collect();
        let read = fields
            .into_iter()
            .flatten()
            .zip(&on_fields)
            .enumerate()
            .map(|(index, (field, on_field))| read_field(index, field, on_field, &on_struct))
            .collect();
        let tables = match on_struct.tables.as_slice() {
            [] => vec![format_ident!(
                "{}",
                names::inferred_table(&names::text(&input.ident)),
                span = input.ident.span()
            )
            .into()],
            given => given.iter().map(|(_, table)| table.clone()).collect(),
        };
        let draft = Draft {
            record: Record {
                ident: input.ident.clone(),
                vis: input.vis.clone(),
                generics: input.generics.clone(),
                tables,
                primary_key: on_struct
                    .primary_key
                    .clone()
                    .unwrap_or_else(|| vec![Ident::new("id", input.ident.span())]),
                check_for_backend: on_struct.check_for_backend.clone(),
                base_query: on_struct.base_query.clone(),
                base_query_type: on_struct.base_query_type.clone(),
                is_named: matches!(fields, Some(Fields::Named(_))),
                fields: read,
                krate: args.krate(),
            },
            on_struct,
            on_fields,
            args,
        };
        check::record(input, &draft, purpose, errors);
        draft
    }
}

fn read_field(
    index: usize,
    field: &syn::Field,
    read: &FieldAttributes,
    on_struct: &StructAttributes,
) -> Field {
    let span = field
        .ident
        .as_ref()
        .map_or_else(|| field.ty.span(), Ident::span);
    Field {
        member: match &field.ident {
            Some(ident) => Member::Named(ident.clone()),
            None => Member::Unnamed(Index {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                span,
            }),
        },
        vis: field.vis.clone(),
        ty: field.ty.clone(),
        column: read.column_name.clone().or_else(|| field.ident.clone()),
        embed: read.embed.is_some(),
        skip_insertion: read.skip_insertion,
        skip_update: read.skip_update,
        treat_none_as_default_value: read
            .treat_none_as_default_value
            .or(on_struct.treat_none_as_default_value)
            .unwrap_or(true),
        treat_none_as_null: read
            .treat_none_as_null
            .or(on_struct.treat_none_as_null)
            .unwrap_or(false),
        serialize_as: read.serialize_as.clone().map(|(_, ty)| ty),
        deserialize_as: read.deserialize_as.clone().map(|(_, ty)| ty),
        select_expression: read
            .select_expression
            .clone()
            .map(|(_, expression)| expression),
        select_expression_type: read.select_expression_type.clone(),
        span,
    }
}

/// `T` of `Option<T>`, by the last segment's name, as in Diesel: `std::option::Option<T>` too.
pub fn option_of(mut ty: &Type) -> Option<&Type> {
    loop {
        match ty {
            Type::Group(group) => ty = &group.elem,
            Type::Paren(paren) => ty = &paren.elem,
            Type::Path(path) => {
                let last = path
                    .path
                    .segments
                    .last()
                    .filter(|segment| segment.ident == "Option")?;
                let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                    return None;
                };
                return match arguments.args.last() {
                    Some(GenericArgument::Type(inner)) => Some(inner),
                    _ => None,
                };
            }
            _ => return None,
        }
    }
}
