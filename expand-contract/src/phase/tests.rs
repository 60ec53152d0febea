//! The rules against themselves and against the documents.

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
    for two_passes in [false, true] {
        for pass in [Pass::First, Pass::Second] {
            for a in Phase::ALL {
                for b in Phase::ALL.into_iter().filter(|b| a.coexists_with(*b)) {
                    let (reader, writer) = (Stage { pass, phase: a }, Stage { pass, phase: b });
                    assert!(writer.writes(reader.reads(two_passes), two_passes));
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
    assert_eq!(end.reads(true), start.reads(true));
    for side in [Side::Old, Side::Via, Side::New] {
        assert_eq!(end.writes(side, true), start.writes(side, true));
    }
}
