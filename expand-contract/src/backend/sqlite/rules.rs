//! SQLite's DDL.

use super::{definition, mirror, queue};
use crate::backend::queue::Mode;
use crate::backend::rules::Rules;
use crate::catalogue::{Index, IndexKey, Table};
use crate::definition::{Conversion, Dialect};
use crate::error::Error;
use crate::phase::{Phase, Side, Step};
use crate::plan::actions::sql;
use crate::plan::{Action, Active, Context, Definition, Kind, SavedIndex, Work};

/// Copies what it can of the write-ahead log into the file, waits for nobody, and says how far it came.
pub(crate) const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

pub(crate) struct Sqlite;

fn quote(name: &str) -> String {
    Dialect::Sqlite.quote(name)
}

/// What stands in the old column's definition, for the new one's.
fn checks_of_new(cx: &Context<'_>, change: &Active) -> Vec<String> {
    let own = cx.old_checks().filter(|check| {
        let column = check.column.as_deref();
        column.is_some_and(|column| column.eq_ignore_ascii_case(change.from))
    });
    own.filter(|check| !cx.is_left(&check.name))
        .map(|check| {
            let condition = cx.condition_on_new(check);
            match check.named {
                true => format!("CONSTRAINT {} CHECK ({condition})", quote(&check.name)),
                false => format!("CHECK ({condition})"),
            }
        })
        .collect()
}

impl Sqlite {
    fn drop_old_unique(&self, cx: &Context<'_>, step: Step) -> Vec<Action> {
        let one = |index: &Index| {
            let on_new = cx.index_on_new(index);
            let mut plain = on_new.clone();
            plain.unique = false;
            let saved = SavedIndex {
                name: index.name.clone(),
                copy: match cx.is_left(&index.name) {
                    true => String::new(),
                    false => self.copy_name(&index.name, true),
                },
                constraint: None,
                // word for word as it was
                restore: index.create_sql.clone(),
                renamed: self.create_index(cx.table, &on_new, &index.name, true),
                plain: self.create_index(
                    cx.table,
                    &plain,
                    &self.copy_name(&index.name, false),
                    true,
                ),
                extras: String::new(),
            };
            Action::new(
                step,
                format!("drop unique index {}", index.name),
                Kind::Ddl,
                "database write lock",
                vec![
                    Work::Save(saved),
                    Work::Sql(self.drop_index(cx.table, &index.name, false)),
                ],
            )
        };
        cx.old_indexes().filter(|i| i.unique).map(one).collect()
    }

    fn default_of_new(&self, cx: &Context<'_>, change: &Active) -> Option<String> {
        let default = change.frozen.default.as_ref()?;
        match change.conversion {
            Conversion::Identity => Some(default.clone()),
            _ => cx
                .convert(change, Side::Old, &format!("({default})"))
                .ok()
                .flatten(),
        }
    }
}

impl Rules for Sqlite {
    fn literal(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    fn text(&self, expr: &str) -> String {
        format!("CAST({expr} AS TEXT)")
    }

    fn same_around(&self, column: &str, _type_sql: &str, _collate: &str) -> (String, String) {
        // by bytes, whatever the column's collation
        (
            format!("{column} COLLATE BINARY IS ("),
            ") COLLATE BINARY".to_owned(),
        )
    }

    fn add_column(&self, cx: &Context<'_>, change: &Active) -> Result<Vec<String>, Error> {
        let type_sql = cx.new_type(change)?;
        let space = if type_sql.is_empty() { "" } else { " " };
        Ok(vec![format!(
            "ALTER TABLE {} ADD COLUMN {}{space}{type_sql}{}",
            cx.table.sql(),
            quote(change.to),
            cx.new_collate(change)
        )])
    }

    fn create_index(&self, table: &Table, index: &Index, name: &str, _live: bool) -> String {
        format!(
            "CREATE {}INDEX {} ON {} {}",
            if index.unique { "UNIQUE " } else { "" },
            quote(name),
            quote(&table.name.name),
            index.given.clone().unwrap_or_else(|| tail(index))
        )
    }

    fn drop_index(&self, _table: &Table, name: &str, _live: bool) -> String {
        format!("DROP INDEX IF EXISTS {}", quote(name))
    }

    fn index_kind(&self) -> Kind {
        Kind::Ddl
    }

    fn index_lock(&self) -> &'static str {
        "database write lock"
    }

    fn analyze_lock(&self) -> &'static str {
        "database write lock"
    }

    fn ddl_lock(&self) -> &'static str {
        "database write lock"
    }

    fn row_lock(&self) -> &'static str {
        "database write lock"
    }

    fn read_lock(&self) -> &'static str {
        "database write lock, briefly"
    }

    fn snapshots_sql(&self, _table: &Table) -> String {
        CHECKPOINT.to_owned()
    }

    fn transactions_sql(&self, _table: &Table) -> Option<String> {
        None
    }

    fn mirror_triggers(&self, cx: &Context<'_>, retired: bool) -> Result<Vec<String>, Error> {
        let mut out = mirror::names(cx, retired)?;
        out.extend(queue::names(cx, retired));
        Ok(out)
    }

    fn retire(&self, cx: &Context<'_>) -> Result<Vec<Action>, Error> {
        let step = Step::Retire;
        if cx.stage.phase == Phase::Retired {
            return Ok(self.drop_old_unique(cx, step));
        }
        let (mut actions, mut work) = (Vec::new(), cx.intact(false)?);
        for index in cx.carried_indexes().filter(|index| index.unique) {
            let name = self.copy_name(&index.name, true);
            actions.extend(cx.create_index(step, &cx.index_on_new(index), &name));
            work.push(Work::Sql(self.drop_index(
                cx.table,
                &self.copy_name(&index.name, false),
                false,
            )));
        }
        for change in cx.changes {
            let frozen = &change.frozen;
            let had_checks = definition::has_check(&frozen.definition);
            if !frozen.not_null && frozen.default.is_none() && !had_checks {
                continue;
            }
            work.push(Work::Define {
                column: change.from.to_owned(),
                edit: Definition::Constrain {
                    not_null: false,
                    default: None,
                    checks: Some(Vec::new()),
                },
            });
            work.push(Work::Define {
                column: change.to.to_owned(),
                edit: Definition::Constrain {
                    not_null: frozen.not_null,
                    default: self.default_of_new(cx, change),
                    checks: Some(checks_of_new(cx, change)),
                },
            });
        }
        work.extend(sql(self.mirror_retired(cx)?));
        actions.push(cx.late_statements(step));
        actions.push(cx.publish(step, Phase::Retired, work));
        actions.push(cx.barrier(step, Phase::Retired)?);
        actions.extend(self.drop_old_unique(cx, step));
        Ok(actions)
    }

    fn contract(&self, cx: &Context<'_>) -> Result<Vec<Action>, Error> {
        let step = Step::Contract;
        let mut actions = self.drop_old_unique(cx, step);
        let mut work = cx.intact(true)?;
        work.extend(sql(self.drop_mirror(cx)));
        let mut creates = Vec::new();
        // SQLite cannot rename an index: it is built again under its own name
        for index in cx.old_indexes() {
            let copy = self.copy_name(&index.name, index.unique);
            work.push(Work::Sql(self.drop_index(cx.table, &index.name, false)));
            work.push(Work::Sql(self.drop_index(cx.table, &copy, false)));
            if cx.is_left(&index.name) {
                continue;
            }
            let on_new = cx.index_on_new(index);
            creates.push(Work::Sql(self.create_index(
                cx.table,
                &on_new,
                &index.name,
                false,
            )));
        }
        for saved in cx.saved.iter().filter(|saved| !saved.copy.is_empty()) {
            work.push(Work::Sql(self.drop_index(cx.table, &saved.copy, false)));
            creates.push(Work::Sql(saved.renamed.clone()));
        }
        for change in cx.changes {
            work.push(Work::Sql(self.drop_column(cx.table, change.from)));
        }
        work.extend(creates);
        work.push(Work::ForgetSaved);
        let mut publish = cx.publish_stage(step, cx.contracted(), false, work);
        publish.name = "drop the old columns and publish".to_owned();
        actions.push(publish);
        actions.push(cx.barrier(step, Phase::Contracted)?);
        Ok(actions)
    }

    fn defaults_to_old(&self, cx: &Context<'_>) -> Vec<Work> {
        let mut work = Vec::new();
        for change in cx.changes {
            let frozen = &change.frozen;
            if frozen.default.is_some() {
                work.push(Work::Define {
                    column: change.from.to_owned(),
                    edit: Definition::Constrain {
                        not_null: false,
                        default: frozen.default.clone(),
                        checks: None,
                    },
                });
                work.push(Work::Define {
                    column: change.to.to_owned(),
                    edit: Definition::Constrain {
                        not_null: frozen.not_null,
                        default: None,
                        checks: None,
                    },
                });
            }
        }
        work
    }

    fn restore_old(&self, cx: &Context<'_>) -> Result<Vec<Action>, Error> {
        let step = Step::Rollback;
        let mut work = Vec::new();
        for change in cx.changes {
            let frozen = &change.frozen;
            let had_checks = definition::has_check(&frozen.definition);
            if !frozen.not_null && frozen.default.is_none() && !had_checks {
                continue;
            }
            work.push(Work::Define {
                column: change.from.to_owned(),
                edit: Definition::Replace(frozen.definition.clone()),
            });
            work.push(Work::Define {
                column: change.to.to_owned(),
                edit: Definition::Constrain {
                    not_null: false,
                    default: None,
                    checks: Some(Vec::new()),
                },
            });
        }
        for saved in cx.saved.iter().filter(|saved| !saved.copy.is_empty()) {
            work.push(Work::Sql(self.drop_index(cx.table, &saved.copy, false)));
        }
        for index in cx.old_indexes().filter(|index| index.unique) {
            let copy = self.copy_name(&index.name, true);
            work.push(Work::Sql(self.drop_index(cx.table, &copy, false)));
        }
        work.push(Work::ForgetSaved);
        work.extend(cx.refuse_one_sided()?);
        let mut publish = cx.publish_stage(step, cx.at(Phase::Switched), false, work);
        publish.name = "complete the old columns".to_owned();
        Ok(vec![publish])
    }

    fn mirror(&self, cx: &Context<'_>) -> Result<Vec<String>, Error> {
        let mut out = mirror::install(cx, false)?;
        out.extend(queue::install(cx, Mode::Queue)?);
        Ok(out)
    }

    fn mirror_retired(&self, cx: &Context<'_>) -> Result<Vec<String>, Error> {
        let mut out = mirror::drop_triggers(cx);
        out.extend(mirror::install(cx, true)?);
        out.extend(queue::install(cx, Mode::Retired)?);
        Ok(out)
    }

    fn mirror_settled(&self, cx: &Context<'_>) -> Vec<String> {
        mirror::drop_backward(cx)
    }

    fn mirror_back(&self, cx: &Context<'_>) -> Result<Vec<String>, Error> {
        let mut out = mirror::drop_triggers(cx);
        out.extend(mirror::install(cx, false)?);
        out.extend(queue::install(cx, Mode::Back)?);
        Ok(out)
    }

    fn drop_mirror(&self, cx: &Context<'_>) -> Vec<String> {
        let mut out = mirror::drop_triggers(cx);
        out.extend(queue::drop_triggers(cx));
        out
    }

    fn unseen(&self, change: &Active) -> Option<String> {
        Some(format!(
            "SQLite shows nobody who knows `{}` by its old name only",
            change.from
        ))
    }

    fn queue(&self, cx: &Context<'_>, mode: Mode) -> Result<Vec<String>, Error> {
        queue::install(cx, mode)
    }

    fn row_key(&self, table: &Table, row: &str) -> String {
        queue::row_key(table, row)
    }

    fn lock_free_rows(&self) -> &'static str {
        // the transaction has all of them
        ""
    }

    fn writers_lock(&self) -> &'static str {
        "database write lock"
    }

    fn on_empty(&self, cx: &Context<'_>) -> Result<Vec<Work>, Error> {
        // final types and names: an empty table needs no intermediate column
        let changes = cx.last_names();
        let cx = &Context {
            changes: &changes,
            ..*cx
        };
        let mut work = vec![Work::Freeze];
        let mut indexes = Vec::new();
        for index in cx.old_indexes() {
            work.push(Work::Sql(self.drop_index(cx.table, &index.name, false)));
            if cx.is_left(&index.name) {
                continue;
            }
            let on_new = cx.index_on_new(index);
            indexes.push(Work::Sql(self.create_index(
                cx.table,
                &on_new,
                &index.name,
                false,
            )));
        }
        for last in cx.changes {
            let same = last.from.eq_ignore_ascii_case(last.to);
            let old = Work::Sql(self.drop_column(cx.table, last.from));
            if same {
                work.push(old.clone());
            }
            work.extend(self.add_column(cx, last)?.into_iter().map(Work::Sql));
            let had_checks = definition::has_check(&last.frozen.definition);
            if last.frozen.not_null || last.frozen.default.is_some() || had_checks {
                work.push(Work::Define {
                    column: last.to.to_owned(),
                    edit: Definition::Constrain {
                        not_null: last.frozen.not_null,
                        default: self.default_of_new(cx, last),
                        checks: Some(checks_of_new(cx, last)),
                    },
                });
            }
            if !same {
                work.push(old);
            }
        }
        work.extend(indexes);
        Ok(work)
    }
}

/// What follows the table's name in the statement that creates the index.
fn tail(index: &Index) -> String {
    let dialect = Dialect::Sqlite;
    let key = |key: &IndexKey| {
        let what = match &key.expression {
            Some(expression) => expression.sql(dialect),
            None => dialect.quote(&key.column),
        };
        format!("{what}{}{}", key.typed, key.order)
    };
    let keys: Vec<String> = index.keys.iter().map(key).collect();
    let mut sql = format!("({})", keys.join(", "));
    if let Some(condition) = &index.condition {
        sql.push_str(&format!(" WHERE {}", condition.sql(dialect)));
    }
    sql
}
