//! Plans of renames in place against their tables of moves.

use std::collections::BTreeSet;

use super::*;
use crate::phase::rules::{Condition, Ddl, Way};

static ONE: MigrationDef = MigrationDef {
    id: "m",
    generation: 1,
    changes: &[ChangeDef {
        old: "email",
        via: Some("marker"),
        new: "mail",
        strategy: Strategy::InPlace,
        ..DEF.changes[0]
    }],
};

/// `work` with what a plan is made of.
fn with<T>(table: &Table, standing: Standing, work: impl FnOnce(&Context<'_>) -> T) -> T {
    let changes: Vec<Active> = moving(&ONE, Pass::First)
        .map(|(index, def, from, to)| Active {
            index,
            def,
            from,
            to,
            conversion: def.conversion,
            frozen: Frozen::of(&column(from)),
        })
        .collect();
    let over = standing == Standing::Contracted;
    work(&Context {
        def: &ONE,
        stage: Stage::first(standing.phase()),
        old_incomplete: false,
        table,
        changes: if over { &[] } else { &changes },
        saved: &[],
        saved_checks: &[],
        rules: rules(table.dialect).expect("both features are on"),
    })
}

fn kind(sql: &str) -> Option<Ddl> {
    let (column, marker) = (sql.contains("COLUMN"), sql.contains("\"marker\""));
    Some(match sql {
        _ if sql.contains("RENAME COLUMN \"email\" TO \"mail\"") => Ddl::Rename,
        _ if sql.contains("RENAME COLUMN \"mail\" TO \"email\"") => Ddl::RenameBack,
        _ if column && marker && sql.contains("ADD") => Ddl::AddMarker,
        _ if column && marker && sql.contains("DROP") => Ddl::DropMarker,
        _ if sql.starts_with("CREATE TRIGGER") || sql.starts_with("CREATE OR REPLACE") => {
            Ddl::Watch
        }
        _ if sql.starts_with("DROP TRIGGER") || sql.starts_with("DROP FUNCTION") => {
            Ddl::StopWatching
        }
        _ if sql.contains("set_config") || sql.starts_with("REVOKE") => return None,
        _ => panic!("unknown: {sql}"),
    })
}

#[test]
fn every_plan_obeys_its_table_of_moves() {
    for dialect in DIALECTS {
        let way = ONE.way(dialect);
        let mut lines = way.moves().iter().peekable();
        while let Some(line) = lines.next() {
            let here = format!("{line} on {dialect}");
            let table = match line.from {
                Standing::Contracted => Table {
                    columns: vec![column("id"), column("mail")],
                    ..table(dialect)
                },
                Standing::Expanded | Standing::NewLeft => Table {
                    columns: vec![column("id"), column("email"), column("marker")],
                    ..table(dialect)
                },
                _ => table(dialect),
            };
            let plan = with(&table, line.from, |cx| cx.actions(line.step));
            let plan = plan.expect("a plan can be made");
            let (mut done, mut barrier) = (BTreeSet::new(), false);
            let mut expected = Some(line);
            for action in &plan {
                barrier |= matches!(action.kind, Kind::Barrier { .. });
                let ddl: BTreeSet<Ddl> = action
                    .work
                    .iter()
                    .filter_map(|piece| match piece {
                        Work::Sql(sql) => kind(sql),
                        _ => None,
                    })
                    .collect();
                done.extend(&ddl);
                let Kind::Publish { to, cleanup, .. } = action.kind else {
                    assert!(ddl.is_empty(), "{here}: {}", action.name);
                    continue;
                };
                let now = expected.unwrap_or_else(|| panic!("{here}: {} too many", action.name));
                assert_eq!(Standing::of(to.phase, false, cleanup), now.to, "{here}");
                let wanted: BTreeSet<Ddl> = now.before.iter().map(|d| d.what).collect();
                assert_eq!(done, wanted, "{here}: {}", action.name);
                // asked in the transaction that renames: of writers the triggers, and the operator where nothing shows them
                let asks = |wanted: Condition| now.needs.iter().any(|need| need.what == wanted);
                let watched = action.work.contains(&Work::Watched);
                let vouched = action.work.iter().any(|w| matches!(w, Work::Unseen(..)));
                let old_only = asks(Condition::OldOnlyQuiet);
                assert_eq!(watched, old_only && way == Way::Marked, "{here}");
                let blind = old_only && way == Way::Unmarked;
                assert_eq!(vouched, blind || asks(Condition::NewOnlyQuiet), "{here}");
                // a rollback to the start goes on to its end
                expected = lines.clone().find(|next| {
                    next.from == now.to && next.step == line.step && now.to == Standing::NewLeft
                });
                done.clear();
            }
            assert!(expected.is_none(), "{here}: {expected:?} is missing");
            assert!(barrier || line.from == Standing::NewLeft, "{here}");
        }
    }
}

#[test]
fn steps_that_copy_compare_and_switch_have_no_action() {
    for dialect in DIALECTS {
        for step in [Step::Backfill, Step::Verify, Step::Switch, Step::Retire] {
            let plan = with(&table(dialect), Standing::Expanded, |cx| cx.actions(step));
            assert!(plan.expect("a plan can be made").is_empty(), "{step}");
        }
    }
}
