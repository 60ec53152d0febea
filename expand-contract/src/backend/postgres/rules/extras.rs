//! Properties of a column besides its type.

use crate::catalogue::{Extra, ExtraKind};
use crate::definition::Conversion;
use crate::error::Error;
use crate::plan::{Active, Context};

/// Types whose values may be stored out of line and compressed; of one that the server does not know it refuses the setting.
const LONG: &[&str] = &[
    "text",
    "character varying",
    "varchar",
    "character",
    "char",
    "bpchar",
    "bytea",
    "numeric",
    "decimal",
    "json",
    "jsonb",
    "xml",
    "bit",
    "bit varying",
    "varbit",
    "tsvector",
    "citext",
    "hstore",
];

fn has_long_values(type_sql: &str) -> bool {
    let base = type_sql.split(['(', '[']).next().unwrap_or_default().trim();
    let array = type_sql.trim_end().ends_with(']');
    array || LONG.iter().any(|known| known.eq_ignore_ascii_case(base))
}

/// Whether the new column of the change is to have it.
pub(super) fn applies(cx: &Context<'_>, change: &Active, extra: &Extra) -> Result<bool, Error> {
    Ok(match (extra.kind, change.conversion) {
        (ExtraKind::LongValues, Conversion::Identity) => true,
        (ExtraKind::LongValues, _) => has_long_values(&cx.new_type(change)?),
        (ExtraKind::Plain | ExtraKind::Target, _) => true,
    })
}

/// What the old columns have by now and the new ones have not: a comment or a grant since `expand`.
pub(super) fn late(cx: &Context<'_>) -> Result<Vec<String>, Error> {
    let mut out = Vec::new();
    for change in cx.changes {
        let (Some(old), Some(new)) = (cx.table.column(change.from), cx.table.column(change.to))
        else {
            continue;
        };
        for extra in old
            .extras
            .iter()
            .filter(|extra| !new.extras.contains(extra))
        {
            if applies(cx, change, extra)? {
                out.push(extra.sql(&super::quote(change.to)));
            }
        }
        out.extend(super::partitions::targets(cx, change));
    }
    Ok(out)
}
