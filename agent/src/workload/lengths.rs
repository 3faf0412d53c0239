//! Owns how lengths are drawn: from the plan's seed and a request's number, and from nothing else.
//! Must not know what the lengths are for.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use shared::plan::{Lengths, Spread};

/// Which of a request's two lengths.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Input,
    Output,
}

/// A request's length, tokens.
pub(super) fn length(lengths: &Lengths, seed: u64, request: u64, side: Side) -> u32 {
    match lengths {
        Lengths::Fixed(tokens) => *tokens,
        Lengths::Spread(spread) => {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(request.wrapping_mul(2).wrapping_add(side as u64));
            draw(spread, &mut random)
        }
    }
}

fn draw(spread: &Spread, random: &mut impl Rng) -> u32 {
    match spread {
        Spread::Uniform { min, max } => random.random_range(*min..=*max),
        Spread::Normal { mean, sd, min, max } => {
            let z: f64 = random.sample(StandardNormal);
            whole(mean + sd * z, *min, *max)
        }
        Spread::LogNormal { median, sigma, min, max } => {
            let z: f64 = random.sample(StandardNormal);
            whole(median * (sigma * z).exp(), *min, *max)
        }
        Spread::Histogram { bins } => pick(bins, random.random::<f64>()),
    }
}

fn whole(tokens: f64, min: u32, max: u32) -> u32 {
    tokens.round().clamp(f64::from(min), f64::from(max)) as u32
}

/// The bin in which a share of the weights lies.
fn pick(bins: &[(u32, f64)], share: f64) -> u32 {
    let mut left = share * bins.iter().map(|(_, weight)| weight).sum::<f64>();
    let mut picked = 0;
    for (tokens, weight) in bins.iter().filter(|(_, weight)| *weight > 0.0) {
        picked = *tokens;
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: u64 = 20_000;

    fn sample(spread: Spread) -> Vec<f64> {
        let lengths = Lengths::Spread(spread);
        (0..N).map(|request| f64::from(length(&lengths, 7, request, Side::Input))).collect()
    }

    /// Mean within 1 % and standard deviation within 3 %, and every draw within the bounds.
    fn check(spread: Spread, mean: f64, sd: f64, bounds: (u32, u32)) {
        let drawn = sample(spread.clone());
        let got_mean = drawn.iter().sum::<f64>() / N as f64;
        let got_sd = (drawn.iter().map(|x| (x - got_mean).powi(2)).sum::<f64>() / N as f64).sqrt();
        assert!((got_mean / mean - 1.0).abs() < 0.01, "{spread:?}: mean {got_mean} instead of {mean}");
        assert!((got_sd / sd - 1.0).abs() < 0.03, "{spread:?}: deviation {got_sd} instead of {sd}");
        let within = f64::from(bounds.0)..=f64::from(bounds.1);
        assert!(drawn.iter().all(|x| within.contains(x)), "{spread:?} left its bounds");
    }

    #[test]
    fn distributions_have_their_moments_and_keep_their_bounds() {
        // A uniform whole number from a to b has the variance ((b − a + 1)² − 1) / 12.
        check(Spread::Uniform { min: 100, max: 300 }, 200.0, 58.02, (100, 300));
        check(Spread::Normal { mean: 500.0, sd: 50.0, min: 1, max: 4096 }, 500.0, 50.0, (1, 4096));
        // A log-normal's mean is median × e^(σ²/2), its variance mean² × (e^(σ²) − 1).
        check(Spread::LogNormal { median: 400.0, sigma: 0.5, min: 1, max: 100_000 }, 453.26, 241.56, (1, 100_000));
        let bins = vec![(100, 1.0), (200, 0.0), (400, 3.0)];
        check(Spread::Histogram { bins }, 325.0, 129.9, (100, 400));
    }

    #[test]
    fn draws_beyond_the_bounds_are_held_at_them() {
        let drawn = sample(Spread::LogNormal { median: 100.0, sigma: 300.0, min: 10, max: 1000 });
        assert!(drawn.contains(&10.0) && drawn.contains(&1000.0));
        let drawn = sample(Spread::Normal { mean: 0.0, sd: 5.0, min: 3, max: 4 });
        assert!(drawn.iter().all(|x| [3.0, 4.0].contains(x)));
    }

    #[test]
    fn a_weight_of_zero_is_never_picked_and_the_ends_are() {
        let bins = [(1, 0.0), (2, 1.0), (3, 1.0), (4, 0.0)];
        let check = |share: f64, expect: u32| assert_eq!(pick(&bins, share), expect, "{share}");
        check(0.0, 2);
        check(0.499, 2);
        check(0.5, 3);
        check(1.0, 3);
    }

    #[test]
    fn a_length_depends_on_seed_number_and_side_alone() {
        let lengths = Lengths::Spread(Spread::Uniform { min: 1, max: 1_000_000 });
        let of = |seed, request, side| length(&lengths, seed, request, side);
        assert_eq!(of(1, 5, Side::Input), of(1, 5, Side::Input));
        let others = [of(2, 5, Side::Input), of(1, 6, Side::Input), of(1, 5, Side::Output)];
        assert!(!others.contains(&of(1, 5, Side::Input)));
        assert_eq!(length(&Lengths::Fixed(9), 1, 5, Side::Input), 9);
    }
}
