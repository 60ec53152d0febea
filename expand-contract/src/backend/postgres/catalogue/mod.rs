//! What PostgreSQL's catalogues say about a table.

mod columns;
mod constraints;
mod foreign_keys;
pub(super) mod in_place;
mod indexes;
mod key_obstacles;
pub(super) mod obstacles;
pub(super) mod partitions;
mod privileges;
mod sequences;

use super::quote;
use crate::backend::session::{Session, TextRow, BIND};
use crate::catalogue::{KeyColumn, Table};
use crate::definition::{Dialect, TableName};
use crate::error::{Error, While};

use columns::{columns, primary_key, Numbered};
use constraints::{checks, statistics};
use indexes::indexes;
pub(super) use key_obstacles::key_obstacles;
pub(super) use obstacles::obstacles;
pub(super) use privileges::privileges;

fn cell(row: &mut TextRow, i: usize) -> Option<String> {
    row.get_mut(i).and_then(Option::take)
}

fn word(row: &mut TextRow, i: usize) -> String {
    cell(row, i).unwrap_or_default()
}

fn flag(row: &mut TextRow, i: usize) -> bool {
    cell(row, i).as_deref() == Some("true")
}

/// The table with all that is on it.
pub(super) fn table(s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error> {
    let Some((mut table, numbers)) = read(s, name)? else {
        return Ok(None);
    };
    let id = &table.id;
    let mut indexes = indexes(s, id, &table.name, &numbers)?;
    if let Some(partitions) = &mut table.partitions {
        *partitions = partitions::partitions(s, id, &table.name)?;
        partitions::parts(s, id, &mut indexes, partitions)?;
        // its own number is as old as the last ANALYZE of all of it, which no autovacuum does
        table.estimate = partitions::rows(partitions);
    }
    table.indexes = indexes;
    table.checks = checks(s, id, &numbers)?;
    table.statistics = statistics(s, id, &numbers)?;
    table.foreign_keys = foreign_keys::foreign_keys(s, id)?;
    Ok(Some(table))
}

/// See [`crate::backend::driver::Driver::columns`].
pub(super) fn columns_only(s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error> {
    Ok(read(s, name)?.map(|(table, _)| table))
}

fn read(s: &mut dyn Session, name: &TableName) -> Result<Option<(Table, Vec<Numbered>)>, Error> {
    // to_regclass resolves as the application's statements do, by the search path
    let sql = format!(
        "SELECT c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, c.relispartition::text, \
         (EXISTS (SELECT 1 FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)))::text, \
         (CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END)::text \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass({BIND})"
    );
    let rows = s
        .rows(&sql, &[Some(name.quoted(Dialect::Postgres))])
        .during("looking for the table")?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let id = word(&mut row, 0);
    let name = TableName {
        schema: cell(&mut row, 1),
        name: word(&mut row, 2),
    };
    let (kind, partition, inherits) = (word(&mut row, 3), flag(&mut row, 4), flag(&mut row, 5));
    let partitioned = kind == "p";
    let kind = match kind.as_str() {
        "r" if partition => Some("partition"),
        "r" if inherits => Some("table with inheritance"),
        "r" => None,
        "p" if partition => Some("partition that is partitioned itself"),
        "p" => None,
        "f" => Some("foreign table"),
        "v" => Some("view"),
        "m" => Some("materialized view"),
        _ => Some("relation of another kind"),
    };
    if let Some(kind) = kind {
        return Err(Error::Unsupported {
            what: format!("{name}, which is not an ordinary table on its own, but a {kind}"),
            instead:
                "migrate the partitioned table instead of a partition of it; inheritance, views and foreign tables are left for a \
                 later release"
                    .to_owned(),
        });
    }
    let estimate = cell(&mut row, 6).and_then(|n| n.parse().ok());
    let (columns, numbers) = columns(s, &id, &name)?;
    let primary_key = primary_key(s, &id)?;
    let unique_key = match primary_key.is_empty() {
        true => columns::unique_key(s, &id)?,
        false => Vec::new(),
    };
    let cursor = primary_key
        .iter()
        .chain(&unique_key)
        .filter_map(|key| columns.iter().find(|column| column.name == *key))
        .map(|column| KeyColumn {
            sql: quote(&column.name),
            type_sql: column.type_sql.clone(),
        })
        .collect();
    let table = Table {
        dialect: Dialect::Postgres,
        name,
        id,
        columns,
        primary_key,
        cursor,
        indexes: Vec::new(),
        checks: Vec::new(),
        statistics: Vec::new(),
        foreign_keys: Vec::new(),
        partitions: partitioned.then(Vec::new),
        estimate,
        create_sql: String::new(),
    };
    Ok(Some((table, numbers)))
}
