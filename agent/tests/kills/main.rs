//! Owns the proof that nothing acknowledged is lost, and nobody left behind, however often the agent is killed: ten times in
//! every test, and as often as asked in the soak (`cargo xtask soak kills`).
//! Must not know the agent's insides, except the tables of its log.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "../support/engine_life.rs"]
mod engine_life;
mod page;
mod round;
#[path = "../support/socket.rs"]
mod socket;
mod stored;
#[path = "../support/mod.rs"]
mod support;
mod witness;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use round::{Rounds, Seen};
use std::path::Path;
use std::time::Instant;

/// Kills of every test.
const FEW: usize = 10;

/// Kills the agent as often as that, prints each round, and has the last run that was cut off go on to its end.
async fn kill(times: usize, seed: u64) -> Vec<Seen> {
    println!("seed {seed}: TOKENPRISM_KILLS_SEED={seed} repeats these moments");
    let mut rounds = Rounds::begin(ChaCha8Rng::seed_from_u64(seed));
    let mut seen = Vec::new();
    for number in 1..=times {
        let round = rounds.kill().await;
        println!("{number}: {round:?}");
        seen.push(round);
    }
    rounds.finish().await;
    seen
}

fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn seed() -> u64 {
    // Another one each time, printed, so that moments are found that no fixed seed has.
    variable("TOKENPRISM_KILLS_SEED").unwrap_or_else(|| rand::rng().next_u64() >> 32)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nobody_is_left_behind() {
    let seen = kill(FEW, seed()).await;
    assert_eq!(seen.len(), FEW);
    assert!(seen.iter().any(|round| round.heard > 0), "no client had heard of anything: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: cargo xtask soak kills"]
async fn soak() {
    let (times, seed) = (variable("TOKENPRISM_KILLS").unwrap_or(100), seed());
    let begun = Instant::now();
    let seen = kill(times, seed).await;
    let text = page::markdown(seed, &seen, begun.elapsed());
    match std::env::var_os("TOKENPRISM_KILLS_OUT") {
        Some(path) => std::fs::write(Path::new(&path), text).unwrap(),
        None => print!("{text}"),
    }
}
