//! The whole deployment, short: the same programs, phases and checks as `cargo run -p rolling-deploy`.

use std::process::{Command, Output};

fn deploy(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rolling-deploy"))
        .args(["--release-n", env!("CARGO_BIN_EXE_release-n")])
        .args(["--release-n-plus-1", env!("CARGO_BIN_EXE_release-n-plus-1")])
        .args(["--seconds-per-phase", "0.3", "--rows", "2000"])
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The numbers of each row of the table: statements of release N, of release N+1 and of strangers, failed, stale, lost, torn.
fn table(output: &str) -> Vec<(String, Vec<u64>)> {
    output
        .lines()
        .filter_map(|line| line.strip_prefix('│')?.strip_suffix('│'))
        .skip(1)
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (name, numbers) = words.split_at(words.len() - 8);
            let numbers = numbers[..7].iter().map(|n| n.parse().unwrap());
            (name.join(" "), numbers.collect())
        })
        .collect()
}

#[test]
fn nobody_notices() {
    let output = deploy(&["--seed", "7"]);
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    let table = table(&said);
    assert_eq!(table.len(), 10, "{said}");
    for (phase, numbers) in &table {
        assert_eq!(numbers[3..], [0; 4], "{phase}: {said}");
    }
    // that nothing went wrong says something only of those who were there
    let were_there = |phase: &str| {
        let (_, numbers) = table.iter().find(|(name, _)| name == phase).unwrap();
        [numbers[0] > 0, numbers[1] > 0, numbers[2] > 0]
    };
    assert_eq!(were_there("original"), [true, false, true]);
    for phase in [
        "original, both releases",
        "expanded",
        "backfilled, verified",
        "switched",
        "rolled back",
        "switched again",
        "release N gone",
    ] {
        assert_eq!(were_there(phase), [true; 3], "{phase}: {said}");
    }
    assert_eq!(were_there("contracted"), [false, true, false]);
}

/// The safety net is what makes strangers harmless: without it the same run is found wrong.
#[test]
fn without_the_safety_net_it_is_noticed() {
    let output = deploy(&["--bypass-safety-net"]);
    let said = text(&output.stdout);
    assert!(!output.status.success(), "{said}");
    let wrong: u64 = table(&said)
        .iter()
        .map(|(_, numbers)| numbers[4..].iter().sum::<u64>())
        .sum();
    assert!(wrong > 0, "{said}");
}
