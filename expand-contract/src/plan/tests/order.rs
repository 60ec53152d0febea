//! Plans against the table of moves: what is done before a publication, what behind its barrier, and what is waited for.

use std::collections::BTreeSet;

use super::*;
use crate::phase::rules::{Condition, Converter, Ddl, Move, Rules, MOVES};

/// The table of the tests as a migration finds it where it stands.
fn table_in(dialect: Dialect, standing: Standing) -> (Table, Vec<SavedIndex>, Vec<SavedCheck>) {
    let mut table = table(dialect);
    let rules = rules(dialect).expect("both features are on");
    let (mut saved, mut saved_checks) = (Vec::new(), Vec::new());
    if standing.has(Side::New) {
        let mut new = column("mail");
        (new.not_null, new.default) = (false, None);
        table.columns.push(new);
    }
    if matches!(standing, Standing::Retired | Standing::OldIncomplete) {
        // retired: old's unique index has gone, and its copy is on the new column
        let mut copy = table.indexes.pop().expect("the unique one");
        saved.push(SavedIndex {
            name: copy.name.clone(),
            copy: rules.copy_name(&copy.name, true),
            constraint: None,
            restore: "CREATE UNIQUE INDEX \"unique\" ON \"t\" (\"email\")".to_owned(),
            renamed: "CREATE UNIQUE INDEX \"unique\" ON \"t\" (\"mail\")".to_owned(),
            plain: "CREATE INDEX \"plain copy\" ON \"t\" (\"mail\")".to_owned(),
            extras: String::new(),
        });
        if let Some(mut check) = table.checks.pop() {
            let copy = rules.copy_name(&check.name, false);
            saved_checks.push(SavedCheck {
                name: check.name,
                copy: copy.clone(),
                restore:
                    "ALTER TABLE \"t\" ADD CONSTRAINT \"filled\" CHECK (email <> '') NOT VALID"
                        .to_owned(),
                validated: true,
            });
            check.name = copy;
            check.condition = check.condition.with_names(&|_| "mail".to_owned());
            table.checks.push(check);
        }
        copy.name = rules.copy_name(&copy.name, true);
        copy.keys[0].column = "mail".to_owned();
        copy.condition = None;
        table.indexes.push(copy);
        for column in &mut table.columns {
            column.not_null = column.name == "mail";
        }
    }
    (table, saved, saved_checks)
}

/// What the action does to the schema, in the words of the rules.
fn kinds(action: &Action, from: Standing) -> BTreeSet<Ddl> {
    let all = action.sql.join("\n");
    let mut out = BTreeSet::new();
    for piece in &action.work {
        match piece {
            Work::Sql(sql) => out.extend(kind(sql, &all, from, action)),
            Work::Define { column, edit } => out.extend(defined(column, edit, from)),
            Work::Save(_)
            | Work::SaveCheck(_)
            | Work::ForgetSaved
            | Work::Freeze
            | Work::MustBeEmpty
            | Work::Partitions { .. }
            | Work::Intact(_)
            | Work::EmptyQueue
            | Work::Watched
            | Work::Unseen(..) => {}
        }
    }
    out
}

fn kind(sql: &str, all: &str, from: Standing, action: &Action) -> Vec<Ddl> {
    let old = sql.contains("\"email\"");
    let has = |text: &str| sql.contains(text);
    // a statement has one meaning on the way forward and another one on the way back
    let back = from == Standing::OldIncomplete;
    let one = if has("ADD COLUMN") {
        Ddl::AddNew
    } else if has("DROP COLUMN") {
        if old {
            Ddl::DropOld
        } else {
            Ddl::DropNew
        }
    } else if has("TRIGGER") || has("FUNCTION") {
        // half of SQLite's net goes with the barrier, when nobody writes the old column any more
        let half = matches!(action.kind, Kind::Barrier { .. });
        if half && from == Standing::Retired {
            return Vec::new();
        }
        if all.contains("CREATE TRIGGER") || all.contains("CREATE OR REPLACE") {
            Ddl::Net
        } else {
            Ddl::DropNet
        }
    } else if has("RENAME") {
        Ddl::TakeNames
    } else if has("STATISTICS") {
        // statistics are in nobody's way
        match has("DROP") {
            true if from == Standing::NewLeft => Ddl::DropNew,
            true => Ddl::TakeNames,
            false => Ddl::PlainIndexes,
        }
    } else if has("NOT NULL") || has("CONSTRAINT") {
        // a CHECK goes by name; what stands in for NOT NULL goes where that is set
        let check = rules(Dialect::Postgres)
            .expect("it is on")
            .copy_name("filled", false);
        let drops_new = has("DROP NOT NULL") && !old || has("DROP CONSTRAINT") && has(&check);
        let drops_old = has("DROP NOT NULL") && old || has("DROP CONSTRAINT IF EXISTS \"filled\"");
        match (drops_new || drops_old, drops_old) {
            (true, true) => Ddl::FreeOld,
            (true, false) => Ddl::FreeNew,
            (false, _) if back => Ddl::RequireOld,
            (false, _) => Ddl::RequireNew,
        }
    } else if has("SET DEFAULT") || has("DROP DEFAULT") {
        if from == Standing::Retired {
            Ddl::DefaultToOld
        } else {
            Ddl::DefaultToNew
        }
    } else if has("REPLICA IDENTITY") {
        // it moves with the unique index
        match back {
            true => Ddl::UniqueOld,
            false => Ddl::UniqueNew,
        }
    } else if has("INDEX") {
        match from {
            Standing::Retired if action.step == Step::Retire => Ddl::DropUniqueOld,
            // built under the names of the old ones, whose place they take
            Standing::Retired => Ddl::TakeNames,
            Standing::OldIncomplete if has("CREATE INDEX") => Ddl::PlainIndexes,
            Standing::OldIncomplete => Ddl::UniqueOld,
            Standing::NewLeft => Ddl::DropNew,
            _ if has("CREATE UNIQUE") => Ddl::UniqueNew,
            _ if has("CREATE") => Ddl::PlainIndexes,
            _ if has("\"unique\"") => Ddl::DropUniqueOld,
            // a plain copy makes room for a unique one
            _ => Ddl::UniqueNew,
        }
    } else {
        assert!(has("ANALYZE") || has("set_config"), "unknown: {sql}");
        return Vec::new();
    };
    vec![one]
}

fn defined(column: &str, edit: &Definition, from: Standing) -> Vec<Ddl> {
    let old = column == "email";
    match (edit, from) {
        (Definition::Replace(_), Standing::OldIncomplete) if old => vec![Ddl::RequireOld],
        (Definition::Constrain { .. }, Standing::OldIncomplete) => vec![Ddl::FreeNew],
        (Definition::Constrain { .. }, Standing::Retired) => vec![Ddl::DefaultToOld],
        (Definition::Constrain { not_null, .. }, Standing::Switched) => {
            assert_ne!(*not_null, old);
            let null = if old { Ddl::FreeOld } else { Ddl::RequireNew };
            vec![null, Ddl::DefaultToNew]
        }
        _ => panic!("unknown: {column} {edit:?} in {from}"),
    }
}

/// What the plan itself brings about or waits for.
fn brings(action: &Action) -> Option<Condition> {
    match action.kind {
        Kind::Verify => Some(Condition::Verified),
        Kind::Backfill { reverse: true } => Some(Condition::CopiedBack),
        Kind::AwaitSnapshots => Some(Condition::SnapshotsGone),
        _ => None,
    }
}

/// Whether everything from here on runs behind the barrier of the last publication.
fn is_barrier(action: &Action) -> bool {
    matches!(action.kind, Kind::Barrier { .. })
}

fn line(step: Step, from: Standing) -> Option<&'static Move> {
    MOVES
        .iter()
        .find(|line| line.step == step && line.from == from)
}

/// Walks a plan along the table.
fn obeys(dialect: Dialect, step: Step, from: Standing) {
    let (table, saved, checks) = table_in(dialect, from);
    let plan = planned_in(&table, (&saved, &checks), from, step);
    let (mut at, mut published) = (from, None::<&Move>);
    let (mut settled, mut brought) = (true, BTreeSet::new());
    let mut done = BTreeSet::new();
    for action in &plan {
        let here = format!("{step} from {from} on {dialect}: {}", action.name);
        settled |= is_barrier(action);
        brought.extend(brings(action));
        let next = line(step, at);
        for ddl in kinds(action, at) {
            let ahead = next.is_some_and(|next| next.before.iter().any(|d| d.what == ddl));
            let behind = published.is_some_and(|last| last.after.iter().any(|d| d.what == ddl));
            // plain indexes hurt nobody at any time
            assert!(
                ahead || behind || ddl == Ddl::PlainIndexes,
                "{here}: {ddl} is not in the table for {at}"
            );
            assert!(ahead || settled, "{here}: {ddl} before the barrier");
            done.insert(ddl);
        }
        let Kind::Publish {
            to,
            old_incomplete,
            cleanup,
        } = action.kind
        else {
            continue;
        };
        let next = next.unwrap_or_else(|| panic!("{here}: no move from {at}"));
        let to = Standing::of(to.phase, old_incomplete, cleanup);
        assert_eq!(to, next.to, "{here}");
        for need in Rules::ALL.needs(next, Converter::Sql) {
            match need {
                // of what an earlier step published the ledger knows
                Condition::Settled => assert!(settled, "{here}: {at} is not settled"),
                Condition::Verified | Condition::CopiedBack | Condition::SnapshotsGone => {
                    assert!(brought.contains(&need), "{here}: {need:?}");
                }
                // the runner's gates, which are no actions
                Condition::QueueEmpty | Condition::OldOnlyQuiet | Condition::NewOnlyQuiet => {}
            }
        }
        for ddl in Rules::ALL.before(next, Converter::Sql) {
            // one that has nothing to do in this table: SQLite builds indexes anew, instead of renaming them
            let spared = ddl == Ddl::TakeNames;
            assert!(done.contains(&ddl) || spared, "{here}: {ddl} is missing");
        }
        settled &= !next.barrier();
        brought.clear();
        done.clear();
        (at, published) = (to, Some(next));
    }
    let last = published.unwrap_or_else(|| line(step, from).expect("a move"));
    for ddl in Rules::ALL.after(last, Converter::Sql) {
        assert!(done.contains(&ddl), "{step} from {from}: {ddl} is missing");
    }
    // nobody is left where a rollback is not through
    let unfinished = matches!(at, Standing::NewLeft | Standing::OldIncomplete);
    assert!(!unfinished, "{step} from {from} ends in {at}");
}

#[test]
fn every_plan_obeys_the_table_of_moves() {
    for dialect in DIALECTS {
        for line in MOVES {
            obeys(dialect, line.step, line.from);
        }
    }
}
