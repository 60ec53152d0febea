//! Copies on the new columns: of indexes and statistics, and away with them after a rollback.

use super::actions::sql;
use super::{Action, Active, Context, Kind, Work};
use crate::catalogue::Index;
use crate::error::Obstacle;
use crate::phase::{Phase, Step};

impl Context<'_> {
    /// Plain copies of all indexes with an old column that have none yet.
    pub(crate) fn plain_copies(&self, step: Step) -> Vec<Action> {
        self.carried_indexes()
            .flat_map(|index| self.plain_copy(step, index))
            .collect()
    }

    /// The part of them that comes before the rows are copied: a partition that is added meanwhile gets its index from the
    /// partitioned table's.
    pub(crate) fn parent_copies(&self, step: Step) -> Vec<Action> {
        let partitioned = self.table.partitions.is_some();
        self.carried_indexes()
            .filter(|_| partitioned)
            .filter_map(|index| {
                let (name, copy) = self.plain(index);
                self.rules.parent_index(self, step, (index, &copy), &name)
            })
            .collect()
    }

    /// Those of indexes that are not unique: what came to the old column since `backfill`.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn late_copies(&self, step: Step) -> Vec<Action> {
        let mut out: Vec<Action> = self
            .carried_indexes()
            .filter(|index| !index.unique)
            .flat_map(|index| self.plain_copy(step, index))
            .collect();
        let statistics = self.copy_statistics(step);
        if !out.is_empty() || statistics.is_some() {
            out.extend(statistics);
            out.push(self.analyze(step));
        }
        out
    }

    fn plain(&self, index: &Index) -> (String, Index) {
        let mut copy = self.index_on_new(index);
        copy.unique = false;
        (self.rules.copy_name(&index.name, false), copy)
    }

    fn plain_copy(&self, step: Step, index: &Index) -> Vec<Action> {
        let (name, copy) = self.plain(index);
        if self.table.partitions.is_none() {
            return self.create_index(step, &copy, &name).into_iter().collect();
        }
        let parent = self.rules.parent_index(self, step, (index, &copy), &name);
        let mut out: Vec<Action> = parent.into_iter().collect();
        out.extend(self.rules.part_indexes(self, step, (index, &copy), &name));
        out
    }

    /// The action that creates an index unless it is there.
    pub(crate) fn create_index(&self, step: Step, index: &Index, name: &str) -> Option<Action> {
        let found = self.table.index(name);
        if found.is_some_and(|found| found.valid) {
            return None;
        }
        let mut work = Vec::new();
        if found.is_some() {
            work.push(Work::Sql(self.rules.drop_index(self.table, name, true)));
        }
        work.push(Work::Sql(
            self.rules.create_index(self.table, index, name, true),
        ));
        Some(Action::new(
            step,
            format!("create index {name}"),
            self.rules.index_kind(),
            self.rules.index_lock(),
            work,
        ))
    }

    /// Statistics objects on the new columns, and what ANALYZE goes by; none if there is nothing of the kind.
    pub(crate) fn copy_statistics(&self, step: Step) -> Option<Action> {
        let work: Vec<Work> = sql(self.rules.copy_statistics(self)).collect();
        let lock = self.rules.analyze_lock();
        let action = || Action::new(step, "copy statistics", Kind::Ddl, lock, work.clone());
        (!work.is_empty()).then(action)
    }

    pub(crate) fn analyze(&self, step: Step) -> Action {
        let analyze = Work::Sql(self.rules.analyze(self));
        let lock = self.rules.analyze_lock();
        Action::new(step, "analyze", Kind::Ddl, lock, vec![analyze])
    }

    /// What the database holds on the new columns otherwise than on the old ones, of what was translated.
    pub(crate) fn differing(&self) -> Vec<Obstacle> {
        let mut out = Vec::new();
        let mut differs = |kind, name: &str| {
            let column = self.changes.first().map_or("", |change| change.from);
            out.push(Obstacle::new(column, kind, name));
        };
        for index in self.carried_indexes() {
            let name = self.rules.copy_name(&index.name, index.unique);
            let Some(found) = self.table.index(&name) else {
                continue;
            };
            let wanted = index.expressions().map(|e| self.translated(&index.name, e));
            let mut both = wanted.zip(found.expressions());
            if both.any(|(wanted, found)| wanted.is_some_and(|wanted| !wanted.is_held_as(found))) {
                differs("index whose copy came out differently", &index.name);
            }
        }
        for check in self.old_checks() {
            let found = self.table.check(&self.rules.copy_name(&check.name, false));
            let wanted = self.translated(&check.name, &check.condition);
            if let (Some(wanted), Some(found)) = (wanted, found) {
                if !wanted.is_held_as(&found.condition) {
                    differs(
                        "CHECK constraint whose copy came out differently",
                        &check.name,
                    );
                }
            }
        }
        for statistics in self.old_statistics() {
            let name = self.rules.copy_name(&statistics.name, false);
            let wanted = self.translated(&statistics.name, &statistics.on);
            if let (Some(wanted), Some(found)) = (wanted, self.table.statistics(&name)) {
                if !wanted.is_held_as(&found.on) {
                    differs(
                        "statistics whose copy came out differently",
                        &statistics.name,
                    );
                }
            }
        }
        out
    }

    /// Drops the new columns after a rollback to the start.
    pub(crate) fn drop_new(&self) -> Action {
        let mut work: Vec<Work> = sql(self.rules.drop_mirror(self)).collect();
        let (keys, others) = self.rules.drop_keys_of_new(self);
        work.extend(keys);
        for index in &self.table.indexes {
            let on_new = |change: &Active| {
                index.covers(change.to, self.table.dialect)
                    && !index.covers(change.from, self.table.dialect)
            };
            if self.changes.iter().any(on_new) {
                work.push(Work::Sql(self.rules.drop_index(
                    self.table,
                    &index.name,
                    false,
                )));
            }
        }
        work.extend(sql(self.rules.drop_statistics(self)));
        for change in self.changes {
            if self.table.has(change.to) || self.stage.phase != Phase::Original {
                work.push(Work::Sql(self.rules.drop_column(self.table, change.to)));
            }
        }
        work.extend(sql(self.rules.drop_mirror_functions(self)));
        let mut action = self.publish(Step::Rollback, Phase::Original, work);
        action.name = "drop the new columns".to_owned();
        action.others = others;
        action
    }
}
