//! A column is added with a default that differs from row to row.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "volatile-default",
    level: Level::Deny,
    databases: POSTGRES,
    why: "a constant default is kept in the catalogue; a volatile one is computed for every row, and the table rewritten, under a lock that stops every reader and writer",
    help: "add the column without the default, `ALTER COLUMN … SET DEFAULT` for new rows, and fill the old ones in batches",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::AddColumn { table, column, .. } = &op.kind else {
        return;
    };
    let Some(default) = &column.default else {
        return;
    };
    if cx.is_new(table) {
        return;
    }
    if let Some(function) = volatile_function(default) {
        found.say(op.at, format!("`{}.{}` is added with the default `{default}`; `{function}` may differ from row to row", table.text, column.name.text));
    }
}

/// Functions that are not volatile; whatever is not here is taken for volatile, as PostgreSQL takes what users define.
const STABLE: &[&str] = &[
    "now",
    "transaction_timestamp",
    "statement_timestamp",
    "current_setting",
    "current_database",
    "current_schema",
    "date_trunc",
    "timezone",
    "to_timestamp",
    "make_interval",
    "make_date",
    "make_timestamp",
    "make_timestamptz",
    "jsonb_build_object",
    "jsonb_build_array",
    "json_build_object",
    "json_build_array",
    "to_json",
    "to_jsonb",
    "array_fill",
    "lower",
    "upper",
    "length",
    "coalesce",
    "nullif",
    "abs",
    "round",
    "floor",
    "ceil",
    "concat",
    "md5",
    "cast",
    "array",
    "row",
    "interval",
    "extract",
    "date_part",
    "timestamp",
    "timestamptz",
    "date",
    "numeric",
    "decimal",
    "varchar",
    "char",
    "uuid_nil",
    "decode",
    "encode",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
    "greatest",
    "least",
    "current_timestamp",
    "localtimestamp",
    "current_time",
    "localtime",
    "bit",
    "float",
];

/// The first call of a function that is not known to give one value for all rows.
fn volatile_function(default: &str) -> Option<String> {
    let mut word = String::new();
    let mut quote = None;
    for c in default.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' => {
                quote = Some(c);
                word.clear();
            }
            None if c.is_alphanumeric() || matches!(c, '_' | '.' | '"') => word.push(c),
            None if c == '(' && !word.is_empty() => {
                let name = word.to_ascii_lowercase().replace('"', "");
                let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
                if !STABLE.contains(&name) {
                    return Some(name.to_string());
                }
                word.clear();
            }
            None => word.clear(),
        }
    }
    None
}
