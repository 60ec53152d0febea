//! Rules about the changes of a table together.

use quote::ToTokens;

use crate::attribute::MigrationArgs;
use crate::build::{Draft, Place};
use crate::errors::Errors;
use crate::keys;
use crate::names;

/// All rules about a migration.
pub(crate) fn migration(
    args: &MigrationArgs,
    drafts: &[Draft],
    place: &Place<'_>,
    errors: &Errors,
) {
    something_is_annotated(drafts, place, errors);
    id_fits_into_the_ledger(args, errors);
    generation_is_positive(args, errors);
    columns_change_once(drafts, errors);
    keys_follow_the_phase(drafts, place, errors);
    old_columns_have_one_heir(drafts, errors);
    old_columns_are_gone_from_the_schema(drafts, place, errors);
    intermediate_columns_are_free(drafts, place, errors);
    all_are_of_one_strategy(drafts, errors);
    crate::carry::check(drafts, errors);
}

/// The changes of a table go through the phases together, and a rename in place takes other ones.
fn all_are_of_one_strategy(drafts: &[Draft], errors: &Errors) {
    let Some(in_place) = drafts.iter().find(|draft| draft.in_place()) else {
        return;
    };
    for draft in drafts.iter().filter(|draft| !draft.in_place()) {
        let (this, other) = (names::text(&draft.column), names::text(&in_place.column));
        let remedy = match draft.args.retype_from {
            // its values are others
            Some(_) => format!("remove `{}` there", keys::STRATEGY),
            None => format!("give both the same `{}`", keys::STRATEGY),
        };
        errors.at_span(
            draft.span,
            format!(
                "`{this}` is copied and `{other}` is renamed in place, but the changes of a table go through the phases together: \
                 {remedy}, or make one of them in a later migration\n{}",
                keys::help(keys::STRATEGY)
            ),
        );
    }
}

/// A migration changes something; not worth saying if what it changes could not be read.
fn something_is_annotated(drafts: &[Draft], place: &Place<'_>, errors: &Errors) {
    if drafts.is_empty() && errors.count() == 0 {
        errors.at_span(
            place.span,
            format!(
                "nothing changes here: put `#[{}(…)]` on the field that does, or remove the derive\n{}",
                keys::ATTRIBUTE,
                keys::help(keys::RENAME_FROM)
            ),
        );
    }
}

/// The id is a key of the ledger, and the version of a migration in `diesel_migrations`.
fn id_fits_into_the_ledger(args: &MigrationArgs, errors: &Errors) {
    let Some(id) = &args.id else {
        return;
    };
    let value = id.value.value();
    let flaw = if value.is_empty() {
        "is empty".to_owned()
    } else if value.chars().count() > names::MAX_ID_CHARS {
        format!(
            "has {} characters, {} are allowed",
            value.chars().count(),
            names::MAX_ID_CHARS
        )
    } else if value.trim() != value || value.chars().any(char::is_control) {
        "begins or ends with a blank, or contains a control character".to_owned()
    } else {
        return;
    };
    errors.at(
        &id.value,
        format!("the id {flaw}\n{}", keys::help(keys::ID)),
    );
}

/// Generations count from 1.
fn generation_is_positive(args: &MigrationArgs, errors: &Errors) {
    let Some(generation) = &args.generation else {
        return;
    };
    match generation.value.base10_parse::<u32>() {
        Ok(0) => errors.at(
            &generation.value,
            format!(
                "generations count from 1, which is the default\n{}",
                keys::help(keys::GENERATION)
            ),
        ),
        Ok(_) => {}
        Err(_) => errors.at(
            &generation.value,
            format!(
                "expected a number from 1 to {}\n{}",
                u32::MAX,
                keys::help(keys::GENERATION)
            ),
        ),
    }
}

/// A column changes in one way.
fn columns_change_once(drafts: &[Draft], errors: &Errors) {
    for (i, draft) in drafts.iter().enumerate() {
        if drafts[..i]
            .iter()
            .any(|earlier| names::text(&earlier.column) == names::text(&draft.column))
        {
            let column = names::text(&draft.column);
            errors.at_span(
                draft.span,
                format!("the column `{column}` is annotated twice: keep one of the annotations"),
            );
        }
    }
}

/// Diesel names the key in `find`, in an update of a record and in joins, through the schema: only the form on the table
/// makes that follow the phase. And Rust cannot convert what rows are found by.
fn keys_follow_the_phase(drafts: &[Draft], place: &Place<'_>, errors: &Errors) {
    for draft in drafts {
        let column = names::text(&draft.column);
        if !place
            .primary_key
            .iter()
            .any(|key| names::text(key) == column)
        {
            continue;
        }
        let in_sql = draft.args.up.is_some() && draft.args.down.is_some();
        let converts = draft.args.retype_from.is_some();
        if !place.key_follows {
            errors.at_span(
                draft.span,
                format!(
                    "`{column}` belongs to the primary key, which Diesel names in `find`, in the update of a record and in joins without \
                     asking a model\nhelp: declare the change on the table, where all of these follow the phase: \
                     `#[expand_contract::migrate({column}(…))]` on its `diesel::table!`\n\
                     note: the primary key is `id`, or what `#[diesel(primary_key(…))]` says"
                ),
            );
        } else if converts && !in_sql && !draft.args.is_broken {
            errors.at_span(
                draft.span,
                format!(
                    "`{column}` belongs to the primary key, by which rows are found while it changes: the database has to convert it\n\
                     help: give the conversion in SQL, such as `up = \"{column}::bigint\", down = \"{column}::integer\"`"
                ),
            );
        }
    }
}

/// Two columns cannot both take the place of one.
fn old_columns_have_one_heir(drafts: &[Draft], errors: &Errors) {
    let old_name = |draft: &Draft| {
        draft
            .args
            .rename_from
            .as_ref()
            .map(|given| given.value.value())
    };
    for (i, draft) in drafts.iter().enumerate() {
        let Some(name) = old_name(draft) else {
            continue;
        };
        let Some(earlier) = drafts[..i]
            .iter()
            .find(|earlier| old_name(earlier).as_ref() == Some(&name))
        else {
            continue;
        };
        errors.at(
            draft.args.rename_from.as_ref().map(|given| &given.value),
            format!(
                "`{}` comes from the old column `{name}` already, and a column has one successor: name another one",
                names::text(&earlier.column)
            ),
        );
    }
}

/// An old column that the schema still has under its own name would be read and written twice.
fn old_columns_are_gone_from_the_schema(drafts: &[Draft], place: &Place<'_>, errors: &Errors) {
    for draft in drafts {
        let Some(rename) = &draft.args.rename_from else {
            continue;
        };
        let old = rename.value.value();
        let still = place.columns.iter().find(|column| {
            column.database_name() == old
                && names::text(&column.ident) != names::text(&draft.column)
        });
        if let Some(still) = still {
            errors.at(
                &rename.value,
                format!(
                    "the old column `{old}` is also the column of `{}`: remove that one, or name the column that `{}` really comes from",
                    names::text(&still.ident),
                    names::text(&draft.column)
                ),
            );
        }
    }
}

/// The intermediate column is a new one.
fn intermediate_columns_are_free(drafts: &[Draft], place: &Place<'_>, errors: &Errors) {
    for (i, draft) in drafts.iter().enumerate() {
        let Some(via) = draft.via() else {
            continue;
        };
        let is_column = place.columns.iter().any(|column| {
            column.database_name() == via
                && names::text(&column.ident) != names::text(&draft.column)
        });
        let is_taken = drafts.iter().enumerate().any(|(j, other)| {
            let is_old = other
                .args
                .rename_from
                .as_ref()
                .is_some_and(|rename| rename.value.value() == via);
            is_old || (j < i && other.via().as_ref() == Some(&via))
        });
        if is_column || is_taken {
            let place = match &draft.args.via {
                Some(given) => given.value.to_token_stream(),
                None => draft.column.to_token_stream(),
            };
            errors.at(
                place,
                format!("the intermediate column `{via}` is another column already: give a free name\n{}", keys::help(keys::VIA)),
            );
        }
    }
}
