//! Renames in place, against themselves and against the documents.

use super::super::rules::{Condition, Ddl, Standing, Way, MARKED, UNMARKED};
use super::*;

/// The column that has the values: the old one until it has the new name.
fn holder(phase: Phase) -> Side {
    match phase {
        Phase::Contracted => Side::New,
        _ => Side::Old,
    }
}

const WAYS: [(Way, &[Phase]); 2] = [
    (
        Way::Marked,
        &[Phase::Original, Phase::Expanded, Phase::Contracted],
    ),
    (Way::Unmarked, &[Phase::Original, Phase::Contracted]),
];

#[test]
fn the_column_with_the_values_is_read_and_written() {
    let route = Route::InPlace;
    for phase in [Phase::Original, Phase::Expanded, Phase::Contracted] {
        let stage = Stage::first(phase);
        assert_eq!(stage.reads(route), holder(phase), "{phase}");
        for side in [Side::Old, Side::Via, Side::New] {
            let marked = side == Side::Via && phase == Phase::Expanded;
            let wanted = side == holder(phase) || marked;
            assert_eq!(stage.writes(side, route), wanted, "{side:?} in {phase}");
        }
    }
}

#[test]
fn the_marker_is_never_read() {
    for pass in [Pass::First, Pass::Second] {
        for phase in [Phase::Original, Phase::Expanded, Phase::Contracted] {
            assert_ne!(Stage { pass, phase }.reads(Route::InPlace), Side::Via);
        }
    }
}

#[test]
fn steps_that_copy_compare_and_switch_have_nothing_to_do() {
    for (way, phases) in WAYS {
        for phase in phases {
            let left: Vec<Step> = Step::ALL[..6]
                .iter()
                .copied()
                .filter(|step| way.pending(*step, *phase))
                .collect();
            let wanted: &[Step] = match (way, phase) {
                (Way::Marked, Phase::Original) => &[Step::Expand, Step::Contract],
                (_, Phase::Contracted) => &[],
                _ => &[Step::Contract],
            };
            assert_eq!(left, wanted, "{way:?} in {phase}");
            for step in left {
                let standing = Standing::of(*phase, false, false);
                let early = (way, *phase, step) == (Way::Marked, Phase::Original, Step::Contract);
                let first = way.comes_first(step, standing);
                assert_eq!(first, early.then_some(Step::Expand), "{step} in {phase}");
            }
        }
    }
    let left = Way::Marked.comes_first(Step::Expand, Standing::NewLeft);
    assert_eq!(left, None, "a rollback is finished on the way");
}

#[test]
fn every_phase_has_a_way_on_and_one_back() {
    for (way, phases) in WAYS {
        for phase in phases {
            let from = Standing::of(*phase, false, false);
            let leads = |back: bool| {
                let mut moves = way.moves().iter();
                moves.any(|line| line.from == from && (line.step == Step::Rollback) == back)
            };
            assert_eq!(leads(false), *phase != Phase::Contracted, "{way:?} {phase}");
            assert_eq!(leads(true), *phase != Phase::Original, "{way:?} {phase}");
        }
    }
}

/// Whoever is about when the column takes another name is told by nobody, so the one before must be over, and the programs
/// that know one name only must be gone.
#[test]
fn only_a_rename_breaks_the_phase_before() {
    let renames = |ddl: &Ddl| matches!(ddl, Ddl::Rename | Ddl::RenameBack);
    for line in MARKED.iter().chain(UNMARKED) {
        let needs: Vec<Condition> = line.needs.iter().map(|need| need.what).collect();
        assert!(line.after.is_empty(), "{line}");
        let ddl: Vec<Ddl> = line.before.iter().map(|scoped| scoped.what).collect();
        let rename = ddl.iter().any(renames);
        let asks = needs
            .iter()
            .any(|need| matches!(need, Condition::OldOnlyQuiet | Condition::NewOnlyQuiet));
        assert_eq!(rename, asks, "{line}");
        for ddl in ddl {
            let tolerated = ddl.tolerated_by(line.from.phase());
            assert!(tolerated || rename, "{line}: {ddl}");
        }
    }
}

fn table(way: Way) -> String {
    let mut out = String::new();
    for line in way.moves() {
        let cells = [
            line.step.to_string(),
            format!("`{}`", line.from).replace("new left", "marker left"),
            format!("`{}`", line.to).replace("new left", "marker left"),
            list(line.needs, Condition::as_str),
            list(line.before, Ddl::as_str),
        ];
        out.push_str(&row(&cells));
    }
    out
}

#[test]
fn the_document_shows_the_moves() {
    let page = include_str!("../../../docs/strategies.md");
    for (name, way) in [("marked", Way::Marked), ("unmarked", Way::Unmarked)] {
        let begin = format!("<!-- {name} -->\n");
        let (_, rest) = page.split_once(&begin).expect("the table has a mark");
        let (found, _) = rest.split_once("<!-- end -->").expect("it ends");
        let body: String = found
            .lines()
            .skip(2)
            .map(|line| format!("{line}\n"))
            .collect();
        let table = table(way);
        assert_eq!(
            body, table,
            "docs/strategies.md, {name}: it should be\n{table}"
        );
    }
}
