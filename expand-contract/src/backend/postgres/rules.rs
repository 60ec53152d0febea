//! PostgreSQL's DDL.

mod extras;
pub(super) mod indexes;
pub(super) mod not_null;
pub(super) mod part_indexes;
pub(super) mod partitions;
mod requirements;
mod statistics;
mod steps;

use super::quote;
use super::{foreign_keys, identity, in_place, mirror, primary_key, queue};
use crate::backend::queue::Mode;
use crate::backend::rules::Rules;
use crate::catalogue::{Index, IndexKey, Table};
use crate::definition::Conversion;
use crate::error::Error;
use crate::notice::Notice;
use crate::phase::{Side, Step};
use crate::plan::{Action, Active, Context, Kind, Other, SavedIndex, Work};
use part_indexes::Wanted;

pub(crate) struct Postgres;

/// The table's schema, quoted, with a dot behind it.
fn schema(table: &Table) -> String {
    match &table.name.schema {
        Some(schema) => format!("{}.", quote(schema)),
        None => String::new(),
    }
}

/// Types whose `=` tells all values apart that print differently; for the others the stored image is compared.
fn plain_equality(type_sql: &str, collate: &str) -> bool {
    let base = type_sql.split('(').next().unwrap_or_default().trim();
    collate.is_empty()
        && matches!(
            base,
            "smallint"
                | "integer"
                | "bigint"
                | "boolean"
                | "uuid"
                | "date"
                | "bytea"
                | "text"
                | "character varying"
                | "oid"
        )
}

/// The opposite of [`Rules::same`], in as few nodes as it takes.
pub(crate) fn differ(column: &str, expr: &str, type_sql: &str, collate: &str) -> String {
    if plain_equality(type_sql, collate) {
        format!("{column} IS DISTINCT FROM ({expr})::{type_sql}")
    } else {
        format!("NOT {}", Postgres.same(column, expr, type_sql, collate))
    }
}

impl Postgres {
    // an identity is no default, and moves in its own way
    fn default_of_new(&self, cx: &Context<'_>, change: &Active) -> Option<String> {
        let default = change.frozen.default.as_ref()?;
        if change.frozen.identity.is_some() {
            return None;
        }
        if let Some(next) = identity::next_value(change) {
            return Some(next.to_owned());
        }
        match change.conversion {
            Conversion::Identity => Some(default.clone()),
            _ => {
                let typed = format!("({default})::{}", change.frozen.old_type);
                cx.convert(change, Side::Old, &typed).ok().flatten()
            }
        }
    }
}

impl Rules for Postgres {
    fn literal(&self, text: &str) -> String {
        let quoted = text.replace('\'', "''");
        if quoted.contains('\\') {
            format!("E'{}'", quoted.replace('\\', "\\\\"))
        } else {
            format!("'{quoted}'")
        }
    }

    fn text(&self, expr: &str) -> String {
        format!("({expr})::text")
    }

    fn same_around(&self, column: &str, type_sql: &str, collate: &str) -> (String, String) {
        if plain_equality(type_sql, collate) {
            (
                format!("{column} IS NOT DISTINCT FROM ("),
                format!(")::{type_sql}"),
            )
        } else {
            (
                format!("ROW({column})::record OPERATOR(pg_catalog.*=) ROW(("),
                format!(")::{type_sql})::record"),
            )
        }
    }

    fn add_column(&self, cx: &Context<'_>, change: &Active) -> Result<Vec<String>, Error> {
        let name = quote(change.to);
        let mut out = vec![format!(
            "ALTER TABLE {} ADD COLUMN {name} {}{}",
            cx.table.sql(),
            cx.new_type(change)?,
            cx.new_collate(change)
        )];
        if let Some(old) = cx.table.column(change.from) {
            for extra in &old.extras {
                if extras::applies(cx, change, extra)? {
                    out.push(extra.sql(&name));
                }
            }
        }
        out.extend(partitions::targets(cx, change));
        Ok(out)
    }

    fn create_index(&self, table: &Table, index: &Index, name: &str, live: bool) -> String {
        indexes::create(table, index, name, live)
    }

    fn parent_index(
        &self,
        cx: &Context<'_>,
        step: Step,
        indexes: (&Index, &Index),
        name: &str,
    ) -> Option<Action> {
        Wanted::copy(cx, indexes, name).parent(step)
    }

    fn part_indexes(
        &self,
        cx: &Context<'_>,
        step: Step,
        indexes: (&Index, &Index),
        name: &str,
    ) -> Vec<Action> {
        Wanted::copy(cx, indexes, name).parts(step)
    }

    fn put_back(&self, cx: &Context<'_>, step: Step, saved: &SavedIndex) -> Option<Vec<Action>> {
        let partitioned = cx.table.partitions.is_some();
        partitioned.then(|| part_indexes::put_back(cx, step, saved))
    }

    fn takes_any_type(&self, key: &IndexKey) -> bool {
        key.typed.is_empty()
    }

    fn copy_statistics(&self, cx: &Context<'_>) -> Vec<String> {
        statistics::copy(cx)
    }

    fn drop_statistics(&self, cx: &Context<'_>) -> Vec<String> {
        statistics::drop_copies(cx)
    }

    fn drop_index(&self, table: &Table, name: &str, live: bool) -> String {
        let schema = schema(table);
        let live = if live { "CONCURRENTLY " } else { "" };
        format!("DROP INDEX {live}IF EXISTS {schema}{}", quote(name))
    }

    fn index_kind(&self) -> Kind {
        Kind::Outside
    }

    fn index_lock(&self) -> &'static str {
        "SHARE UPDATE EXCLUSIVE"
    }

    fn analyze(&self, cx: &Context<'_>) -> String {
        statistics::analyze(cx)
    }

    fn analyze_lock(&self) -> &'static str {
        "SHARE UPDATE EXCLUSIVE"
    }

    fn ddl_lock(&self) -> &'static str {
        "ACCESS EXCLUSIVE"
    }

    fn row_lock(&self) -> &'static str {
        "ROW EXCLUSIVE"
    }

    fn read_lock(&self) -> &'static str {
        "ACCESS SHARE"
    }

    fn snapshots_sql(&self, table: &Table) -> String {
        super::open::sql(table)
    }

    fn transactions_sql(&self, table: &Table) -> Option<String> {
        Some(super::open::sql(table))
    }

    fn mirror_triggers(&self, cx: &Context<'_>, retired: bool) -> Result<Vec<String>, Error> {
        let mut out = mirror::names(cx)?;
        out.extend(queue::names(cx, retired));
        Ok(out)
    }

    fn retire(&self, cx: &Context<'_>) -> Result<Vec<Action>, Error> {
        steps::retire(self, cx)
    }

    fn contract(&self, cx: &Context<'_>) -> Result<Vec<Action>, Error> {
        steps::contract(self, cx)
    }

    fn defaults_to_old(&self, cx: &Context<'_>) -> Vec<Work> {
        let table = cx.table.sql();
        let mut work = Vec::new();
        for change in cx.changes {
            work.extend(identity::to_old(cx, change));
            let default = change.frozen.default.as_ref();
            if let Some(default) = default.filter(|_| change.frozen.identity.is_none()) {
                let (old, new) = (quote(change.from), quote(change.to));
                work.push(Work::Sql(format!(
                    "ALTER TABLE {table} ALTER COLUMN {old} SET DEFAULT {default}"
                )));
                work.push(Work::Sql(format!(
                    "ALTER TABLE {table} ALTER COLUMN {new} DROP DEFAULT"
                )));
            }
        }
        work
    }

    fn restore_old(&self, cx: &Context<'_>) -> Result<Vec<Action>, Error> {
        steps::restore_old(self, cx)
    }

    fn keys_of_new(&self, cx: &Context<'_>, step: Step) -> Vec<Action> {
        foreign_keys::outbound(cx, step)
    }

    fn drop_keys_of_new(&self, cx: &Context<'_>) -> (Vec<Work>, Vec<Other>) {
        foreign_keys::dropped(cx)
    }

    fn free_keys_of_new(&self, cx: &Context<'_>) -> (Vec<Work>, Vec<Other>) {
        foreign_keys::freed(cx)
    }

    fn keys_of_old(&self, cx: &Context<'_>, step: Step) -> Vec<Action> {
        let mut actions = primary_key::restored(cx, step);
        actions.extend(foreign_keys::restored(cx, step));
        actions
    }

    fn notices(&self, cx: &Context<'_>) -> Vec<Notice> {
        foreign_keys::notices(cx)
    }

    fn outgrown(&self, cx: &Context<'_>) -> bool {
        identity::outgrown(cx)
    }

    fn free_new(&self, cx: &Context<'_>) -> Vec<String> {
        requirements::free_new(cx)
    }

    fn mirror(&self, cx: &Context<'_>) -> Result<Vec<String>, Error> {
        let mut out = mirror::install(cx, mirror::When::Expand)?;
        out.extend(queue::install(cx, Mode::Queue, true)?);
        Ok(out)
    }

    fn mirror_retired(&self, cx: &Context<'_>) -> Result<Vec<String>, Error> {
        let mut out = mirror::install(cx, mirror::When::Retire)?;
        out.extend(queue::install(cx, Mode::Retired, true)?);
        Ok(out)
    }

    fn mirror_back(&self, cx: &Context<'_>) -> Result<Vec<String>, Error> {
        let mut out = mirror::install(cx, mirror::When::Back)?;
        out.extend(queue::install(cx, Mode::Back, true)?);
        Ok(out)
    }

    fn drop_mirror(&self, cx: &Context<'_>) -> Vec<String> {
        let mut out = mirror::drop_triggers(cx);
        out.extend(queue::drop_triggers(cx));
        out
    }

    fn drop_mirror_functions(&self, cx: &Context<'_>) -> Vec<String> {
        let mut out = mirror::drop_functions(cx);
        out.extend(queue::drop_functions(cx));
        out
    }

    fn watch(&self, cx: &Context<'_>) -> Result<Vec<String>, Error> {
        in_place::watch(cx)
    }

    fn watchers(&self, cx: &Context<'_>) -> Vec<String> {
        in_place::watchers(cx)
    }

    fn unseen(&self, change: &Active) -> Option<String> {
        in_place::unseen(change)
    }

    fn queue(&self, cx: &Context<'_>, mode: Mode) -> Result<Vec<String>, Error> {
        queue::install(cx, mode, false)
    }

    fn row_key(&self, table: &Table, row: &str) -> String {
        queue::row_key(table, row)
    }

    fn lock_free_rows(&self) -> &'static str {
        " FOR NO KEY UPDATE SKIP LOCKED"
    }

    fn writers_lock(&self) -> &'static str {
        "SHARE ROW EXCLUSIVE"
    }

    fn on_empty(&self, cx: &Context<'_>) -> Result<Vec<Work>, Error> {
        steps::on_empty(self, cx)
    }
}
