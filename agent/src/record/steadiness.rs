//! Owns whether a latency held still over the window, and what its samples are worth.
//! Must not know thresholds.

use super::statistics::{Kendall, effective_n, median, sen_slopes};
use shared::summary::Steadiness;
use shared::units::finite;

/// Fewer samples carry neither a trend by the normal approximation nor an autocorrelation.
const FEWEST: usize = 20;
/// Most points of all trials together that pairs are made of: half a million pairs.
const MOST: usize = 1_000;

/// Trend and effective sample size over the trials of a point: each trial's samples as `(when, value)` in ns and in
/// order of time, over windows of `window_ns`. Absent where no trial has enough samples.
///
/// The trend is Mann-Kendall's with Sen's slope, trials taken as seasons; its variance, and the samples' worth, are
/// corrected for how what remains without the slope hangs together.
#[must_use]
pub fn steadiness(trials: &[Vec<(u64, u64)>], window_ns: u64) -> Option<Steadiness> {
    let enough: Vec<&[(u64, u64)]> = trials.iter().map(Vec::as_slice).filter(|t| t.len() >= FEWEST).collect();
    let most = MOST.checked_div(enough.len())?.max(FEWEST);
    let thinned: Vec<Vec<(u64, u64)>> = enough.iter().map(|trial| thin(trial, most)).collect();
    let slope = median(thinned.iter().flat_map(|trial| sen_slopes(trial)).collect()).unwrap_or(0.0);
    let middle = median(enough.iter().copied().flatten().map(|(_, value)| *value as f64).collect())?;
    let level =
        |points: &[(u64, u64)]| -> Vec<f64> { points.iter().map(|(t, v)| *v as f64 - slope * *t as f64).collect() };
    let mut trend = Kendall::default();
    for points in &thinned {
        trend = trend.plus(Kendall::of(points), points.len() as f64 / effective_n(&level(points)));
    }
    let effective: f64 = enough.iter().map(|trial| effective_n(&level(trial))).sum();
    Some(Steadiness {
        ttft_drift: finite(slope * window_ns as f64 / middle)?,
        trend_p: finite(trend.p())?,
        effective_n: effective.round() as u64,
    })
}

/// At most `most` points, evenly chosen.
fn thin(points: &[(u64, u64)], most: usize) -> Vec<(u64, u64)> {
    let count = points.len().min(most);
    (0..count).map(|i| points[i * points.len() / count]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// A trial of `n` samples, 1 ms apart, of `value(i)` and even noise of ± `noise`.
    fn trial(seed: u64, n: u64, noise: i64, value: impl Fn(u64) -> i64) -> Vec<(u64, u64)> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..n).map(|i| (i * 1_000_000, (value(i) + random.random_range(-noise..=noise)) as u64)).collect()
    }

    #[test]
    fn a_level_series_has_no_trend_and_keeps_its_samples() {
        let found = steadiness(&[trial(1, 500, 90_000, |_| 1_000_000)], 500_000_000).unwrap();
        assert!(found.trend_p > 0.05 && found.ttft_drift.abs() < 0.05, "{found:?}");
        assert!(found.effective_n > 300, "{found:?}");
    }

    #[test]
    fn a_rise_by_half_is_found_and_measured() {
        // From 0.75 to 1.25 of the median, in each of three trials: what is pooled is the rise within a trial.
        let trials: Vec<_> = (0..3).map(|i| trial(i, 400, 90_000, |i| 750_000 + i as i64 * 1250)).collect();
        let found = steadiness(&trials, 400_000_000).unwrap();
        assert!(found.trend_p < 1e-6 && (found.ttft_drift - 0.5).abs() < 0.05, "{found:?}");
        assert!(found.effective_n > 700, "the rise itself is no dependence: {found:?}");
    }

    #[test]
    fn what_wanders_is_worth_less_than_it_counts() {
        let wave = |i: u64| 1_000_000 + ((i as f64 / 20.0).sin() * 300_000.0) as i64;
        let found = steadiness(&[trial(4, 1_000, 9_000, wave)], 1_000_000_000).unwrap();
        assert!(found.effective_n < 100, "{found:?}");
        assert!(found.trend_p > 0.01, "{found:?}");
    }

    #[test]
    fn few_samples_say_nothing() {
        assert_eq!(steadiness(&[trial(5, 19, 9, |_| 1000)], 1), None);
        assert_eq!(steadiness(&[], 1), None);
        let both = steadiness(&[trial(5, 19, 9, |_| 1000), trial(6, 50, 9, |_| 1000)], 50_000_000).unwrap();
        assert!(both.effective_n <= 50, "{both:?}");
    }
}
