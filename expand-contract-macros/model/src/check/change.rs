//! Rules about one change.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::LitStr;

use super::flaw_of_identifier;
use crate::attribute::Given;
use crate::build::Draft;
use crate::errors::Errors;
use crate::keys;
use crate::migration::PerDialect;
use crate::names;

/// All rules about one change.
pub(crate) fn change(draft: &Draft, errors: &Errors) {
    names_are_identifiers(draft, errors);
    rename_is_to_another_name(draft, errors);
    via_is_for_a_kept_name(draft, errors);
    only_a_rename_is_in_place(draft, errors);
    sql_type_is_written(draft, errors);
    conversion_is_sql_or_rust(draft, errors);
    new_type_is_for_a_table(draft, errors);
    // What seems to be missing may be what could not be read.
    if !draft.args.is_broken {
        something_changes(draft, errors);
        sql_has_both_directions(draft, errors);
        sql_covers_the_same_dialects(draft, errors);
        functions_have_both_directions(draft, errors);
        rust_conversion_knows_the_old_type(draft, errors);
        rust_conversion_knows_the_new_type(draft, errors);
        conversion_is_for_a_retype(draft, errors);
    }
}

/// A change is a rename, a retype or both.
fn something_changes(draft: &Draft, errors: &Errors) {
    if draft.args.rename_from.is_none() && draft.args.retype_from.is_none() {
        errors.at_span(
            draft.span,
            format!(
                "`{}` is annotated, but nothing says what it changes from: give `{}`, `{}` or both\n{}",
                names::text(&draft.column),
                keys::RENAME_FROM,
                keys::RETYPE_FROM,
                keys::help(keys::RENAME_FROM)
            ),
        );
    }
}

/// Names given in the annotation, and the column's own, are names in every database.
fn names_are_identifiers(draft: &Draft, errors: &Errors) {
    for given in [&draft.args.rename_from, &draft.args.via]
        .into_iter()
        .flatten()
    {
        if let Some(flaw) = flaw_of_identifier(&given.value.value()) {
            errors.at(
                &given.value,
                format!(
                    "the column's name {flaw}\n{}",
                    keys::help(&given.key.to_string())
                ),
            );
        }
    }
    if let Some(flaw) = draft.column_name.as_deref().and_then(flaw_of_identifier) {
        errors.at_span(
            draft.span,
            format!("the name of the column in the database {flaw}"),
        );
    }
}

/// `rename_from` the column itself is no rename; a retype that keeps the name is written without.
fn rename_is_to_another_name(draft: &Draft, errors: &Errors) {
    let Some(rename) = &draft.args.rename_from else {
        return;
    };
    let own_name = draft
        .column_name
        .clone()
        .unwrap_or_else(|| names::text(&draft.column));
    if rename.value.value() != own_name {
        return;
    }
    let help = if draft.args.retype_from.is_some() {
        "a retype that keeps the name is written without it".to_owned()
    } else {
        format!(
            "name the column of the previous release\n{}",
            keys::help(keys::RENAME_FROM)
        )
    };
    errors.at(
        &rename.value,
        format!(
            "`{own_name}` is the column itself, so `{}` renames nothing: {help}",
            keys::RENAME_FROM
        ),
    );
}

/// Without `retype_from` values stay as they are, and there is nothing to say about their conversion.
fn conversion_is_for_a_retype(draft: &Draft, errors: &Errors) {
    let args = &draft.args;
    // with neither, it is another rule that speaks
    if args.retype_from.is_some() || args.rename_from.is_none() {
        return;
    }
    let given = [
        args.up.as_ref().map(|given| &given.key),
        args.down.as_ref().map(|given| &given.key),
        args.up_with.as_ref().map(|given| &given.key),
        args.down_with.as_ref().map(|given| &given.key),
        args.old_type.as_ref().map(|given| &given.key),
        new_type_of_a_table(draft).map(|given| &given.key),
        args.lossless.as_ref().map(|given| &given.key),
        args.monotonic.as_ref().map(|given| &given.key),
    ];
    for key in given.into_iter().flatten() {
        errors.at(
            key,
            format!(
                "a rename alone does not convert values, so `{key}` says nothing: remove it, or add `{}` if the type changes too\n{}",
                keys::RETYPE_FROM,
                keys::help(keys::RETYPE_FROM)
            ),
        );
    }
}

/// A column that takes another name holds the values that it held.
fn only_a_rename_is_in_place(draft: &Draft, errors: &Errors) {
    let Some(strategy) = draft.args.strategy.as_ref().filter(|_| draft.in_place()) else {
        return;
    };
    if draft.args.retype_from.is_some() {
        errors.at(
            &strategy.key,
            format!(
                "`{key} = in_place` renames the column with its values as they are, and `{retype}` makes others of them: remove `{key}`, \
                 or rename first and retype in a later migration\n{}",
                keys::help(keys::STRATEGY),
                key = strategy.key,
                retype = keys::RETYPE_FROM,
            ),
        );
    }
    let args = &draft.args;
    let kept = [
        args.sql_type.as_ref().map(|given| &given.key),
        args.carry.as_ref().map(|given| &given.key),
        args.drop.as_ref().map(|given| &given.key),
    ];
    for key in kept.into_iter().flatten() {
        errors.at(
            key,
            format!(
                "the column keeps its type and everything that is on it where it is only renamed: remove `{key}`"
            ),
        );
    }
}

/// Only a retype that keeps its name needs a second name in between, and a rename in place one for its marker.
fn via_is_for_a_kept_name(draft: &Draft, errors: &Errors) {
    let Some(via) = &draft.args.via else {
        return;
    };
    let renamed = draft.args.rename_from.as_ref();
    if let Some(rename) = renamed.filter(|_| !draft.in_place()) {
        errors.at(
            &via.key,
            format!(
                "`{}` is for a retype that keeps the column's name; here `{}` gives two names already: remove `{}`",
                keys::VIA,
                rename.key,
                keys::VIA
            ),
        );
    } else if draft.new_names().contains(&via.value.value()) {
        errors.at(
            &via.value,
            format!(
                "the intermediate column cannot be called as the column itself\n{}",
                keys::help(keys::VIA)
            ),
        );
    }
}

/// `sql_type` goes into `ADD COLUMN` as it is.
fn sql_type_is_written(draft: &Draft, errors: &Errors) {
    for literal in draft
        .args
        .sql_type
        .iter()
        .flat_map(|given| given.value.iter())
        .map(|(_, literal)| literal)
    {
        if literal.value().trim().is_empty() {
            errors.at(
                literal,
                format!("the column's type is empty\n{}", keys::help(keys::SQL_TYPE)),
            );
        }
    }
}

/// The database converts, or the application does.
fn conversion_is_sql_or_rust(draft: &Draft, errors: &Errors) {
    let args = &draft.args;
    let Some(sql) = args.up.as_ref().or(args.down.as_ref()) else {
        return;
    };
    for function in [&args.up_with, &args.down_with].into_iter().flatten() {
        errors.at(
            &function.key,
            format!(
                "`{}` converts in SQL and `{}` in Rust: keep `{}` and `{}`, or `{}` and `{}`",
                sql.key,
                function.key,
                keys::UP,
                keys::DOWN,
                keys::UP_WITH,
                keys::DOWN_WITH
            ),
        );
    }
}

/// New code writes the old column from its first day, so no change can do without `down`, nor without `up`.
fn sql_has_both_directions(draft: &Draft, errors: &Errors) {
    let args = &draft.args;
    if args.retype_from.is_some() && args.up_with.is_none() && args.down_with.is_none() {
        both_directions(
            args.up.as_ref(),
            args.down.as_ref(),
            [keys::UP, keys::DOWN],
            errors,
        );
    }
}

/// As for SQL.
fn functions_have_both_directions(draft: &Draft, errors: &Errors) {
    let args = &draft.args;
    if args.retype_from.is_some() && args.up.is_none() && args.down.is_none() {
        let keys = [keys::UP_WITH, keys::DOWN_WITH];
        both_directions(args.up_with.as_ref(), args.down_with.as_ref(), keys, errors);
    }
}

fn both_directions<T>(
    up: Option<&Given<T>>,
    down: Option<&Given<T>>,
    [up_key, down_key]: [&str; 2],
    errors: &Errors,
) {
    match (up, down) {
        (Some(up), None) => errors.at(
            &up.key,
            format!(
                "`{up_key}` without `{down_key}`: new code writes the old column from its first day, so the way back is needed too\n{}",
                keys::help(down_key)
            ),
        ),
        (None, Some(down)) => errors.at(
            &down.key,
            format!(
                "`{down_key}` without `{up_key}`: the rows that exist are converted by `{up_key}`\n{}",
                keys::help(up_key)
            ),
        ),
        _ => {}
    }
}

/// Where `up` converts, `down` does.
fn sql_covers_the_same_dialects(draft: &Draft, errors: &Errors) {
    let (Some(up), Some(down)) = (&draft.args.up, &draft.args.down) else {
        return;
    };
    covers(down, up, errors);
    covers(up, down, errors);
}

/// Whether `one` has an expression wherever `other` has one.
fn covers(one: &Given<PerDialect<LitStr>>, other: &Given<PerDialect<LitStr>>, errors: &Errors) {
    if one.value.any.is_some() {
        return;
    }
    let missing = |dialect: &str| {
        format!(
            "`{}` has no expression for `{dialect}`, but `{}` has one: give it, or `{} = \"…\"`\nhelp: the correct format looks like `#[{}({}({}))]`",
            one.key,
            other.key,
            keys::ANY,
            keys::ATTRIBUTE,
            one.key,
            keys::format(dialect)
        )
    };
    let dialects = [
        (keys::ANY, other.value.any.is_some()),
        (
            keys::POSTGRES,
            other.value.postgres.is_some() && one.value.postgres.is_none(),
        ),
        (
            keys::SQLITE,
            other.value.sqlite.is_some() && one.value.sqlite.is_none(),
        ),
    ];
    for (dialect, is_missing) in dialects {
        if is_missing {
            errors.at(&one.key, missing(dialect));
        }
    }
}

/// A conversion in Rust needs a type to convert from; a macro cannot infer it.
fn rust_conversion_knows_the_old_type(draft: &Draft, errors: &Errors) {
    let args = &draft.args;
    let Some(retype) = &args.retype_from else {
        return;
    };
    if args.old_type.is_some() || args.up.is_some() || args.down.is_some() {
        return;
    }
    let function = args.up_with.as_ref().or(args.down_with.as_ref());
    let (place, converts): (TokenStream, String) = match function {
        Some(function) => (
            function.key.to_token_stream(),
            format!("`{}` converts", function.key),
        ),
        None => (
            retype.key.to_token_stream(),
            "without a conversion in SQL or a function, `TryFrom` or `From` converts".to_owned(),
        ),
    };
    let alternative = match function {
        Some(_) => String::new(),
        None => format!(
            "\nhelp: or convert in SQL: `#[{}({}, {})]`",
            keys::ATTRIBUTE,
            keys::format(keys::UP),
            keys::format(keys::DOWN)
        ),
    };
    errors.at(
        place,
        format!(
            "{converts}, and needs the Rust type of the old column: add `{}`\n{}{alternative}",
            keys::OLD_TYPE,
            keys::help(keys::OLD_TYPE)
        ),
    );
}

/// As for the old type: a field says what the new one is, a table does not.
fn rust_conversion_knows_the_new_type(draft: &Draft, errors: &Errors) {
    let args = &draft.args;
    let Some(retype) = &args.retype_from else {
        return;
    };
    if draft.field.is_some() || args.new_type.is_some() || args.up.is_some() || args.down.is_some()
    {
        return;
    }
    let function = args.up_with.as_ref().or(args.down_with.as_ref());
    let place = function.map_or(&retype.key, |function| &function.key);
    errors.at(
        place,
        format!(
            "Rust converts, and on a table no field says the Rust type of the new column: add `{}`\n{}",
            keys::NEW_TYPE,
            keys::help_in_list(keys::NEW_TYPE)
        ),
    );
}

/// On a field the new type is the field's.
fn new_type_is_for_a_table(draft: &Draft, errors: &Errors) {
    if let (Some(_), Some(new_type)) = (&draft.field, &draft.args.new_type) {
        errors.at(
            &new_type.key,
            format!(
                "the Rust type of the new column is the field's: remove `{}`, which is for the annotation of a `diesel::table!`",
                keys::NEW_TYPE
            ),
        );
    }
}

fn new_type_of_a_table(draft: &Draft) -> Option<&Given<syn::Type>> {
    draft
        .args
        .new_type
        .as_ref()
        .filter(|_| draft.field.is_none())
}
