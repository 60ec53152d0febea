//! Many runners at once on one table.

use std::time::Duration;

use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, Options};
use tests::database::Db;
use tests::postgres::PgDatabase;
use tests::process::{self, TestProcess};

use crate::support::*;

const RUNNERS: usize = 10;

#[test]
fn fm19_of_ten_runners_each_action_is_done_once() {
    let db = PgDatabase::new();
    let conn = &mut db.connect();
    table(conn, 400);
    let mut runners: Vec<TestProcess> = (0..RUNNERS)
        .map(|number| {
            let role = format!("runner {number}\n{}", db.url());
            TestProcess::spawn("runners::child_runs", &role)
        })
        .collect();
    for runner in &mut runners {
        runner.wait_for_point("ready");
    }
    for runner in &mut runners {
        runner.go_on();
    }
    let outcomes: Vec<String> = runners
        .iter_mut()
        .map(|runner| runner.wait_for_point("ended"))
        .collect();
    let done = outcomes.iter().filter(|outcome| *outcome == "done");
    assert!(done.count() >= 1, "{outcomes:?}");
    // whoever left says for whom
    for outcome in outcomes.iter().filter(|outcome| *outcome != "done") {
        assert!(outcome.starts_with("for runner "), "{outcomes:?}");
    }
    let stage = Item::migration().status(conn).expect("there is a ledger");
    assert_eq!(stage.stage.phase, Phase::Contracted);
    let twice = "SELECT string_agg(step || ' ' || action, '; ') FROM \
                 (SELECT step, action FROM expand_contract.actions GROUP BY 1, 2 HAVING count(*) > 1) q";
    assert_eq!(Postgres::text(conn, twice), None, "{outcomes:?}");
    let all = "SELECT count(*) FROM expand_contract.actions";
    let all = Postgres::text(conn, all).and_then(|all| all.parse().ok());
    assert!(all.is_some_and(|all: u32| all > 15), "{all:?}");
}

#[test]
#[ignore = "a child of `fm19_of_ten_runners_each_action_is_done_once`"]
fn child_runs() {
    let Some(role) = process::role() else {
        return;
    };
    let (name, url) = role.split_once('\n').expect("a name and a URL");
    let conn = &mut Postgres::open(url);
    process::at_point("ready", "");
    let options: Options = options()
        .holder(name)
        .batch_size(20)
        .lease(Duration::from_secs(20));
    let outcome = match advance(conn, options, Step::Contract) {
        Ok(()) => "done".to_owned(),
        Err(Error::RunnerActive { holder, .. }) => format!("for {holder}"),
        Err(error) => error.to_string().replace('\n', " "),
    };
    process::at_point("ended", &outcome);
}
