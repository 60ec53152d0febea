//! The field form: a struct that derives `Migrate`.

use syn::{DeriveInput, Ident};

use crate::attribute::{ChangeArgs, MigrationArgs, Repository};
use crate::build::{self, Draft, Place};
use crate::check;
use crate::diesel_attribute::FieldAttributes;
use crate::errors::Errors;
use crate::migration::{Migration, Rejected};
use crate::names;
use crate::record::{self, Record, Use};

/// An annotated struct.
#[derive(Debug, Clone)]
pub struct Model {
    /// The struct as Diesel's derives read it; has exactly one table.
    pub record: Record,
    /// What changes.
    pub migration: Migration,
    /// The repository on top.
    pub repository: Repository,
}

impl Model {
    /// Reads and checks an annotated struct.
    pub fn parse(input: &DeriveInput) -> Result<Self, Box<Rejected>> {
        let errors = Errors::new();
        let args = MigrationArgs::from_attributes(&input.attrs, &errors);
        let draft = record::Draft::read(input, args, Use::Migrate, &errors);
        let changes = read_changes(input, &draft, &errors);

        let columns: Vec<build::Column> = draft.record.fields.iter().filter_map(column).collect();
        let changed: Vec<Ident> = changes.iter().map(|change| change.column.clone()).collect();
        let place = Place {
            table: draft
                .record
                .table()
                .segments
                .last()
                .map(|last| names::text(&last.ident))
                .unwrap_or_default(),
            span: draft.record.ident.span(),
            primary_key: &draft.record.primary_key,
            key_follows: false,
            columns: &columns,
        };
        let repository = draft
            .args
            .repository
            .as_ref()
            .map(|given| given.value.clone());
        let stand_in = build::stand_in(
            &draft.args,
            changes
                .iter()
                .filter(|change| columns.iter().any(|column| column.ident == change.column)),
        );
        let migration = build::migration(&draft.args, changes, &place, &errors);
        match (errors.check(), migration) {
            (Ok(()), Some(migration)) => Ok(Model {
                record: draft.record,
                migration,
                repository: repository.unwrap_or_default(),
            }),
            (result, _) => {
                let unsaid =
                    || syn::Error::new(input.ident.span(), "the annotation could not be read");
                let error = result.err().unwrap_or_else(unsaid);
                let is_table_known = !draft.on_struct.tables.is_empty();
                Err(Box::new(Rejected {
                    error,
                    changed,
                    stand_in: is_table_known.then(|| {
                        Box::new(Model {
                            record: draft.record.clone(),
                            migration: stand_in,
                            repository: repository.unwrap_or_default(),
                        })
                    }),
                    record: draft.record,
                }))
            }
        }
    }
}

fn column(field: &record::Field) -> Option<build::Column> {
    let ident = field
        .column
        .clone()
        .filter(|_| !field.embed && field.select_expression.is_none())?;
    Some(build::Column { ident, name: None })
}

fn read_changes(input: &DeriveInput, draft: &record::Draft, errors: &Errors) -> Vec<Draft> {
    let syn::Data::Struct(data) = &input.data else {
        return Vec::new();
    };
    let fields = data
        .fields
        .iter()
        .zip(&draft.record.fields)
        .zip(&draft.on_fields);
    let read = |((field, read), on_field): ((&syn::Field, &record::Field), &FieldAttributes)| {
        let args = ChangeArgs::from_attributes(&field.attrs, errors)?;
        check::changed_field(on_field, errors);
        check::not_a_foreign_key(read, &draft.on_struct.foreign_keys, errors);
        Some(Draft {
            field: Some(read.member.clone()),
            rust_type: Some(read.ty.clone()),
            // Without a name there was an error already.
            column: read.column.clone()?,
            column_name: None,
            column_type: None,
            span: read.span,
            args,
        })
    };
    fields.filter_map(read).collect()
}
