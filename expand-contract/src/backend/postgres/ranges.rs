//! Ranges of keys and of blocks.

use crate::backend::driver::{Key, Range, Segment};
use crate::backend::session::{Session, BIND};
use crate::catalogue::Table;
use crate::error::{Error, While};
use crate::ledger::{self, Ledger};

/// The blocks that are looked at to find out how the keys are spread: reading each is a random access.
const SAMPLED_BLOCKS: u64 = 500;

/// The columns of the key.
pub(super) fn keys(table: &Table) -> String {
    let names: Vec<&str> = table.cursor.iter().map(|key| key.sql.as_str()).collect();
    names.join(", ")
}

fn texts(table: &Table) -> String {
    let texts: Vec<String> = table
        .cursor
        .iter()
        .map(|key| format!("{}::text", key.sql))
        .collect();
    texts.join(", ")
}

/// The key against as many bound values.
pub(super) fn compare(table: &Table, operator: &str) -> String {
    let binds: Vec<String> = table
        .cursor
        .iter()
        .map(|key| format!("{BIND}::{}", key.type_sql))
        .collect();
    let (keys, binds) = (keys(table), binds.join(", "));
    // without the row constructor where one column will do: its estimates are better
    match table.cursor.as_slice() {
        [_] => format!("{keys} {operator} {binds}"),
        _ => format!("({keys}) {operator} ({binds})"),
    }
}

fn between(table: &Table, after: Option<&Key>, end: &Key) -> (String, Vec<Option<String>>) {
    let within = compare(table, "<=");
    match after {
        Some(after) => (
            format!("{} AND {within}", compare(table, ">")),
            after.iter().chain(end).cloned().collect(),
        ),
        None => (within, end.clone()),
    }
}

/// A query for the last key.
pub(super) fn last_key(table: &Table) -> String {
    let named: Vec<String> = table
        .cursor
        .iter()
        .enumerate()
        .map(|(i, key)| format!("{}::text AS ec_key_{i}", key.sql))
        .collect();
    let order: Vec<String> = table
        .cursor
        .iter()
        .map(|key| format!("{} DESC", key.sql))
        .collect();
    // ORDER BY must mean the column, not its text of the same name: hence the inner query
    format!(
        "SELECT {} FROM (SELECT {} FROM {} ORDER BY {} LIMIT 1) q",
        named.join(", "),
        keys(table),
        table.sql(),
        order.join(", ")
    )
}

/// The next range of a segment.
pub(super) fn advance(
    s: &mut dyn Session,
    table: &Table,
    segment: &Segment,
    size: u32,
) -> Result<Range, Error> {
    if let Some(upper) = counted(table, segment, size) {
        let (sql, binds) = between(table, segment.after.as_ref(), &upper);
        let last = upper == segment.end;
        return Ok(Range {
            sql,
            binds,
            last,
            upper: (!last).then_some(upper),
        });
    }
    let (condition, binds) = between(table, segment.after.as_ref(), &segment.end);
    // the bound comes from the table, never from what an update returned: a batch may update nothing
    let sql = format!(
        "SELECT {} FROM (SELECT {keys} FROM {} WHERE {condition} ORDER BY {keys} OFFSET {} LIMIT 1) q",
        texts(table),
        table.sql(),
        size.saturating_sub(1),
        keys = keys(table),
    );
    let upper = s
        .rows(&sql, &binds)
        .during("looking for the end of a batch")?
        .into_iter()
        .next()
        .filter(|upper| *upper != segment.end);
    let (sql, binds) = match &upper {
        Some(upper) => between(table, segment.after.as_ref(), upper),
        None => (condition, binds),
    };
    Ok(Range {
        sql,
        binds,
        last: upper.is_none(),
        upper,
    })
}

/// The end of a range that has no more rows than that because it has no more numbers: where nearly all of them are keys,
/// the rows need not be counted.
fn counted(table: &Table, segment: &Segment, size: u32) -> Option<Key> {
    let [column] = table.cursor.as_slice() else {
        return None;
    };
    let whole = matches!(column.type_sql.as_str(), "smallint" | "integer" | "bigint");
    if !whole || !segment.dense {
        return None;
    }
    let upper = number(segment.after.as_ref()?)?.checked_add(i64::from(size))?;
    Some(vec![Some(upper.min(number(&segment.end)?).to_string())])
}

fn number(key: &Key) -> Option<i64> {
    key.first()?.as_ref()?.parse().ok()
}

/// Cuts segments into pieces of about the same size, by a sample of the table's blocks: no statistics are needed.
pub(super) fn split(
    s: &mut dyn Session,
    ledger: &Ledger,
    table: &Table,
    (walk, parts): (&str, usize),
    segments: Vec<Segment>,
) -> Result<Vec<Segment>, Error> {
    if segments.is_empty() || segments.len() >= parts {
        return Ok(segments);
    }
    let pieces = parts.div_ceil(segments.len());
    let blocks = all_blocks(s, table)?.max(1);
    let percent = (SAMPLED_BLOCKS as f64 * 100.0 / blocks as f64).min(100.0);
    let numbers = segments
        .iter()
        .filter_map(|segment| ledger::number(walk, &segment.slot));
    let mut next = numbers.max().unwrap_or(0) + 1;
    let mut out = Vec::new();
    for segment in segments {
        let mut rest = segment.clone();
        for bound in bounds(s, table, &segment, pieces, percent)? {
            out.push(Segment {
                end: bound.clone(),
                ..rest.clone()
            });
            rest = Segment {
                slot: ledger::slot(walk, next),
                after: Some(bound),
                end: segment.end.clone(),
                dense: false,
            };
            next += 1;
        }
        out.push(rest);
    }
    out.iter()
        .try_for_each(|segment| ledger.set_segment(s, segment))?;
    Ok(out)
}

// keys in a segment that cut it into so many pieces
fn bounds(
    s: &mut dyn Session,
    table: &Table,
    segment: &Segment,
    pieces: usize,
    percent: f64,
) -> Result<Vec<Key>, Error> {
    let (condition, binds) = between(table, segment.after.as_ref(), &segment.end);
    let keys = keys(table);
    let sql = format!(
        "SELECT {} FROM (SELECT {keys}, row_number() OVER (ORDER BY {keys}) AS ec_n, count(*) OVER () AS ec_all \
         FROM {} TABLESAMPLE SYSTEM ({percent}) WHERE {condition}) q \
         WHERE ec_n < ec_all AND ec_n * {pieces} / ec_all > (ec_n - 1) * {pieces} / ec_all ORDER BY ec_n",
        texts(table),
        table.sql(),
    );
    s.rows(&sql, &binds)
        .during("looking how the keys are spread")
}

// with the partitions'
fn all_blocks(s: &mut dyn Session, table: &Table) -> Result<u64, Error> {
    let sql = format!(
        "SELECT (sum(pg_relation_size(id)) / current_setting('block_size')::bigint)::bigint::text FROM {} q",
        super::lock::family(table)
    );
    let rows = s
        .rows(&sql, &[])
        .during("asking for the size of the table")?;
    let blocks = rows.into_iter().flatten().flatten().next();
    Ok(blocks.and_then(|blocks| blocks.parse().ok()).unwrap_or(0))
}

/// How many blocks the table has, if a range of them can be read by itself.
pub(super) fn blocks(s: &mut dyn Session, table: &Table) -> Result<Option<u64>, Error> {
    let sql = format!(
        "SELECT (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::text \
         FROM pg_class c JOIN pg_am m ON m.oid = c.relam \
         WHERE c.oid = ({BIND}::text)::oid AND c.relkind = 'r' AND m.amname = 'heap'"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("asking for the size of the table")?;
    let blocks = rows.into_iter().flatten().flatten().next();
    Ok(blocks.and_then(|blocks| blocks.parse().ok()))
}
