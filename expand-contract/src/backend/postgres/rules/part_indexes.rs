//! Indexes of a partitioned table, which cannot be built concurrently as a whole: the table's own, without rows and not valid
//! yet, then one per partition, each attached. The last one makes the table's valid (manual, *CREATE INDEX*).
//!
//! From the moment the table has its own, the server sees to partitions that come to it. So partitions that are partitioned
//! themselves get theirs in the same transaction, and only those with rows have anything to build.
//!
//! A unique constraint is made of no index that a partitioned table has. Once every partition has its index, one transaction
//! makes constraints of these, gives the table its own, and attaches them, as a dump does it.

use super::partitions::{above, as_table, branches, leaves, partitions, unchanged};
use super::{indexes, quote, schema, Postgres};
use crate::backend::rules::Rules;
use crate::catalogue::{Index, Partition, Table};
use crate::phase::Step;
use crate::plan::{Action, Context, Kind, SavedIndex, Work};

/// The lock in which an index of a partition that is partitioned becomes valid. The server then looks at the one above, and
/// locks that index and its table against everybody, in this order (`validatePartitionedIndex` in its `tablecmds.c`), which is
/// not that of those who read and write: unless nobody can be there, it would hardly ever get both.
const COMPLETING: &str = "ACCESS EXCLUSIVE";

/// Which names the partitions' indexes get.
#[derive(Clone, Copy)]
enum Names<'w> {
    /// Those of copies of this one's, until they take that one's names.
    Copies { of: &'w Index, unique: bool },
    /// Those of this one's.
    Same { of: &'w Index },
    /// Anew: those that were are on record in the statements that give them back.
    Restored,
    /// Those of the primary key whose place it takes.
    Key { of: &'w Index },
}

/// An index that a partitioned table is to have.
#[derive(Clone, Copy)]
pub(in crate::backend::postgres) struct Wanted<'w> {
    cx: &'w Context<'w>,
    index: &'w Index,
    /// The table's own.
    name: &'w str,
    names: Names<'w>,
}

impl<'w> Wanted<'w> {
    /// A copy of one that is there.
    pub(crate) fn copy(
        cx: &'w Context<'w>,
        (of, index): (&'w Index, &'w Index),
        name: &'w str,
    ) -> Self {
        Wanted {
            cx,
            index,
            name,
            names: Names::Copies {
                of,
                unique: index.unique,
            },
        }
    }

    /// One in another's place.
    pub(crate) fn instead(cx: &'w Context<'w>, of: &'w Index, index: &'w Index) -> Self {
        Wanted {
            cx,
            index,
            name: &of.name,
            names: Names::Same { of },
        }
    }

    /// One that `retire` has dropped.
    pub(crate) fn restored(cx: &'w Context<'w>, index: &'w Index, name: &'w str) -> Self {
        Wanted {
            cx,
            index,
            name,
            names: Names::Restored,
        }
    }

    /// The primary key in the place of the one that there is.
    pub(crate) fn key(cx: &'w Context<'w>, of: &'w Index, index: &'w Index) -> Self {
        Wanted {
            cx,
            index,
            name: &of.name,
            names: Names::Key { of },
        }
    }

    /// The name on a partition that it is built under.
    fn built(&self, partition: &Partition) -> String {
        let part = self.part(partition);
        match self.names {
            Names::Key { .. } => self.cx.rules.copy_name(&format!("{part} key"), true),
            _ => part,
        }
    }

    /// The name on a partition.
    fn part(&self, partition: &Partition) -> String {
        let part = |of: &'w Index| of.parts.iter().find(|part| part.of == partition.id);
        let partition = &partition.name.name;
        match self.names {
            Names::Copies { of, unique } => match part(of) {
                Some(part) => self.cx.rules.copy_name(&part.name, unique),
                None => {
                    let name = format!("{partition} {}", of.name);
                    self.cx.rules.copy_name(&name, unique)
                }
            },
            Names::Same { of } | Names::Key { of } => match part(of) {
                Some(part) => part.name.clone(),
                None => self.anew(partition),
            },
            Names::Restored => self.anew(partition),
        }
    }

    // nobody's own index has such a name
    fn anew(&self, partition: &str) -> String {
        let name = format!("{partition}_{}", self.name);
        self.cx.rules.copy_name(&name, true)
    }

    /// The name on a partition that belongs to the table's own, where it does already: one that came later has it from the
    /// server, under a name of the server's.
    fn attached(&self, partition: &Partition) -> Option<&'w str> {
        if let Names::Key { .. } = self.names {
            // under its name there is another one until then
            return None;
        }
        let found = self.cx.table.index(self.name)?;
        let mut parts = found.parts.iter();
        let part = parts.find(|part| part.of == partition.id)?;
        Some(part.name.as_str())
    }

    /// The name on what a partition is one of.
    fn above(&self, partition: &Partition) -> String {
        let Some(above) = above(self.cx.table, partition) else {
            return self.name.to_owned();
        };
        let attached = self.attached(above);
        attached.map_or_else(|| self.part(above), str::to_owned)
    }

    fn only(&self, table: &Table, name: &str) -> Work {
        Work::Sql(format!(
            "CREATE {}INDEX {} ON ONLY {} {}",
            if self.index.unique { "UNIQUE " } else { "" },
            quote(name),
            table.sql(),
            indexes::definition(self.index)
        ))
    }

    fn attach(&self, partition: &Partition) -> Work {
        let schema = schema(self.cx.table);
        Work::Sql(format!(
            "ALTER INDEX {schema}{} ATTACH PARTITION {schema}{}",
            quote(&self.above(partition)),
            quote(&self.part(partition))
        ))
    }

    /// The table's own, and those of partitions that are partitioned, as `create` makes them.
    fn without_rows(&self, create: impl Fn(&Table, &str) -> Work) -> Vec<Work> {
        let mut out = vec![create(self.cx.table, self.name)];
        for one in branches(self.cx.table) {
            out.push(create(&as_table(self.cx.table, one), &self.part(one)));
            out.push(self.attach(one));
        }
        out
    }

    /// The table's own index, unless it is there.
    pub(crate) fn parent(&self, step: Step) -> Option<Action> {
        if self.cx.table.index(self.name).is_some() {
            return None;
        }
        let mut work: Vec<Work> = unchanged(self.cx).into_iter().collect();
        work.extend(self.without_rows(|table, name| self.only(table, name)));
        let name = format!("create index {} without its partitions", self.name);
        let nested = branches(self.cx.table)
            .iter()
            .any(|one| one.parent.is_some());
        let lock = if nested { COMPLETING } else { "SHARE" };
        Some(Action::new(step, name, Kind::Ddl, lock, work))
    }

    /// The action that builds a partition's, unless that was done.
    fn build(&self, step: Step, one: &Partition) -> Option<Action> {
        let part = self.built(one);
        let built = one.loose.iter().find(|(loose, _)| *loose == part);
        if built.is_some_and(|(_, valid)| *valid) {
            return None;
        }
        let mut work = Vec::new();
        if built.is_some() {
            work.push(Work::Sql(Postgres.drop_index(self.cx.table, &part, true)));
        }
        let on = as_table(self.cx.table, one);
        work.push(Work::Sql(indexes::create(&on, self.index, &part, true)));
        let mut build = Action::new(
            step,
            format!("create index {part}"),
            Kind::Outside,
            Postgres.index_lock(),
            work,
        );
        build.part = Some(one.size);
        Some(build)
    }

    /// The partitions' indexes that are not attached yet.
    pub(crate) fn parts(&self, step: Step) -> Vec<Action> {
        let mut out = Vec::new();
        let missing = leaves(self.cx.table).filter(|one| self.attached(one).is_none());
        let missing: Vec<&Partition> = missing.collect();
        for (at, one) in missing.iter().enumerate() {
            out.extend(self.build(step, one));
            let mut later = missing.iter().skip(at + 1);
            let completes = one.parent.is_some() && later.all(|other| other.parent != one.parent);
            let same = Work::Partitions {
                ids: vec![one.id.clone()],
                all: false,
            };
            out.push(Action::new(
                step,
                format!("attach index {}", self.part(one)),
                Kind::Ddl,
                if completes {
                    COMPLETING
                } else {
                    "SHARE UPDATE EXCLUSIVE"
                },
                vec![same, self.attach(one)],
            ));
        }
        out
    }

    /// All that there is to build; of a constraint, nothing is attached before [`Wanted::constraint`].
    pub(crate) fn unique(&self, step: Step, constraint: bool) -> Vec<Action> {
        if !constraint {
            return self
                .parent(step)
                .into_iter()
                .chain(self.parts(step))
                .collect();
        }
        let missing = leaves(self.cx.table).filter(|one| self.attached(one).is_none());
        missing.filter_map(|one| self.build(step, one)).collect()
    }

    /// The constraint, of indexes that all partitions with rows have: nothing is looked at but the catalogue.
    pub(crate) fn constraint(&self) -> Vec<Work> {
        let mut out: Vec<Work> = unchanged(self.cx).into_iter().collect();
        for one in leaves(self.cx.table) {
            let on = as_table(self.cx.table, one);
            let index = self.built(one);
            out.push(indexes::add(&on, self.index, &self.part(one), &index));
        }
        out.extend(self.without_rows(|table, name| {
            Work::Sql(format!(
                "ALTER TABLE ONLY {} ADD CONSTRAINT {} {}",
                table.sql(),
                quote(name),
                indexes::clause(self.index)
            ))
        }));
        out.extend(leaves(self.cx.table).map(|one| self.attach(one)));
        out
    }

    /// All at once, on a table without rows.
    pub(crate) fn on_empty(&self) -> Vec<Work> {
        let mut out = Vec::new();
        let is_constraint = self.index.constraint.is_some();
        if !is_constraint {
            out.extend(self.without_rows(|table, name| self.only(table, name)));
        }
        for one in leaves(self.cx.table) {
            let on = as_table(self.cx.table, one);
            let create = indexes::create(&on, self.index, &self.built(one), false);
            out.push(Work::Sql(create));
            if !is_constraint {
                out.push(self.attach(one));
            }
        }
        if is_constraint {
            out.extend(self.constraint());
        }
        out
    }

    /// Drops what was built on partitions and never attached.
    pub(crate) fn drop_loose(&self) -> Vec<String> {
        let mut out = Vec::new();
        for one in leaves(self.cx.table) {
            let part = self.built(one);
            if one.loose.iter().any(|(name, _)| *name == part) {
                out.push(Postgres.drop_index(self.cx.table, &part, false));
            }
        }
        out
    }
}

fn rename(cx: &Context<'_>, from: &str, to: &str) -> String {
    let schema = schema(cx.table);
    // a partition may be gone by then
    format!(
        "ALTER INDEX IF EXISTS {schema}{} RENAME TO {}",
        quote(from),
        quote(to)
    )
}

/// The statements by which the parts of an index's copy take the names of its parts.
pub(crate) fn take_names(cx: &Context<'_>, old: &Index) -> Vec<String> {
    let name = cx.rules.copy_name(&old.name, old.unique);
    let copy = Wanted::copy(cx, (old, old), &name);
    let mut out = Vec::new();
    for one in partitions(cx.table) {
        if let Some(gone) = old.parts.iter().find(|part| part.of == one.id) {
            let there = copy.attached(one);
            let there = there.map_or_else(|| copy.part(one), str::to_owned);
            out.push(rename(cx, &there, &gone.name));
        }
    }
    out
}

/// The statements by which the parts of an index that is put back take the names of this one's, which is about to be dropped.
pub(crate) fn restored_names(cx: &Context<'_>, old: &Index) -> Vec<String> {
    let restored = Wanted::restored(cx, old, &old.name);
    let mut out = Vec::new();
    for one in partitions(cx.table) {
        let name = restored.part(one);
        let gone = old.parts.iter().find(|part| part.of == one.id);
        // one that was put back before, and had no name on record then
        if let Some(gone) = gone.filter(|gone| gone.name != name) {
            out.push(rename(cx, &name, &gone.name));
        }
    }
    out
}

/// What a dropped unique index leaves on record is, on a partitioned table, what follows the table's name.
fn on_record(saved: &SavedIndex, definition: &str, unique: bool) -> Index {
    Index {
        name: saved.name.clone(),
        unique,
        primary: false,
        valid: true,
        constraint: saved.constraint.clone().filter(|_| unique),
        method: String::new(),
        keys: Vec::new(),
        included: Vec::new(),
        nulls_not_distinct: false,
        storage: String::new(),
        tablespace: String::new(),
        condition: None,
        given: Some(definition.to_owned()),
        create_sql: String::new(),
        extras: Vec::new(),
        clustered: false,
        replica_identity: false,
        parts: Vec::new(),
        problem: None,
    }
}

/// The actions that put a dropped unique index back, and the plain copy on the new column.
pub(crate) fn put_back(cx: &Context<'_>, step: Step, saved: &SavedIndex) -> Vec<Action> {
    let mut out = Vec::new();
    // first: a run that is killed and comes again names its parts after the old one's, once that is there
    if !saved.copy.is_empty() {
        let plain = on_record(saved, &saved.plain, false);
        let name = cx.rules.copy_name(&saved.name, false);
        let wanted = Wanted::copy(cx, (&plain, &plain), &name);
        out.extend(wanted.unique(step, false));
    }
    let old = on_record(saved, &saved.restore, true);
    let wanted = Wanted::restored(cx, &old, &saved.name);
    out.extend(wanted.unique(step, saved.constraint.is_some()));
    out
}
