//! The rules against themselves and against the documents.

mod in_place;

use super::rules::{
    reaction, Condition, Converter, Ddl, Move, Reaction, Scoped, Standing, Way, MOVES,
};
use super::*;

#[test]
fn only_neighbours_coexist() {
    for (i, a) in Phase::ALL.into_iter().enumerate() {
        for (j, b) in Phase::ALL.into_iter().enumerate() {
            // `Retired` and `Contracted` read and write alike; only the schema differs.
            let neighbours = i.abs_diff(j) <= 1 || (i.min(j), i.max(j)) == (2, 4);
            assert_eq!(a.coexists_with(b), neighbours, "{a} with {b}");
        }
    }
}

#[test]
fn every_step_publishes_a_neighbour() {
    for step in Step::ALL {
        if let (Some(from), Some(to)) = (step.starts_in(), step.publishes()) {
            assert!(from.coexists_with(to), "{step}");
        }
    }
    for phase in Phase::ALL {
        if let Some(target) = Step::rollback_target(phase) {
            assert!(phase.coexists_with(target), "rollback from {phase}");
        }
    }
}

#[test]
fn stages_survive_their_encoding() {
    for phase in Phase::ALL {
        for stage in [Stage::first(phase), Stage::second(phase)] {
            assert_eq!(Stage::from_u8(stage.to_u8()), Some(stage));
        }
    }
    assert_eq!(Stage::from_u8(0), None);
    assert_eq!(Stage::from_u8(11), None);
}

#[test]
fn a_read_names_a_column_that_every_coexisting_phase_writes() {
    for route in [Route::OnePass, Route::TwoPasses] {
        for pass in [Pass::First, Pass::Second] {
            for a in Phase::ALL {
                for b in Phase::ALL.into_iter().filter(|b| a.coexists_with(*b)) {
                    let (reader, writer) = (Stage { pass, phase: a }, Stage { pass, phase: b });
                    assert!(writer.writes(reader.reads(route), route));
                }
            }
        }
    }
}

#[test]
fn the_second_pass_starts_where_the_first_ended() {
    let (end, start) = (
        Stage::first(Phase::Contracted),
        Stage::second(Phase::Original),
    );
    let route = Route::TwoPasses;
    assert_eq!(end.reads(route), start.reads(route));
    for side in [Side::Old, Side::Via, Side::New] {
        assert_eq!(end.writes(side, route), start.writes(side, route));
    }
}

#[test]
fn a_standing_is_its_phase_and_what_a_rollback_left() {
    for standing in Standing::ALL {
        let (incomplete, left) = (
            standing == Standing::OldIncomplete,
            standing == Standing::NewLeft,
        );
        assert_eq!(Standing::of(standing.phase(), incomplete, left), standing);
    }
}

#[test]
fn steps_come_in_the_order_of_the_table() {
    let (pending, comes_first) = (
        |step, phase| Way::Copy.pending(step, phase),
        |step, standing| Way::Copy.comes_first(step, standing),
    );
    let chain = &Step::ALL[..6];
    for (at, step) in chain.iter().enumerate() {
        for standing in Standing::ALL
            .into_iter()
            .filter(|s| pending(*step, s.phase()))
        {
            let wanted = match standing {
                Standing::Original | Standing::NewLeft if at > 0 => Some(Step::Expand),
                Standing::Expanded if at > 3 => Some(Step::Switch),
                Standing::OldIncomplete => Some(Step::Rollback),
                Standing::Switched if at > 4 => Some(Step::Retire),
                _ => None,
            };
            assert_eq!(comes_first(*step, standing), wanted, "{step} in {standing}");
        }
    }
    let left: Vec<usize> = Phase::ALL
        .into_iter()
        .map(|phase| chain.iter().filter(|step| pending(**step, phase)).count())
        .collect();
    // in `Retired` the step that led there may have something left
    assert_eq!(left, [6, 5, 2, 2, 0]);
    assert!(Standing::ALL
        .into_iter()
        .all(|s| comes_first(Step::Rollback, s).is_none()));
}

#[test]
fn every_move_leads_to_a_neighbour() {
    for line in MOVES {
        assert!(line.from.coexists_with(line.to), "{line}");
    }
    for line in MOVES.iter().filter(|line| line.publishes()) {
        // whoever has just been served is alive until the barrier
        assert!(line.to.serves(line.from.phase()), "{line}");
    }
    // the reason for the state of its own
    assert!(!Standing::OldIncomplete.coexists_with(Standing::Expanded));
    assert!(Standing::OldIncomplete.coexists_with(Standing::Retired));
}

#[test]
fn from_every_standing_there_is_a_way_on_and_until_the_drop_one_back() {
    for standing in Standing::ALL {
        let back = super::rules::rollback_from(standing).is_some();
        let on = MOVES
            .iter()
            .any(|line| line.from == standing && line.publishes() && line.step != Step::Rollback);
        let unfinished = matches!(standing, Standing::NewLeft | Standing::OldIncomplete);
        assert_eq!(
            on,
            !unfinished && standing != Standing::Contracted,
            "{standing}"
        );
        let end = matches!(standing, Standing::Original | Standing::Contracted);
        assert_eq!(back, !end, "{standing}");
    }
}

#[test]
fn ddl_waits_for_those_who_do_not_tolerate_it() {
    for line in MOVES {
        let settled = line
            .needs
            .iter()
            .any(|need| need.what == Condition::Settled);
        for ddl in line.before.iter().map(|scoped| scoped.what) {
            if settled {
                assert!(ddl.tolerated_by(line.from.phase()), "{line}: {ddl}");
            } else {
                // an earlier phase may still be about
                for phase in Phase::ALL {
                    assert!(ddl.tolerated_by(phase), "{line}: {ddl} in {phase}");
                }
            }
        }
        for ddl in line.after.iter().map(|scoped| scoped.what) {
            assert!(line.barrier(), "{line}: nothing settles {ddl}");
            assert!(ddl.tolerated_by(line.to.phase()), "{line}: {ddl}");
        }
    }
}

/// What of the schema statements depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Schema {
    old: bool,
    new: bool,
    old_required: bool,
    new_required: bool,
    old_unique: bool,
    new_unique: bool,
    net: bool,
}

impl Schema {
    fn apply(&mut self, ddl: Ddl) {
        match ddl {
            Ddl::AddNew => self.new = true,
            Ddl::DropNew => {
                assert!(!self.net, "the net names the column");
                (self.new, self.new_required, self.new_unique) = (false, false, false);
            }
            Ddl::DropOld => {
                assert!(!self.net, "the net names the column");
                (self.old, self.old_required, self.old_unique) = (false, false, false);
            }
            Ddl::Net => self.net = true,
            Ddl::DropNet => self.net = false,
            Ddl::UniqueNew => self.new_unique = true,
            Ddl::DropUniqueOld => self.old_unique = false,
            Ddl::UniqueOld => (self.old_unique, self.new_unique) = (true, false),
            Ddl::RequireNew => self.new_required = true,
            Ddl::FreeNew => self.new_required = false,
            Ddl::RequireOld => self.old_required = true,
            Ddl::FreeOld => self.old_required = false,
            Ddl::PlainIndexes | Ddl::DefaultToNew | Ddl::DefaultToOld | Ddl::TakeNames => (),
            Ddl::AddMarker
            | Ddl::Watch
            | Ddl::StopWatching
            | Ddl::DropMarker
            | Ddl::Rename
            | Ddl::RenameBack => panic!("{ddl} is for renames in place"),
        }
    }

    fn serves(&self, standing: Standing) {
        let phase = standing.phase();
        assert!(self.old || !phase.names_old(), "{standing}");
        assert!(self.new || !phase.names_new(), "{standing}");
        assert!(phase.writes_old() || !self.old_required, "{standing}");
        assert!(phase.writes_new() || !self.new_required, "{standing}");
        assert_eq!(self.net, self.old && self.new, "{standing}");
        assert_eq!(
            (self.old, self.new),
            (standing.has(Side::Old), standing.has(Side::New))
        );
        // no unique index can be built on a column that is not right yet
        if standing != Standing::OldIncomplete {
            assert!(if phase.writes_old() {
                self.old_unique
            } else {
                self.new_unique
            });
        }
    }
}

#[test]
fn every_published_phase_finds_the_schema_that_its_statements_need() {
    let start = Schema {
        old: true,
        new: false,
        old_required: true,
        new_required: false,
        old_unique: true,
        new_unique: false,
        net: false,
    };
    let (mut seen, mut open) = (Vec::new(), vec![(Standing::Original, start)]);
    while let Some((standing, schema)) = open.pop() {
        if seen.contains(&(standing, schema)) {
            continue;
        }
        seen.push((standing, schema));
        for line in MOVES.iter().filter(|line| line.from == standing) {
            let mut next = schema;
            line.before.iter().for_each(|ddl| next.apply(ddl.what));
            next.serves(line.to);
            line.after.iter().for_each(|ddl| next.apply(ddl.what));
            next.serves(line.to);
            open.push((line.to, next));
        }
    }
    for standing in Standing::ALL {
        // whatever the way, the schema of a standing is one
        assert_eq!(
            seen.iter().filter(|(at, _)| *at == standing).count(),
            1,
            "{standing}"
        );
    }
}

#[test]
fn ddl_is_needed_and_tolerated_by_somebody() {
    for ddl in Ddl::ALL {
        assert!(
            Phase::ALL.into_iter().any(|phase| ddl.tolerated_by(phase)),
            "{ddl}"
        );
        let used = |line: &Move| line.before.iter().chain(line.after).any(|d| d.what == ddl);
        let ways = [Way::Copy, Way::Marked, Way::Unmarked];
        let mut moves = ways.into_iter().flat_map(Way::moves);
        assert!(moves.any(used), "{ddl} is in no move");
    }
}

fn columns(standing: Standing) -> String {
    let freed =
        |line: &&Move| line.to == standing && line.before.iter().any(|d| d.what == Ddl::FreeOld);
    let old = match MOVES.iter().find(freed) {
        Some(_) => "old (optional)",
        None => "old",
    };
    match (standing.has(Side::Old), standing.has(Side::New)) {
        (true, true) => format!("{old}, new"),
        (true, false) => old.to_owned(),
        _ => "new".to_owned(),
    }
}

fn writes(phase: Phase) -> &'static str {
    match (phase.writes_old(), phase.writes_new()) {
        (true, true) => "both",
        (true, false) => "old",
        _ => "new",
    }
}

fn reads(phase: Phase) -> &'static str {
    if phase.reads_old() {
        "old"
    } else {
        "new"
    }
}

fn named(phase: Phase) -> String {
    format!("`{phase:?}`")
}

fn phases() -> String {
    let mut out = String::new();
    for phase in Phase::ALL {
        let standing = Standing::of(phase, false, false);
        let back = match super::rules::rollback_from(standing) {
            Some(line) if line.to == Standing::OldIncomplete => {
                format!("{}, after copying back", named(line.to.phase()))
            }
            Some(line) if line.needs.is_empty() => format!("{}, at once", named(line.to.phase())),
            Some(line) => named(line.to.phase()),
            None if standing.has(Side::Old) => String::new(),
            None => "none: the old column is gone".to_owned(),
        };
        let cells = [
            named(phase),
            columns(standing),
            writes(phase).into(),
            reads(phase).into(),
            back,
        ];
        out.push_str(&row(&cells));
    }
    out
}

fn row(cells: &[String]) -> String {
    let mut out = String::from("|");
    for cell in cells {
        out.push_str(if cell.is_empty() { "" } else { " " });
        out.push_str(cell);
        out.push_str(" |");
    }
    out.push('\n');
    out
}

fn standings() -> String {
    let mut out = String::new();
    for standing in Standing::ALL {
        let alive: Vec<String> = Phase::ALL
            .into_iter()
            .filter(|phase| standing.serves(*phase))
            .map(named)
            .collect();
        let phase = standing.phase();
        let cells = [
            format!("`{standing}`"),
            columns(standing),
            writes(phase).into(),
            reads(phase).into(),
            alive.join(", "),
        ];
        out.push_str(&row(&cells));
    }
    out
}

fn list<T: Copy>(scoped: &[Scoped<T>], text: impl Fn(T) -> &'static str) -> String {
    let one = |scoped: &Scoped<T>| {
        let only = if scoped.only_rust { " (*R*)" } else { "" };
        format!("{}{only}", text(scoped.what))
    };
    scoped.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn moves() -> String {
    let mut out = String::new();
    for line in MOVES {
        let cells = [
            line.step.to_string(),
            format!("`{}`", line.from),
            if line.publishes() {
                format!("`{}`", line.to)
            } else {
                String::new()
            },
            list(line.needs, Condition::as_str),
            list(line.before, Ddl::as_str),
            list(line.after, Ddl::as_str),
        ];
        out.push_str(&row(&cells));
    }
    out
}

fn net() -> String {
    let mut out = String::new();
    for standing in Standing::ALL
        .into_iter()
        .filter(|s| s.has(Side::Old) && s.has(Side::New))
    {
        let does = |side, converter| {
            let word = match reaction(standing, side, converter) {
                Reaction::Mirror => "mirrored",
                Reaction::Queue => "queued",
                Reaction::Refuse => "refused",
                Reaction::Leave => "left",
            };
            word.to_owned()
        };
        let cells = [
            format!("`{standing}`"),
            does(Side::Old, Converter::Sql),
            does(Side::New, Converter::Sql),
            does(Side::Old, Converter::Rust),
            does(Side::New, Converter::Rust),
        ];
        out.push_str(&row(&cells));
    }
    out
}

#[test]
fn the_documents_show_the_tables() {
    let page = include_str!("../../docs/phases.md");
    for (name, table) in [
        ("standings", standings()),
        ("moves", moves()),
        ("net", net()),
    ] {
        let begin = format!("<!-- {name} -->\n");
        let (_, rest) = page.split_once(&begin).expect("the table has a mark");
        let (found, _) = rest.split_once("<!-- end -->").expect("it ends");
        let body: String = found
            .lines()
            .skip(2)
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(body, table, "docs/phases.md, {name}: it should be\n{table}");
    }
    let table = phases();
    assert!(
        include_str!("../../README.md").contains(&table),
        "README.md should have\n{table}"
    );
    let in_source: String = phases()
        .lines()
        .map(|line| {
            // without the way back
            let cells: Vec<&str> = line.split('|').collect();
            format!("/// {}|\n", cells[..5].join("|"))
        })
        .collect();
    assert!(
        include_str!("mod.rs").contains(&in_source),
        "`Phase` should show\n{in_source}"
    );
}
