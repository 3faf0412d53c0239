//! Owns the interval of a pooled percentile: whole repeats are drawn anew.
//! Must not know which latency it is.

use super::ranked::{Pool, Ranked};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::statistics::of_error;
use shared::summary::Interval;
use std::collections::BTreeMap;

/// Draws; more would not move the second digit of a width.
const DRAWS: u32 = 1_000;
/// Any will do: the same repeats give the same interval.
const SEED: u64 = 0;

/// The interval of a percentile of pooled repeats. Requests of one repeat hang together, so repeats are drawn and not
/// requests (Davison and Hinkley, "Bootstrap Methods and their Application", 3.8). The spread of the drawn percentiles,
/// corrected by `R / (R − 1)` as a sample's variance is, is taken as a standard error with Student's t of `R − 1`
/// degrees of freedom; for a mean this is the same interval as over the repeats' own means.
///
/// Nothing for fewer than two repeats, too few samples, or where a time-out hides the rank.
#[must_use]
pub fn percentile_interval(repeats: &[Ranked], percent: u64) -> Option<Interval> {
    if repeats.len() < 2 || repeats.iter().any(|r| r.certain_total() == 0) {
        return None;
    }
    let centre = Pool::new(repeats.iter().map(|r| (r, 1))).percentile(percent).ms()?;
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    // Few repeats can be drawn in few ways, and each is reckoned once.
    let mut known: BTreeMap<Vec<u64>, f64> = BTreeMap::new();
    let mut drawn = Vec::with_capacity(DRAWS as usize);
    for _ in 0..DRAWS {
        let mut times = vec![0u64; repeats.len()];
        (0..repeats.len()).for_each(|_| times[random.random_range(0..repeats.len())] += 1);
        let value = match known.get(&times) {
            Some(value) => *value,
            None => {
                let value = Pool::new(repeats.iter().zip(times.iter().copied())).unguarded(percent).ms()?;
                known.insert(times, value);
                value
            }
        };
        drawn.push(value);
    }
    let n = f64::from(DRAWS);
    let mean = drawn.iter().sum::<f64>() / n;
    let variance = drawn.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let of = repeats.len() as f64;
    of_error(centre, (variance * of / (of - 1.0)).sqrt(), repeats.len())
}
