//! The actions of a rename in place: the same column under another name.

use super::actions::sql;
use super::{Action, Context, Kind, Work};
use crate::error::Error;
use crate::phase::rules::Way;
use crate::phase::{Phase, Side, Step};

impl Context<'_> {
    fn way(&self) -> Way {
        self.def.way(self.table.dialect)
    }

    /// The actions of a step that this strategy has something to do in; none for the others.
    pub(crate) fn in_place(&self, step: Step) -> Result<Vec<Action>, Error> {
        match (step, self.way()) {
            (Step::Expand, Way::Marked) => self.mark(),
            (Step::Contract, _) => self.take_the_new_name(),
            (Step::Rollback, _) if self.stage.phase == Phase::Contracted => {
                self.take_the_old_name()
            }
            (Step::Rollback, _) => self.rollback(),
            _ => Ok(Vec::new()),
        }
    }

    fn mark(&self) -> Result<Vec<Action>, Error> {
        let mut work = vec![Work::Freeze];
        for change in self.changes {
            work.extend(sql(self.rules.add_column(self, change)?));
        }
        work.extend(sql(self.rules.watch(self)?));
        let mut publish = self.publish(Step::Expand, Phase::Expanded, work);
        publish.name = "add the markers and publish".to_owned();
        let barrier = self.barrier(Step::Expand, Phase::Expanded)?;
        Ok(vec![publish, barrier])
    }

    fn take_the_new_name(&self) -> Result<Vec<Action>, Error> {
        let mut work = Vec::new();
        if self.way() == Way::Marked {
            // without them nothing was seen
            work.push(Work::Intact(self.rules.watchers(self)));
            work.push(Work::Watched);
        }
        for change in self.changes {
            if let Some(why) = self.rules.unseen(change) {
                work.push(Work::Unseen(Side::Old, why));
            }
        }
        if self.way() == Way::Marked {
            work.extend(sql(self.rules.drop_mirror(self)));
            for change in self.changes {
                work.push(Work::Sql(self.rules.drop_column(self.table, change.to)));
            }
        }
        work.extend(sql(self.renames(Side::Old)));
        work.extend(sql(self.rules.drop_mirror_functions(self)));
        let mut publish = self.publish(Step::Contract, Phase::Contracted, work);
        publish.name = "rename the columns and publish".to_owned();
        let barrier = self.barrier(Step::Contract, Phase::Contracted)?;
        Ok(vec![publish, barrier])
    }

    fn take_the_old_name(&self) -> Result<Vec<Action>, Error> {
        let mut work = Vec::new();
        for change in self.def.changes {
            let why = format!("nothing tells who knows `{}` only", change.new);
            work.push(Work::Unseen(Side::New, why));
        }
        work.extend(sql(self.renames(Side::New)));
        let mut publish = self.publish(Step::Rollback, Phase::Original, work);
        publish.name = "rename the columns back and publish".to_owned();
        let barrier = self.barrier(Step::Rollback, Phase::Original)?;
        Ok(vec![publish, barrier])
    }

    /// The names that the columns have, and those that they get.
    pub(crate) fn pairs(&self, from: Side) -> Vec<(&'static str, &'static str)> {
        let changes = self.def.changes.iter();
        changes
            .map(|change| match from {
                Side::New => (change.new, change.old),
                Side::Old | Side::Via => (change.old, change.new),
            })
            .collect()
    }

    /// The statements that give the columns their other names. No change takes a name that another one leaves (the annotation
    /// refuses it): a late statement would find another column under the name that it knows.
    pub(crate) fn renames(&self, from: Side) -> Vec<String> {
        let quote = |name: &str| self.table.dialect.quote(name);
        let rename = |(from, to): (&str, &str)| {
            format!(
                "ALTER TABLE {} RENAME COLUMN {} TO {}",
                self.table.sql(),
                quote(from),
                quote(to)
            )
        };
        self.pairs(from).into_iter().map(rename).collect()
    }
}

/// What a publication asks for besides the evidence of writers, in words; the empty list where it asks for nothing.
pub(crate) fn unseen(action: &Action) -> Vec<&str> {
    let pieces = action.work.iter();
    pieces
        .filter_map(|piece| match piece {
            Work::Unseen(_, why) => Some(why.as_str()),
            _ => None,
        })
        .collect()
}

/// Whether the evidence must have been gathered for the whole quiet period.
pub(crate) fn watched(action: &Action) -> bool {
    matches!(action.kind, Kind::Publish { .. }) && action.work.contains(&Work::Watched)
}
