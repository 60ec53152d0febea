//! Rules about a struct: Diesel's own, and what a changed field cannot be.

use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields};

use crate::diesel_attribute::FieldAttributes;
use crate::errors::Errors;
use crate::keys;
use crate::names;
use crate::record::{Draft, Field, Use};

/// All rules about a struct, whatever derive it is read for.
pub(crate) fn record(input: &DeriveInput, draft: &Draft, purpose: Use, errors: &Errors) {
    is_a_struct_with_fields(input, errors);
    tables_are_as_many_as_the_derive_takes(draft, purpose, errors);
    for (field, read) in draft.record.fields.iter().zip(&draft.on_fields) {
        column_is_known(field, read, purpose, errors);
        embed_stands_alone(field, read, purpose, errors);
        none_is_an_option(field, read, purpose, errors);
    }
    changeset_writes_something(draft, purpose, errors);
}

/// All rules about an annotated field of a struct that derives `Migrate`.
pub(crate) fn changed_field(read: &FieldAttributes, errors: &Errors) {
    changed_field_is_a_column(read, errors);
    changed_field_converts_by_the_annotation(read, errors);
}

/// Enums, unions and unit structs have no columns.
fn is_a_struct_with_fields(input: &DeriveInput, errors: &Errors) {
    let what = match &input.data {
        Data::Enum(_) => "an enum",
        Data::Union(_) => "a union",
        Data::Struct(data) if matches!(data.fields, Fields::Unit) => "a struct without fields",
        Data::Struct(_) => return,
    };
    errors.at(
        &input.ident,
        format!(
            "`{}` is {what}, and has no columns: derive this on a struct with a field per column",
            input.ident
        ),
    );
}

/// Only `Insertable` is derived for several tables; `Migrate` guesses none.
fn tables_are_as_many_as_the_derive_takes(draft: &Draft, purpose: Use, errors: &Errors) {
    if purpose == Use::Migrate && draft.on_struct.tables.is_empty() && !draft.on_struct.is_broken {
        errors.at(
            &draft.record.ident,
            "nothing says which table changes\nhelp: the correct format looks like `#[diesel(table_name = my_table)]`",
        );
    }
    if purpose != Use::Insertable {
        for (key, _) in draft.on_struct.tables.iter().skip(1) {
            errors.at(
                key,
                "expected a single `table_name`: remove this one, and give the other table a struct of its own",
            );
        }
    }
}

/// A field of a tuple struct has no name that could be its column's.
fn column_is_known(field: &Field, read: &FieldAttributes, purpose: Use, errors: &Errors) {
    let needs_none = match purpose {
        Use::Insertable => field.embed || field.skip_insertion,
        Use::AsChangeset => field.embed || field.skip_update,
        Use::Selectable => field.embed || field.select_expression.is_some(),
        Use::Migrate => field.embed,
    };
    if field.column.is_none() && !needs_none && !read.is_broken {
        errors.at(
            &field.ty,
            "a field of a tuple struct does not say which column it is\n\
             help: the correct format looks like `#[diesel(column_name = my_column)]`",
        );
    }
}

/// An embedded struct says by itself how its fields are written.
fn embed_stands_alone(field: &Field, read: &FieldAttributes, purpose: Use, errors: &Errors) {
    let Some(embed) = &read.embed else {
        return;
    };
    let writes = match purpose {
        Use::Insertable => !field.skip_insertion,
        Use::AsChangeset => !field.skip_update,
        Use::Selectable | Use::Migrate => false,
    };
    if !writes {
        return;
    }
    let others = [
        ("serialize_as", read.serialize_as.is_some()),
        (
            "treat_none_as_default_value",
            purpose == Use::Insertable && read.treat_none_as_default_value.is_some(),
        ),
        (
            "treat_none_as_null",
            purpose == Use::AsChangeset && read.treat_none_as_null.is_some(),
        ),
    ];
    for (other, is_given) in others {
        if is_given {
            errors.at(
                embed,
                format!("`embed` and `{other}` are mutually exclusive: put `{other}` into the embedded struct"),
            );
        }
    }
}

/// What is said about `None` needs a field that can be it.
fn none_is_an_option(field: &Field, read: &FieldAttributes, purpose: Use, errors: &Errors) {
    let key = match purpose {
        Use::Insertable if read.treat_none_as_default_value.is_some() && !field.skip_insertion => {
            "treat_none_as_default_value"
        }
        Use::AsChangeset if read.treat_none_as_null.is_some() && !field.skip_update => {
            "treat_none_as_null"
        }
        _ => return,
    };
    if !field.embed && field.option_of().is_none() {
        errors.at_span(
            field.ty.span(),
            format!("`{key}` is about `None`: expected the field to be of type `Option<_>`"),
        );
    }
}

/// A changeset never changes the primary key.
fn changeset_writes_something(draft: &Draft, purpose: Use, errors: &Errors) {
    let record = &draft.record;
    let is_key = |field: &Field| {
        field
            .column
            .as_ref()
            .is_some_and(|column| record.is_key(column))
    };
    if purpose == Use::AsChangeset && !record.fields.is_empty() && record.fields.iter().all(is_key)
    {
        let key = names::text(&record.primary_key[0]);
        errors.at(
            &record.ident,
            format!(
                "a changeset never changes the primary key, and there is no other field\n\
                 help: to change the key of a row, write `.set(my_table::{key}.eq(new_key))`"
            ),
        );
    }
}

/// What changes is a column, read under the name that the phase gives it.
fn changed_field_is_a_column(read: &FieldAttributes, errors: &Errors) {
    if let Some(embed) = &read.embed {
        errors.at(
            embed,
            format!(
                "an embedded struct is not a column: put `#[{}(…)]` on the field of the embedded struct, and derive `Migrate` there",
                keys::ATTRIBUTE
            ),
        );
    }
    if let Some((key, _)) = &read.select_expression {
        errors.at(
            key,
            format!(
                "`select_expression` reads the same column in every phase: remove it, or declare the change on the table, \
                 with `#[expand_contract::{}(…)]` above its `diesel::table!`",
                keys::ATTRIBUTE
            ),
        );
    }
}

/// One conversion per direction: a second one would be applied to the old column, too.
fn changed_field_converts_by_the_annotation(read: &FieldAttributes, errors: &Errors) {
    let serialize = read
        .serialize_as
        .iter()
        .map(|(key, _)| (key, keys::DOWN_WITH));
    let deserialize = read
        .deserialize_as
        .iter()
        .map(|(key, _)| (key, keys::UP_WITH));
    for (key, instead) in serialize.chain(deserialize) {
        errors.at(
            key,
            format!(
                "`{key}` cannot be combined with a change of the same field: put the conversion into `{}` and `{}`\n{}",
                keys::UP_WITH,
                keys::DOWN_WITH,
                keys::help(instead)
            ),
        );
    }
}

/// Diesel's associations name the column of the schema in every phase.
pub(crate) fn not_a_foreign_key(field: &Field, foreign_keys: &[syn::Ident], errors: &Errors) {
    let Some(column) = &field.column else {
        return;
    };
    let column = names::text(column);
    if foreign_keys.iter().any(|key| names::text(key) == column) {
        errors.at_span(
            field.span,
            format!(
                "`{column}` is the foreign key of a `belongs_to`, by which Diesel reads the new column in every phase: \
                 remove the `belongs_to` until the migration is contracted, and write the join with `.on(…)` or the filter \
                 with `.eq_any(…)`"
            ),
        );
    }
}
