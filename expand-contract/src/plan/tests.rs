//! Plans without a database.

use super::*;
use crate::backend::rules::rules;
use crate::catalogue::expr::{Expr, Tree};
use crate::catalogue::{Check, IndexKey, KeyColumn, Statistics};
use crate::definition::{Dialect, PerDialect, Strategy, TableName};
use crate::phase::rules::Standing;

mod in_place;
mod order;

static DEF: MigrationDef = MigrationDef {
    id: "m",
    generation: 1,
    changes: &[ChangeDef {
        old: "email",
        via: None,
        new: "mail",
        conversion: Conversion::Identity,
        strategy: Strategy::Copy,
        lossless: true,
        monotonic: true,
        new_type: PerDialect {
            any: None,
            postgres: None,
            sqlite: None,
        },
        nullable: false,
        carry: &[],
    }],
};

fn column(name: &str) -> Column {
    Column {
        name: name.to_owned(),
        type_sql: "text".to_owned(),
        collate: String::new(),
        not_null: true,
        not_null_as: None,
        default: Some("'x'".to_owned()),
        extras: Vec::new(),
        sequences: Vec::new(),
        definition: format!("{name} text NOT NULL DEFAULT 'x'"),
    }
}

fn over_email(text: &str) -> Expr {
    Expr::cut(text, Tree::of_columns(&["email".to_owned()]))
}

fn table(dialect: Dialect) -> Table {
    let index = |name: &str, unique| crate::catalogue::Index {
        name: name.to_owned(),
        unique,
        primary: false,
        valid: true,
        constraint: None,
        method: String::new(),
        keys: vec![IndexKey {
            column: "email".to_owned(),
            expression: None,
            typed: String::new(),
            order: " DESC".to_owned(),
        }],
        included: Vec::new(),
        nulls_not_distinct: false,
        storage: String::new(),
        tablespace: String::new(),
        condition: Some(over_email("(email <> ''::text)")),
        given: None,
        create_sql: String::new(),
        extras: Vec::new(),
        clustered: false,
        replica_identity: unique,
        parts: vec![],
        problem: None,
    };
    let postgres = dialect == Dialect::Postgres;
    let check = Check {
        name: "filled".to_owned(),
        condition: over_email("(email <> ''::text)"),
        validated: true,
        enforced: true,
        suffix: String::new(),
        comment: Some("not empty".to_owned()),
        named: true,
        column: None,
    };
    let statistics = Statistics {
        name: "both".to_owned(),
        schema: String::new(),
        kinds: " (mcv)".to_owned(),
        on: over_email("id, email"),
        expressions: false,
        extras: Vec::new(),
    };
    Table {
        dialect,
        name: TableName {
            schema: None,
            name: "t".to_owned(),
        },
        id: String::new(),
        columns: vec![column("id"), column("email")],
        primary_key: vec!["id".to_owned()],
        cursor: vec![KeyColumn {
            sql: "\"id\"".to_owned(),
            type_sql: "integer".to_owned(),
        }],
        indexes: vec![index("plain", false), index("unique", true)],
        foreign_keys: Vec::new(),
        checks: postgres.then_some(check).into_iter().collect(),
        statistics: postgres.then_some(statistics).into_iter().collect(),
        partitions: None,
        estimate: None,
        create_sql: "CREATE TABLE t (id, email text NOT NULL DEFAULT 'x')".to_owned(),
    }
}

fn planned(dialect: Dialect, phase: Phase, step: Step) -> Vec<Action> {
    planned_in(
        &table(dialect),
        (&[], &[]),
        Standing::of(phase, false, false),
        step,
    )
}

fn planned_in(
    table: &Table,
    (saved, saved_checks): (&[SavedIndex], &[SavedCheck]),
    standing: Standing,
    step: Step,
) -> Vec<Action> {
    let changes: Vec<Active> = moving(&DEF, Pass::First)
        .map(|(index, def, from, to)| Active {
            index,
            def,
            from,
            to,
            conversion: def.conversion,
            // as it was at `expand`
            frozen: Frozen::of(&column(from)),
        })
        .collect();
    let cx = Context {
        def: &DEF,
        stage: Stage::first(standing.phase()),
        old_incomplete: standing == Standing::OldIncomplete,
        table,
        changes: &changes,
        saved,
        saved_checks,
        rules: rules(table.dialect).expect("both features are on"),
    };
    cx.actions(step).expect("a plan can be made")
}

const DIALECTS: [Dialect; 2] = [Dialect::Sqlite, Dialect::Postgres];

fn all_sql(actions: &[Action]) -> Vec<String> {
    actions.iter().flat_map(|a| a.sql.clone()).collect()
}

#[test]
fn every_step_but_backfill_and_verify_publishes_its_phase() {
    for dialect in DIALECTS {
        for step in Step::ALL {
            let Some(starts) = step.starts_in() else {
                continue;
            };
            let actions = planned(dialect, starts, step);
            let published: Vec<Stage> = actions
                .iter()
                .filter_map(|action| match action.kind {
                    Kind::Publish { to, .. } => Some(to),
                    _ => None,
                })
                .collect();
            let wanted: Vec<Stage> = step.publishes().map(Stage::first).into_iter().collect();
            assert_eq!(published, wanted, "{step} on {dialect}");
        }
    }
}

#[test]
fn the_new_column_comes_without_constraints_and_in_the_transaction_that_publishes() {
    for dialect in DIALECTS {
        let actions = planned(dialect, Phase::Original, Step::Expand);
        assert_eq!(actions.len(), 2);
        assert!(matches!(actions[1].kind, Kind::Barrier { grace: false }));
        let (column, net) = actions[0].sql.split_first().unwrap();
        assert_eq!(
            column, "ALTER TABLE \"t\" ADD COLUMN \"mail\" text",
            "{dialect}"
        );
        // the safety net is in the same transaction, before the phase is published
        assert!(!net.is_empty());
        for sql in net {
            assert!(
                sql.starts_with("CREATE TRIGGER \"~expand_contract_")
                    || sql.starts_with("CREATE OR REPLACE FUNCTION expand_contract.")
                    || sql.starts_with("REVOKE ALL ON FUNCTION expand_contract.")
                    || sql.starts_with("SELECT pg_catalog.set_config('search_path'"),
                "{dialect}: {sql}"
            );
        }
    }
}

#[test]
fn the_safety_net_goes_before_the_columns_it_names() {
    for dialect in DIALECTS {
        for (phase, step) in [
            (Phase::Retired, Step::Contract),
            (Phase::Expanded, Step::Rollback),
        ] {
            let actions = planned(dialect, phase, step);
            let sql: Vec<&String> = actions.iter().flat_map(|action| &action.sql).collect();
            let at = |text: &str| sql.iter().rposition(|sql| sql.contains(text));
            let (trigger, column) = (at("DROP TRIGGER"), at("DROP COLUMN"));
            assert!(trigger.is_some() && trigger < column, "{step}: {sql:#?}");
            if dialect == Dialect::Postgres {
                assert!(column < at("DROP FUNCTION"), "{step}: {sql:#?}");
            }
        }
    }
}

#[test]
fn copies_of_unique_indexes_are_plain_until_retire() {
    for dialect in DIALECTS {
        let before = all_sql(&planned(dialect, Phase::Expanded, Step::Backfill));
        assert!(
            !before.iter().any(|sql| sql.contains("UNIQUE")),
            "{before:?}"
        );
        let copies = before.iter().filter(|sql| sql.contains("INDEX")).count();
        assert_eq!(copies, 2);
        let retire = planned(dialect, Phase::Switched, Step::Retire);
        let unique = retire
            .iter()
            .position(|a| a.sql.iter().any(|sql| sql.contains("UNIQUE")));
        let publish = retire
            .iter()
            .position(|a| matches!(a.kind, Kind::Publish { .. }));
        // old's goes only after no code writes old
        let drop = retire.iter().position(|a| {
            a.sql
                .iter()
                .any(|sql| sql.contains("\"unique\"") && sql.contains("DROP"))
        });
        assert!(unique < publish && publish < drop, "{retire:?}");
    }
}

#[test]
fn nothing_is_dropped_before_contract_but_olds_unique_index() {
    for dialect in DIALECTS {
        for (phase, step) in [
            (Phase::Original, Step::Expand),
            (Phase::Expanded, Step::Backfill),
            (Phase::Expanded, Step::Switch),
            (Phase::Switched, Step::Retire),
        ] {
            let sql = all_sql(&planned(dialect, phase, step));
            assert!(
                !sql.iter().any(|sql| sql.contains("DROP COLUMN")),
                "{sql:?}"
            );
        }
        let sql = all_sql(&planned(dialect, Phase::Retired, Step::Contract));
        let all = sql.join("\n");
        assert!(all.contains("DROP COLUMN \"email\"") && !all.contains("CASCADE"));
    }
}

#[test]
fn consistency_is_null_safe_and_two_sided() {
    for dialect in DIALECTS {
        let sql = all_sql(&planned(dialect, Phase::Expanded, Step::Backfill));
        let null_safe = match dialect {
            Dialect::Sqlite => " COLLATE BINARY IS (",
            _ => " IS NOT DISTINCT FROM (",
        };
        assert!(sql[0].contains(null_safe), "{}", sql[0]);
    }
}

#[test]
fn names_of_copies_fit_and_differ() {
    for dialect in DIALECTS {
        let rules = rules(dialect).unwrap();
        let long = "ß".repeat(31);
        let names = [
            rules.copy_name(&long, false),
            rules.copy_name(&long, true),
            rules.copy_name(&format!("{long}x"), false),
        ];
        assert!(names.iter().all(|name| name.len() <= 63), "{names:?}");
        assert!(names[0] != names[1] && names[0] != names[2]);
    }
}

#[test]
fn behind_every_published_phase_there_is_a_barrier() {
    let steps = [
        (Phase::Original, Step::Expand),
        (Phase::Expanded, Step::Switch),
        (Phase::Switched, Step::Retire),
        (Phase::Retired, Step::Contract),
        (Phase::Expanded, Step::Rollback),
        (Phase::Switched, Step::Rollback),
        (Phase::Retired, Step::Rollback),
    ];
    for dialect in DIALECTS {
        for (phase, step) in steps {
            let actions = planned(dialect, phase, step);
            let publishes = |a: &Action| match a.kind {
                Kind::Publish { to, .. } => Some(to),
                _ => None,
            };
            let first = actions.iter().position(|a| publishes(a).is_some()).unwrap();
            let next = &actions[first + 1];
            assert!(
                matches!(next.kind, Kind::Barrier { .. }),
                "{step}: {next:?}"
            );
            // with a grace period where something follows that late statements cannot bear
            let drops = actions[first + 1..].iter().any(|a| {
                matches!(a.kind, Kind::Backfill { .. })
                    || a.sql.iter().any(|sql| sql.contains("DROP"))
            });
            assert!(
                !drops || next.kind == Kind::Barrier { grace: true },
                "{step}"
            );
            // what is published afterwards is the same phase, of which nobody has to learn
            let again = actions[first + 1..].iter().filter_map(publishes);
            for to in again {
                assert_eq!(Some(to), publishes(&actions[first]), "{step}");
            }
        }
    }
}
