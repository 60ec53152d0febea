//! PostgreSQL's DDL.

use super::{foreign_keys, identity, mirror, primary_key, queue};
use crate::backend::queue::Mode;
use crate::backend::rules::Rules;
use crate::catalogue::{Index, Table};
use crate::definition::{Conversion, Dialect};
use crate::error::Error;
use crate::notice::Notice;
use crate::phase::{Phase, Side, Step};
use crate::plan::actions::sql;
use crate::plan::{Action, Active, Context, Kind, Other, SavedIndex, Work};

pub(crate) struct Postgres;

fn quote(name: &str) -> String {
    Dialect::Postgres.quote(name)
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

fn columns(index: &Index) -> String {
    let key = |key: &crate::catalogue::IndexKey| {
        format!("{}{}{}", quote(&key.column), key.typed, key.order)
    };
    let keys: Vec<String> = index.keys.iter().map(key).collect();
    let mut sql = format!("({})", keys.join(", "));
    if !index.included.is_empty() {
        let names: Vec<String> = index.included.iter().map(|name| quote(name)).collect();
        sql.push_str(&format!(" INCLUDE ({})", names.join(", ")));
    }
    sql
}

/// The CHECK that stands in for NOT NULL until that is set.
pub(super) fn check_name(table: &Table, column: &str) -> String {
    Postgres.copy_name(&format!("{}_{column}_nn", table.name.name), false)
}

impl Postgres {
    /// Makes `column` NOT NULL without a scan under an exclusive lock: two actions before, two statements at the end.
    fn not_null(&self, cx: &Context<'_>, step: Step, column: &str) -> (Vec<Action>, Vec<Work>) {
        if cx.table.column(column).is_some_and(|found| found.not_null) {
            return (vec![], vec![]);
        }
        let (table, name, column) = (
            cx.table.sql(),
            quote(&check_name(cx.table, column)),
            quote(column),
        );
        let add = Action::new(
            step,
            format!("check {column} for NULL from now on"),
            Kind::Ddl,
            "ACCESS EXCLUSIVE",
            vec![
                Work::Sql(format!("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")),
                Work::Sql(format!(
                    "ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID"
                )),
            ],
        );
        let validate = Action::new(
            step,
            format!("check {column} for NULL in all rows"),
            Kind::Ddl,
            "SHARE UPDATE EXCLUSIVE",
            vec![Work::Sql(format!(
                "ALTER TABLE {table} VALIDATE CONSTRAINT {name}"
            ))],
        );
        let set = vec![
            Work::Sql(format!(
                "ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"
            )),
            Work::Sql(format!("ALTER TABLE {table} DROP CONSTRAINT {name}")),
        ];
        (vec![add, validate], set)
    }

    // old's unique indexes go as soon as no code writes old: stale values would collide
    fn drop_old_unique(&self, cx: &Context<'_>, step: Step) -> Vec<Action> {
        let table = cx.table.sql();
        let one = |index: &Index| {
            let copy = self.copy_name(&index.name, true);
            let on_new = cx.index_on_new(index);
            let mut plain = on_new.clone();
            plain.unique = false;
            plain.constraint = None;
            let saved = SavedIndex {
                name: index.name.clone(),
                copy: copy.clone(),
                constraint: index.constraint.clone(),
                restore: self.create_index(cx.table, index, &index.name, true),
                renamed: self.create_index(cx.table, &on_new, &index.name, false),
                plain: self.create_index(
                    cx.table,
                    &plain,
                    &self.copy_name(&index.name, false),
                    true,
                ),
            };
            let drop = match index.constraint {
                Some(_) => format!("ALTER TABLE {table} DROP CONSTRAINT {}", quote(&index.name)),
                None => self.drop_index(cx.table, &index.name, false),
            };
            Action::new(
                step,
                format!("drop unique index {}", index.name),
                Kind::Ddl,
                "ACCESS EXCLUSIVE",
                vec![Work::Save(saved), Work::Sql(drop)],
            )
        };
        let plain = |index: &&Index| index.unique && !index.primary;
        cx.old_indexes().filter(plain).map(one).collect()
    }

    // What depends on old's unique indexes, and these: behind the barrier, when no code writes old any more.
    fn settle_keys(&self, cx: &Context<'_>, step: Step) -> Vec<Action> {
        let mut actions = foreign_keys::inbound_replaced(cx, step);
        actions.extend(primary_key::replaced(cx, step));
        actions.extend(self.drop_old_unique(cx, step));
        actions
    }

    fn attach(&self, table: &Table, name: &str, constraint: &str) -> Work {
        let name = quote(name);
        Work::Sql(format!(
            "ALTER TABLE {} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}{constraint}",
            table.sql()
        ))
    }

    fn default_of_new(&self, cx: &Context<'_>, change: &Active) -> Option<String> {
        let default = change.frozen.default.as_ref()?;
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
                if !extra.same_type || change.conversion == Conversion::Identity {
                    out.push(format!("{}{name}{}", extra.before, extra.after));
                }
            }
        }
        Ok(out)
    }

    fn create_index(&self, table: &Table, index: &Index, name: &str, live: bool) -> String {
        format!(
            "CREATE {}INDEX {}{} ON {} {}{}{}",
            if index.unique { "UNIQUE " } else { "" },
            if live { "CONCURRENTLY " } else { "" },
            quote(name),
            table.sql(),
            index.method,
            columns(index),
            // the clause is for unique indexes only
            if index.unique {
                index.suffix.clone()
            } else {
                index.suffix.replace(" NULLS NOT DISTINCT", "")
            }
        )
    }

    fn drop_index(&self, table: &Table, name: &str, live: bool) -> String {
        let schema = match &table.name.schema {
            Some(schema) => format!("{}.", quote(schema)),
            None => String::new(),
        };
        let live = if live { "CONCURRENTLY " } else { "" };
        format!("DROP INDEX {live}IF EXISTS {schema}{}", quote(name))
    }

    fn index_kind(&self) -> Kind {
        Kind::Outside
    }

    fn index_lock(&self) -> &'static str {
        "SHARE UPDATE EXCLUSIVE"
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
        let step = Step::Retire;
        if cx.stage.phase == Phase::Retired {
            return Ok(self.settle_keys(cx, step));
        }
        let (table, mut actions, mut work) = (cx.table.sql(), Vec::new(), cx.intact(false)?);
        for index in cx.old_indexes().filter(|index| index.unique) {
            let name = self.copy_name(&index.name, true);
            actions.extend(cx.create_index(step, &cx.index_on_new(index), &name));
            work.push(Work::Sql(self.drop_index(
                cx.table,
                &self.copy_name(&index.name, false),
                false,
            )));
            // the primary key follows when old's is not needed any more
            let attached = index.primary
                || cx
                    .table
                    .index(&name)
                    .is_some_and(|i| i.constraint.is_some());
            if let (Some(constraint), false) = (&index.constraint, attached) {
                work.push(self.attach(cx.table, &name, constraint));
            }
        }
        actions.extend(foreign_keys::outbound(cx, step));
        actions.extend(foreign_keys::inbound(cx, step));
        for change in cx.changes {
            let (old, new) = (quote(change.from), quote(change.to));
            if change.frozen.not_null {
                let (before, last) = self.not_null(cx, step, change.to);
                actions.extend(before);
                work.extend(last);
            }
            let default = self.default_of_new(cx, change);
            if let Some(default) = default.filter(|_| change.frozen.identity.is_none()) {
                work.push(Work::Sql(format!(
                    "ALTER TABLE {table} ALTER COLUMN {new} SET DEFAULT {default}"
                )));
                work.push(Work::Sql(format!(
                    "ALTER TABLE {table} ALTER COLUMN {old} DROP DEFAULT"
                )));
            }
            work.extend(identity::to_new(cx, change));
            if change.frozen.not_null && !primary_key::has(cx, change.from) {
                work.push(Work::Sql(format!(
                    "ALTER TABLE {table} ALTER COLUMN {old} DROP NOT NULL"
                )));
            }
        }
        let (replaced, others) = foreign_keys::outbound_replaced(cx);
        work.extend(replaced);
        work.extend(sql(self.mirror_retired(cx)?));
        actions.push(cx.late_statements(step));
        let mut publish = cx.publish(step, Phase::Retired, work);
        publish.others = others;
        actions.push(publish);
        actions.push(cx.barrier(step, Phase::Retired)?);
        actions.extend(self.settle_keys(cx, step));
        Ok(actions)
    }

    fn contract(&self, cx: &Context<'_>) -> Result<Vec<Action>, Error> {
        let step = Step::Contract;
        // what was added to the old columns since
        let mut actions = foreign_keys::outbound(cx, step);
        actions.extend(foreign_keys::inbound(cx, step));
        actions.extend(self.settle_keys(cx, step));
        let table = cx.table.sql();
        let mut work = cx.intact(true)?;
        let (replaced, others) = foreign_keys::outbound_replaced(cx);
        work.extend(replaced);
        work.extend(sql(self.drop_mirror(cx)));
        let mut renames = Vec::new();
        let schema = match &cx.table.name.schema {
            Some(schema) => format!("{}.", quote(schema)),
            None => String::new(),
        };
        for index in cx.old_indexes().filter(|index| !index.unique) {
            work.push(Work::Sql(self.drop_index(cx.table, &index.name, false)));
            let copy = self.copy_name(&index.name, false);
            renames.push(Work::Sql(format!(
                "ALTER INDEX {schema}{} RENAME TO {}",
                quote(&copy),
                quote(&index.name)
            )));
        }
        let unique = cx
            .old_indexes()
            .filter(|index| index.unique && !index.primary);
        let pending = unique.map(|i| {
            (
                i.name.clone(),
                self.copy_name(&i.name, true),
                i.constraint.is_some(),
            )
        });
        let saved = cx.saved.iter().map(|saved| {
            (
                saved.name.clone(),
                saved.copy.clone(),
                saved.constraint.is_some(),
            )
        });
        for (name, copy, constraint) in saved.chain(pending) {
            let (name, copy) = (quote(&name), quote(&copy));
            renames.push(Work::Sql(if constraint {
                format!("ALTER TABLE {table} RENAME CONSTRAINT {copy} TO {name}")
            } else {
                format!("ALTER INDEX {schema}{copy} RENAME TO {name}")
            }));
        }
        for change in cx.changes {
            work.push(Work::Sql(self.drop_column(cx.table, change.from)));
        }
        work.extend(sql(self.drop_mirror_functions(cx)));
        work.extend(renames);
        work.push(Work::ForgetSaved);
        let mut publish = cx.publish_stage(step, cx.contracted(), false, work);
        publish.name = "drop the old columns and publish".to_owned();
        publish.others = others;
        actions.push(publish);
        actions.push(cx.barrier(step, Phase::Contracted)?);
        Ok(actions)
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
        let step = Step::Rollback;
        let table = cx.table.sql();
        let (mut actions, mut work) = (Vec::new(), Vec::new());
        for change in cx.changes.iter().filter(|change| change.frozen.not_null) {
            let (before, last) = self.not_null(cx, step, change.from);
            actions.extend(before);
            work.extend(last);
        }
        let (replaced, others) = foreign_keys::restored_replaced(cx);
        work.extend(replaced);
        work.extend(primary_key::restored_replaced(cx));
        for change in cx.changes.iter().filter(|change| change.frozen.not_null) {
            work.extend(identity::restored(cx, change));
            work.push(Work::Sql(format!(
                "ALTER TABLE {table} ALTER COLUMN {} DROP NOT NULL",
                quote(change.to)
            )));
        }
        for saved in cx.saved {
            let copy = quote(&saved.copy);
            match &saved.constraint {
                Some(constraint) => {
                    work.push(self.attach(cx.table, &saved.name, constraint));
                    work.push(Work::Sql(format!(
                        "ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {copy}"
                    )));
                }
                None => work.push(Work::Sql(self.drop_index(cx.table, &saved.copy, false))),
            }
        }
        // a kill before old's unique indexes were dropped leaves unique copies that nothing was saved for
        for index in cx.old_indexes().filter(|index| index.unique) {
            let copy = self.copy_name(&index.name, true);
            let saved = cx.saved.iter().any(|saved| saved.name == index.name);
            if let (Some(found), false) = (cx.table.index(&copy), saved) {
                work.push(Work::Sql(match found.constraint {
                    Some(_) => format!("ALTER TABLE {table} DROP CONSTRAINT {}", quote(&copy)),
                    None => self.drop_index(cx.table, &copy, false),
                }));
            }
        }
        work.push(Work::ForgetSaved);
        work.extend(cx.refuse_one_sided()?);
        let mut publish = cx.publish_stage(step, cx.at(Phase::Switched), false, work);
        publish.name = "complete the old columns".to_owned();
        publish.others = others;
        actions.push(publish);
        Ok(actions)
    }

    fn keys_of_new(&self, cx: &Context<'_>, step: Step) -> Vec<Action> {
        foreign_keys::outbound(cx, step)
    }

    fn drop_keys_of_new(&self, cx: &Context<'_>) -> (Vec<Work>, Vec<Other>) {
        foreign_keys::dropped(cx)
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
        let table = cx.table.sql();
        // an empty table needs no intermediate column
        let changes: Vec<Active> = cx
            .changes
            .iter()
            .map(|change| Active {
                to: change.def.new,
                ..change.clone()
            })
            .collect();
        let done = Context {
            changes: &changes,
            ..*cx
        };
        let (mut work, keys, _) = foreign_keys::on_empty(cx);
        work.insert(0, Work::Freeze);
        let mut indexes = Vec::new();
        for index in cx.old_indexes() {
            let drop = match index.constraint {
                Some(_) => format!("ALTER TABLE {table} DROP CONSTRAINT {}", quote(&index.name)),
                None => self.drop_index(cx.table, &index.name, false),
            };
            work.push(Work::Sql(drop));
            let on_new = done.index_on_new(index);
            indexes.push(Work::Sql(self.create_index(
                cx.table,
                &on_new,
                &index.name,
                false,
            )));
            match &index.constraint {
                Some(_) if index.primary => {
                    indexes.push(primary_key::add(cx, index, &index.name));
                }
                Some(constraint) => {
                    indexes.push(self.attach(cx.table, &index.name, constraint));
                }
                None => {}
            }
        }
        for last in &changes {
            let same = last.from == last.to;
            let (before, after) = identity::on_empty(cx, last);
            work.extend(before);
            let mut add = self.add_column(cx, last)?.into_iter();
            if same {
                work.push(Work::Sql(self.drop_column(cx.table, last.from)));
            }
            work.extend(add.by_ref().map(Work::Sql));
            if !same {
                work.push(Work::Sql(self.drop_column(cx.table, last.from)));
            }
            let column = quote(last.to);
            let default = self.default_of_new(cx, last);
            if let Some(default) = default.filter(|_| last.frozen.identity.is_none()) {
                work.push(Work::Sql(format!(
                    "ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}"
                )));
            }
            if last.frozen.not_null {
                work.push(Work::Sql(format!(
                    "ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"
                )));
            }
            work.extend(after);
        }
        work.extend(indexes);
        work.extend(keys);
        Ok(work)
    }
}
