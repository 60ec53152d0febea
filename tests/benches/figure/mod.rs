//! How the benchmarks measure: two pieces of work take turns in short rounds, and the median of the rounds' ratios counts,
//! so that a busy machine slows down both.

use std::time::{Duration, Instant};

/// Whether this is a benchmark: `cargo test --benches` only wants to know that it runs.
pub(crate) fn asked_for() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}

/// Whether the figure is among those whose names the command line gives parts of; without any, all are.
pub(crate) fn wanted(name: &str) -> bool {
    let mut parts = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .peekable();
    parts.peek().is_none() || parts.any(|part| name.contains(&part))
}

/// Prints a figure: the median of the rounds' ratios.
#[allow(dead_code, reason = "not every benchmark measures by itself")]
pub(crate) fn tell(name: &str, mut ratios: Vec<f64>) {
    println!("figure {name} ratio {:.3}", median(&mut ratios));
}

/// The one in the middle.
pub(crate) fn median(ratios: &mut [f64]) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

/// The time of one piece of work, in proportion to the other's: the median of `rounds` rounds. Both get the round's
/// number and say how long they took.
#[allow(dead_code, reason = "not every benchmark measures in short rounds")]
pub(crate) fn in_turns<S>(
    rounds: usize,
    on: &mut S,
    mut ours: impl FnMut(&mut S, usize) -> Duration,
    mut theirs: impl FnMut(&mut S, usize) -> Duration,
) -> f64 {
    // they only fill caches
    let warm_up = rounds.div_ceil(16);
    let mut ratios: Vec<f64> = (0..warm_up + rounds)
        .map(|round| {
            // who comes first takes turns too
            if round % 2 == 0 {
                let a = ours(on, round);
                a.as_secs_f64() / theirs(on, round).as_secs_f64()
            } else {
                let b = theirs(on, round);
                ours(on, round).as_secs_f64() / b.as_secs_f64()
            }
        })
        .skip(warm_up)
        .collect();
    median(&mut ratios)
}

/// How long the work takes.
pub(crate) fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
