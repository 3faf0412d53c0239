//! Owns the schedules of one rate: even, exponential and gamma gaps.
//! Must not know how long they are needed.

use super::Offsets;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Gamma};
use shared::units::NS_PER_S;

/// Offsets `i / rate`, each from its number alone, so that no error adds up.
pub(super) fn constant(rate: f64) -> impl Iterator<Item = u64> + Send {
    (0u64..).map(move |i| (i as f64 * (NS_PER_S as f64 / rate)).round() as u64)
}

/// Exponential gaps of mean `1 / rate`.
pub(super) fn poisson(rate: f64, random: ChaCha8Rng) -> impl Iterator<Item = u64> + Send {
    summed(random, move |random| {
        let gap: f64 = Exp1.sample(random);
        gap / rate
    })
}

/// Gamma gaps of mean `1 / rate` and squared coefficient of variation `1 / shape`: scale `1 / (rate × shape)`.
pub(super) fn gamma(rate: f64, shape: f64, random: ChaCha8Rng) -> Offsets {
    match Gamma::new(shape, 1.0 / (rate * shape)) {
        Ok(gamma) => Box::new(summed(random, move |random| gamma.sample(random))),
        // A validated plan has a shape and a rate above zero.
        Err(_) => Box::new(std::iter::empty()),
    }
}

/// Sums of gaps given in seconds.
fn summed(
    mut random: ChaCha8Rng,
    mut gap_s: impl FnMut(&mut ChaCha8Rng) -> f64 + Send,
) -> impl Iterator<Item = u64> + Send {
    let mut at_s = 0.0;
    std::iter::from_fn(move || {
        at_s += gap_s(&mut random);
        Some((at_s * NS_PER_S as f64) as u64)
    })
}
