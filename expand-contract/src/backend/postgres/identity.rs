//! Where a column's values come from: a sequence of its own moves with it.
//!
//! A sequence that a default names is handed on (`OWNED BY`). That of an identity column cannot be (manual, *ALTER
//! SEQUENCE*), so it is made anew under its name, with its options, privileges and place, while nobody can take a value
//! from it. An identity column is NOT NULL: on the way back, until the old column is complete, a default stands in.

use super::quote;
use super::rules::Postgres;
use crate::backend::rules::Rules;
use crate::catalogue::{Sequence, Source, Table};
use crate::definition::{Conversion, Dialect};
use crate::error::Obstacle;
use crate::plan::{Active, Context, Other, Work};

/// Where the sequence stood, for the rest of the transaction.
const PLACE: &str = "expand_contract.sequence";

fn name(sequence: &Sequence) -> String {
    sequence.name.quoted(Dialect::Postgres)
}

fn is_integer(type_sql: &str) -> bool {
    matches!(type_sql, "smallint" | "integer" | "bigint")
}

/// Whether `default` is a value of a sequence and nothing else, as the catalogue prints it.
fn is_next(default: &str) -> bool {
    let inner = default
        .strip_prefix("nextval('")
        .and_then(|rest| rest.strip_suffix("'::regclass)"));
    inner.is_some_and(|inner| !inner.replace("''", "").contains('\''))
}

/// Whether new values are old ones in another type: what a sequence gives needs no conversion.
fn keeps_values(change: &Active) -> bool {
    match change.conversion {
        Conversion::Identity => true,
        Conversion::Sql { up, down } => {
            up.is_cast(Dialect::Postgres) && down.is_cast(Dialect::Postgres)
        }
        Conversion::Rust => false,
    }
}

/// The default that moves as it is, because it is the next value of a sequence.
pub(super) fn next_value(change: &Active) -> Option<&str> {
    let default = change.frozen.default.as_deref()?;
    (is_next(default) && keeps_values(change)).then_some(default)
}

fn identity(table: &Table, column: &str) -> Option<Sequence> {
    let mut sequences = table.column(column)?.sequences.iter();
    sequences
        .find(|sequence| sequence.source != Source::Default)
        .cloned()
}

fn owned(table: &Table, column: &str) -> Vec<Sequence> {
    let sequences = table.column(column).into_iter().flat_map(|c| &c.sequences);
    sequences
        .filter(|sequence| sequence.source == Source::Default)
        .cloned()
        .collect()
}

/// The sequences of the columns, which their moves lock.
pub(super) fn locked(cx: &Context<'_>) -> Vec<Other> {
    let columns = cx
        .changes
        .iter()
        .flat_map(|change| [change.from, change.to]);
    let columns = columns.filter_map(|name| cx.table.column(name));
    columns
        .flat_map(|column| &column.sequences)
        .map(|sequence| Other {
            is_table: false,
            id: sequence.id.clone(),
            sql: name(sequence),
        })
        .collect()
}

// Nobody takes a value any more: ALTER SEQUENCE changes nothing here, but its lock keeps out `nextval`.
fn hold(sequence: &Sequence) -> String {
    let name = name(sequence);
    format!(
        "ALTER SEQUENCE {name} CACHE {}; SELECT pg_catalog.set_config('{PLACE}', last_value || ' ' || is_called::text, true) \
         FROM {name}",
        sequence.cache
    )
}

fn place(sequence: &Sequence) -> String {
    let place = format!("pg_catalog.current_setting('{PLACE}')");
    format!(
        "SELECT pg_catalog.setval({}, pg_catalog.split_part({place}, ' ', 1)::bigint, \
         pg_catalog.split_part({place}, ' ', 2)::boolean)",
        Postgres.literal(&name(sequence))
    )
}

fn bounds(sequence: &Sequence) -> String {
    let bound = |word: &str, value: &Option<String>| match value {
        Some(value) => format!(" {word} {value}"),
        None => format!(" NO {word}"),
    };
    format!(
        "{}{}",
        bound("MINVALUE", &sequence.min),
        bound("MAXVALUE", &sequence.max)
    )
}

// What was granted and said of a sequence that is made anew.
fn dressed(sequence: &Sequence) -> Vec<Work> {
    let name = name(sequence);
    let grants = sequence.grants.iter();
    let mut out: Vec<Work> = grants
        .map(|(before, after)| Work::Sql(format!("{before}{name}{after}")))
        .collect();
    if let Some(comment) = &sequence.comment {
        out.push(Work::Sql(format!(
            "COMMENT ON SEQUENCE {name} IS {}",
            Postgres.literal(comment)
        )));
    }
    out
}

fn alter(table: &Table, column: &str, what: &str) -> String {
    format!(
        "ALTER TABLE {} ALTER COLUMN {} {what}",
        table.sql(),
        quote(column)
    )
}

fn add_identity(table: &Table, column: &str, source: Source, sequence: &Sequence) -> Vec<Work> {
    let kind = match source {
        Source::Always => "ALWAYS",
        _ => "BY DEFAULT",
    };
    let add = format!(
        "ADD GENERATED {kind} AS IDENTITY (SEQUENCE NAME {} {}{})",
        name(sequence),
        sequence.options,
        bounds(sequence)
    );
    let mut out = vec![
        Work::Sql(alter(table, column, &add)),
        Work::Sql(place(sequence)),
    ];
    out.extend(dressed(sequence));
    out
}

// The sequences that a default names, or that were only given to the column.
fn hand_on(
    sequences: &[Sequence],
    table: &Table,
    column: &str,
    type_sql: Option<&str>,
) -> Vec<Work> {
    let mut out = Vec::new();
    for sequence in sequences {
        let name = name(sequence);
        if let Some(type_sql) = type_sql.filter(|t| is_integer(t) && *t != sequence.type_sql) {
            out.push(Work::Sql(format!("ALTER SEQUENCE {name} AS {type_sql}")));
        }
        out.push(Work::Sql(format!(
            "ALTER SEQUENCE {name} OWNED BY {}.{}",
            table.sql(),
            quote(column)
        )));
    }
    out
}

/// In the transaction that publishes `Retired`, where the default moves: the identity, and the sequences. The new column
/// is NOT NULL already.
pub(super) fn to_new(cx: &Context<'_>, change: &Active) -> Vec<Work> {
    let new_type = cx.new_type(change).ok();
    let type_sql = new_type.as_deref().filter(|_| keeps_values(change));
    let mut out = Vec::new();
    if let Some(sequence) = identity(cx.table, change.from) {
        out.push(Work::Sql(hold(&sequence)));
        out.push(Work::Sql(alter(cx.table, change.from, "DROP IDENTITY")));
        out.extend(add_identity(
            cx.table,
            change.to,
            sequence.source,
            &sequence,
        ));
    }
    out.extend(hand_on(
        &owned(cx.table, change.from),
        cx.table,
        change.to,
        type_sql,
    ));
    out
}

/// The way back, in the transaction in which the default moves: the old column is not complete yet, and may not be NOT NULL.
pub(super) fn to_old(cx: &Context<'_>, change: &Active) -> Vec<Work> {
    let old_type = Some(change.frozen.old_type.as_str()).filter(|_| keeps_values(change));
    let mut out = Vec::new();
    if let Some(sequence) = identity(cx.table, change.to) {
        let (name, table) = (name(&sequence), cx.table.sql());
        out.push(Work::Sql(hold(&sequence)));
        out.push(Work::Sql(alter(cx.table, change.to, "DROP IDENTITY")));
        out.push(Work::Sql(format!(
            "CREATE SEQUENCE {name} AS {} {}{}",
            change.frozen.old_type,
            sequence.options,
            bounds(&sequence)
        )));
        out.push(Work::Sql(place(&sequence)));
        // whoever runs this may be a member of the owner only, and a column's sequence has its table's owner
        let owner = format!(
            "BEGIN EXECUTE pg_catalog.format('ALTER SEQUENCE %s OWNER TO %I', {}, \
             (SELECT pg_catalog.pg_get_userbyid(relowner) FROM pg_catalog.pg_class WHERE oid = {})); END",
            Postgres.literal(&name),
            cx.table.id
        );
        out.push(Work::Sql(format!("DO {}", Postgres.literal(&owner))));
        out.extend(dressed(&sequence));
        out.push(Work::Sql(format!(
            "ALTER SEQUENCE {name} OWNED BY {table}.{}",
            quote(change.from)
        )));
        out.push(Work::Sql(alter(
            cx.table,
            change.from,
            &format!("SET DEFAULT nextval({}::regclass)", Postgres.literal(&name)),
        )));
    }
    out.extend(hand_on(
        &owned(cx.table, change.to),
        cx.table,
        change.from,
        old_type,
    ));
    out
}

/// In the transaction that completes the old column, behind its NOT NULL: what stood in for its identity.
pub(super) fn restored(cx: &Context<'_>, change: &Active) -> Vec<Work> {
    let Some(source) = change.frozen.identity else {
        return Vec::new();
    };
    // as it is by now, or will be
    let sequence =
        identity(cx.table, change.to).or_else(|| owned(cx.table, change.from).into_iter().next());
    let Some(sequence) = sequence else {
        return Vec::new();
    };
    let mut out = vec![
        Work::Sql(hold(&sequence)),
        Work::Sql(alter(cx.table, change.from, "DROP DEFAULT")),
        Work::Sql(format!("DROP SEQUENCE {}", name(&sequence))),
    ];
    out.extend(add_identity(cx.table, change.from, source, &sequence));
    out
}

/// An empty table, whose column may be dropped before the new one is there: what comes before, and what comes when the
/// new one is NOT NULL.
pub(super) fn on_empty(cx: &Context<'_>, change: &Active) -> (Vec<Work>, Vec<Work>) {
    let column = change.def.new;
    let owned = owned(cx.table, change.from);
    let mut before: Vec<Work> = owned
        .iter()
        .map(|sequence| Work::Sql(format!("ALTER SEQUENCE {} OWNED BY NONE", name(sequence))))
        .collect();
    let new_type = cx.new_type(change).ok();
    let type_sql = new_type.as_deref().filter(|_| keeps_values(change));
    let mut after = hand_on(&owned, cx.table, column, type_sql);
    if let Some(sequence) = identity(cx.table, change.from) {
        before.push(Work::Sql(hold(&sequence)));
        before.push(Work::Sql(alter(cx.table, change.from, "DROP IDENTITY")));
        after.extend(add_identity(cx.table, column, sequence.source, &sequence));
    }
    (before, after)
}

/// What of a column's sequences cannot be carried.
pub(super) fn obstacles(cx: &Context<'_>, change: &Active) -> Vec<Obstacle> {
    let Some(sequence) = identity(cx.table, change.from) else {
        return Vec::new();
    };
    let kind = if !cx.new_type(change).is_ok_and(|new| is_integer(&new)) {
        "identity under a type that cannot have one"
    } else if !keeps_values(change) {
        "identity under a conversion that is no plain cast"
    } else {
        return Vec::new();
    };
    vec![Obstacle::new(change.from, kind, &sequence.name.name)]
}

/// Why the old column cannot take its sequence back, if so: it has given out what only the new one can hold.
pub(super) fn outgrown(cx: &Context<'_>) -> bool {
    cx.changes
        .iter()
        .filter(|change| keeps_values(change))
        .any(|change| {
            let (least, greatest) = match change.frozen.old_type.as_str() {
                "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
                "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
                _ => return false,
            };
            let sequences = cx
                .table
                .column(change.to)
                .into_iter()
                .flat_map(|c| &c.sequences);
            let mut last = sequences.filter_map(|sequence| sequence.last);
            last.any(|last| !(least..=greatest).contains(&last))
        })
}

#[cfg(test)]
mod tests {
    use super::is_next;

    #[test]
    fn a_default_is_a_sequences_next_value_or_it_is_not() {
        for next in [
            "nextval('users_id_seq'::regclass)",
            "nextval('app.\"It''s\"'::regclass)",
        ] {
            assert!(is_next(next), "{next}");
        }
        for other in [
            "(nextval('users_id_seq'::regclass) + 1)",
            "nextval('a'::regclass) + nextval('b'::regclass)",
            "'nextval'::text",
            "1",
        ] {
            assert!(!is_next(other), "{other}");
        }
    }
}
