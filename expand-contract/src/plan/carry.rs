//! What the old columns have, on the new ones: translated from the catalogue, or as the annotation gives it.

use super::{Active, Context};
use crate::catalogue::expr::rename;
use crate::catalogue::{Check, Expr, Index, Statistics};
use crate::definition::{Conversion, Part};
use crate::error::Obstacle;

/// What the annotation says of an object by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// How it is on the new column.
    Sql(String),
    /// The new column does not get it.
    Left,
}

impl Context<'_> {
    fn said(&self, name: &str) -> Option<Said> {
        let dialect = self.table.dialect;
        let found = self.changes.iter().find_map(|change| {
            let mut carry = change.def.carry.iter();
            let found = carry.find(|carry| dialect.same_name(carry.name, name))?;
            match &found.sql {
                None => Some(None),
                Some(sql) => Some(Some((change.def.new, sql.parts(dialect)?))),
            }
        });
        let Some((column, parts)) = found? else {
            return Some(Said::Left);
        };
        let mut sql = String::new();
        for part in parts {
            match part {
                Part::Sql(text) => sql.push_str(text),
                Part::Column => dialect.quote_into(column, &mut sql),
            }
        }
        // the annotation knows all columns by their last names
        let names: Vec<(&str, &str)> = self
            .changes
            .iter()
            .filter(|change| change.def.new != change.to)
            .map(|change| (change.def.new, change.to))
            .collect();
        let renamed = match names.is_empty() {
            true => None,
            false => rename(&sql, dialect, &names),
        };
        Some(Said::Sql(renamed.unwrap_or(sql)))
    }

    /// Whether the annotation wants no copy of an object.
    pub(crate) fn is_left(&self, name: &str) -> bool {
        self.said(name) == Some(Said::Left)
    }

    fn change_from(&self, column: &str) -> Option<&Active> {
        let mut changes = self.changes.iter();
        changes.find(|change| self.table.dialect.same_name(change.from, column))
    }

    /// The name of a column's successor.
    pub(crate) fn new_name(&self, column: &str) -> String {
        match self.change_from(column) {
            Some(change) => change.to.to_owned(),
            None => column.to_owned(),
        }
    }

    fn renamed(&self, expr: &Expr) -> String {
        self.on_new(expr).sql(self.table.dialect)
    }

    /// The indexes that contain a column of the pass's start.
    pub(crate) fn old_indexes(&self) -> impl Iterator<Item = &Index> {
        self.table.indexes.iter().filter(|index| {
            self.changes
                .iter()
                .any(|change| index.covers(change.from, self.table.dialect))
                && !self.is_next_key(index)
        })
    }

    // built on the old columns by a rollback, to be the primary key again
    fn is_next_key(&self, index: &Index) -> bool {
        let mut keys = self.table.indexes.iter().filter(|key| key.primary);
        keys.any(|key| index.name == self.rules.copy_name(&key.name, true))
    }

    /// The index with the old columns in the new ones' places.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn index_on_old(&self, index: &Index) -> Index {
        let mut copy = index.clone();
        for change in self.changes {
            let keys = copy.keys.iter_mut().map(|key| &mut key.column);
            let mut names = keys.chain(&mut copy.included);
            if let Some(name) = names.find(|name| **name == change.to) {
                *name = change.from.to_owned();
            }
        }
        copy
    }

    /// Those of them that the new columns get.
    pub(crate) fn carried_indexes(&self) -> impl Iterator<Item = &Index> {
        self.old_indexes()
            .filter(|index| !self.is_left(&index.name))
    }

    /// The index with the new columns in the old ones' places.
    pub(crate) fn index_on_new(&self, index: &Index) -> Index {
        let mut copy = index.clone();
        if let Some(Said::Sql(sql)) = self.said(&index.name) {
            copy.given = Some(sql);
            return copy;
        }
        for key in &mut copy.keys {
            if let Some(expression) = &mut key.expression {
                *expression = self.on_new(expression);
            } else if let Some(change) = self.change_from(&key.column) {
                key.column = change.to.to_owned();
                if change.conversion != Conversion::Identity {
                    key.typed = String::new();
                }
            }
        }
        for name in &mut copy.included {
            *name = self.new_name(name);
        }
        copy.condition = copy.condition.map(|condition| self.on_new(&condition));
        copy
    }

    /// What the database must hold for an expression on the new columns; none where the annotation gives it, or where a column
    /// in it has another type.
    pub(super) fn translated(&self, name: &str, expr: &Expr) -> Option<Expr> {
        let (table, dialect) = (self.table, self.table.dialect);
        let mut changes = self.changes.iter();
        let retyped = changes.any(|change| {
            let found = table.column(change.to).map(|column| &column.type_sql);
            expr.mentions(change.from, dialect) && found != Some(&change.frozen.old_type)
        });
        (!retyped && self.said(name).is_none()).then(|| self.on_new(expr))
    }

    fn on_new(&self, expr: &Expr) -> Expr {
        expr.with_names(&|column| self.new_name(column))
    }

    /// The CHECK constraints over a column of the pass's start.
    pub(crate) fn old_checks(&self) -> impl Iterator<Item = &Check> {
        let dialect = self.table.dialect;
        self.table.checks.iter().filter(move |check| {
            let mut changes = self.changes.iter();
            let stands_in = |change: &Active| check.name == self.null_check(change.from);
            let elsewhere = |change: &Active| {
                let column = check.column.as_ref();
                column.is_some_and(|column| !dialect.same_name(column, change.from))
            };
            changes.any(|change| {
                check.condition.mentions(change.from, dialect)
                    && !stands_in(change)
                    && !elsewhere(change)
            })
        })
    }

    /// The name of the CHECK that stands in for NOT NULL until that is set.
    pub(crate) fn null_check(&self, column: &str) -> String {
        let name = format!("{}_{column}_nn", self.table.name.name);
        self.rules.copy_name(&name, false)
    }

    /// The condition of a CHECK on the new columns.
    pub(crate) fn condition_on_new(&self, check: &Check) -> String {
        match self.said(&check.name) {
            Some(Said::Sql(sql)) => sql,
            _ => self.renamed(&check.condition),
        }
    }

    /// The statistics objects over a column of the pass's start.
    pub(crate) fn old_statistics(&self) -> impl Iterator<Item = &Statistics> {
        let dialect = self.table.dialect;
        self.table.statistics.iter().filter(move |statistics| {
            let mut changes = self.changes.iter();
            changes.any(|change| statistics.on.mentions(change.from, dialect))
        })
    }

    /// The list of a statistics object on the new columns.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn statistics_on_new(&self, statistics: &Statistics) -> String {
        match self.said(&statistics.name) {
            // the list itself has none
            Some(Said::Sql(sql)) => {
                let inner = sql.trim().strip_prefix('(');
                let inner = inner.and_then(|inner| inner.strip_suffix(')'));
                inner.unwrap_or(&sql).to_owned()
            }
            _ => self.renamed(&statistics.on),
        }
    }

    /// The CHECK constraints whose conditions the annotation gives, with these.
    pub(crate) fn given_checks(&self) -> impl Iterator<Item = (&Check, String)> {
        self.old_checks()
            .filter_map(|check| match self.said(&check.name) {
                Some(Said::Sql(sql)) => Some((check, sql)),
                _ => None,
            })
    }

    /// Conditions under which a row does not satisfy what the annotation gives for a CHECK that all rows satisfied.
    pub(crate) fn violations(&self) -> impl Iterator<Item = String> + '_ {
        let checks = self.given_checks().filter(|(check, _)| check.validated);
        checks.map(|(_, sql)| format!("({sql}) IS FALSE"))
    }

    /// What the annotation names that the table does not have.
    pub(crate) fn unknown_names(&self) -> Vec<Obstacle> {
        let (table, mut out) = (self.table, Vec::new());
        for change in self.changes {
            for carry in change.def.carry {
                let applies = carry
                    .sql
                    .is_none_or(|sql| sql.parts(table.dialect).is_some());
                let known = |name: &String| table.dialect.same_name(name, carry.name);
                let found = self.old_indexes().any(|index| known(&index.name))
                    || self.old_checks().any(|check| known(&check.name))
                    || self.old_statistics().any(|known_by| known(&known_by.name));
                if applies && !found {
                    out.push(Obstacle::new(
                        change.from,
                        "no index, CHECK constraint or statistics with the annotation's name",
                        carry.name,
                    ));
                }
            }
        }
        out
    }

    /// What cannot be translated, with what to add to the annotation.
    pub(crate) fn untranslatable(&self) -> Vec<Obstacle> {
        let mut out = Vec::new();
        for index in self.old_indexes() {
            if index.problem.is_none() && self.said(&index.name).is_none() {
                let (kind, flaw) = self.index_flaw(index);
                out.extend(self.obstacle(flaw, kind, &index.name, "(…)"));
            }
            // it has to be one that the server takes for that, and of plain columns no annotation need speak
            if index.replica_identity && self.said(&index.name).is_some() {
                if let Some(change) = self.of_index(index) {
                    let kind = "replica identity index that the annotation names";
                    out.push(Obstacle::new(change.from, kind, &index.name));
                }
            }
        }
        for check in self.old_checks() {
            if self.said(&check.name).is_none() {
                let flaw = self.flaw(&check.condition);
                out.extend(self.obstacle(flaw, "CHECK constraint", &check.name, "…"));
            }
        }
        for statistics in self.old_statistics() {
            if self.said(&statistics.name).is_none() {
                let flaw = self.flaw(&statistics.on);
                // columns stay columns, whatever their types
                let flaw = flaw
                    .filter(|flaw| statistics.expressions || matches!(flaw, Flaw::Uncertain(_)));
                out.extend(self.obstacle(flaw, "extended statistics", &statistics.name, "(…)"));
            }
        }
        out
    }

    fn of_index(&self, index: &Index) -> Option<&Active> {
        let mut changes = self.changes.iter();
        changes.find(|change| index.covers(change.from, self.table.dialect))
    }

    fn index_flaw(&self, index: &Index) -> (&'static str, Option<Flaw<'_>>) {
        for key in &index.keys {
            match &key.expression {
                Some(expression) => {
                    if let Some(flaw) = self.flaw(expression) {
                        return ("expression index", Some(flaw));
                    }
                }
                None => {
                    let change = self.change_from(&key.column);
                    let retyped = change.filter(|c| c.conversion != Conversion::Identity);
                    if let (Some(change), false) = (retyped, self.rules.takes_any_type(key)) {
                        let kind = "index with an operator class or collation";
                        return (kind, Some(Flaw::Retyped(change)));
                    }
                }
            }
        }
        let flaw = index.condition.as_ref().and_then(|c| self.flaw(c));
        ("partial index", flaw)
    }

    fn flaw(&self, expr: &Expr) -> Option<Flaw<'_>> {
        let dialect = self.table.dialect;
        let mut in_it = self
            .changes
            .iter()
            .filter(|change| expr.mentions(change.from, dialect));
        in_it.find_map(|change| match change.conversion {
            Conversion::Identity if expr.is_certain_of(change.from, dialect) => None,
            Conversion::Identity => Some(Flaw::Uncertain(change)),
            _ => Some(Flaw::Retyped(change)),
        })
    }

    fn obstacle(
        &self,
        flaw: Option<Flaw<'_>>,
        kind: &str,
        name: &str,
        sql: &str,
    ) -> Option<Obstacle> {
        let (change, why) = match flaw? {
            Flaw::Retyped(change) => (change, "over a column whose type changes"),
            Flaw::Uncertain(change) => (change, "that cannot be translated"),
        };
        let mut obstacle = Obstacle::new(change.from, &format!("{kind} {why}"), name);
        obstacle.remedy = Some(remedy(name, sql, change));
        Some(obstacle)
    }
}

/// What to add to the annotation of the change, for an object that it has to speak of.
pub(crate) fn remedy(name: &str, sql: &str, change: &Active) -> String {
    format!(
        "`carry({name:?} = \"{sql}\")` with what it is on `{}`, or `drop({name:?})`,",
        change.def.new
    )
}

/// Why the machine cannot say what an expression is on the new column.
enum Flaw<'a> {
    Retyped(&'a Active),
    Uncertain(&'a Active),
}
