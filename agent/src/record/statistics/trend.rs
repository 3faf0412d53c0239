//! Owns the trend of a series: whether there is one, and how steep it is.
//! Must not know what the series measures.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Kendall's S of a series against time, and its variance if there were no trend: the test of Mann (1945) and Kendall
/// (1975). Series of several trials add up, as the seasons of Hirsch and Slack (1984) do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Kendall {
    /// Pairs that rise with time less pairs that fall.
    pub s: f64,
    /// Variance of S, ties in time and in value corrected for (Kendall, "Rank Correlation Methods", chapter 4).
    pub variance: f64,
}

impl Kendall {
    /// Looks at every pair of points `(time, value)`; the cost is the square of their number.
    #[must_use]
    pub fn of(points: &[(u64, u64)]) -> Self {
        let step = |ordering: Ordering| ordering as i64;
        let pairs =
            points.iter().enumerate().flat_map(|(i, early)| points[i + 1..].iter().map(move |late| (early, late)));
        let s: i64 = pairs.map(|(early, late)| step(late.0.cmp(&early.0)) * step(late.1.cmp(&early.1))).sum();
        let n = points.len() as f64;
        let times = Ties::of(points.iter().map(|p| p.0));
        let values = Ties::of(points.iter().map(|p| p.1));
        let all = n * (n - 1.0) * (2.0 * n + 5.0);
        let mut variance = (all - times.cubic - values.cubic) / 18.0;
        if points.len() > 2 {
            variance += times.pairs * values.pairs / (2.0 * n * (n - 1.0));
            variance += times.triples * values.triples / (9.0 * n * (n - 1.0) * (n - 2.0));
        }
        Self { s: s as f64, variance }
    }

    /// Adds another series. `inflation` is how many times its variance is that of independent samples: samples over
    /// effective samples (Yue and Wang, 2004).
    #[must_use]
    pub fn plus(self, other: Kendall, inflation: f64) -> Self {
        Self { s: self.s + other.s, variance: self.variance + other.variance * inflation }
    }

    /// Probability of a trend at least as clear without any, two-sided, by the normal approximation.
    #[must_use]
    pub fn p(self) -> f64 {
        if self.variance > 0.0 {
            libm::erfc((self.s.abs() / self.variance.sqrt()) / std::f64::consts::SQRT_2)
        } else {
            1.0
        }
    }
}

/// Sums over groups of t equal entries.
#[derive(Default)]
struct Ties {
    /// Of t (t − 1).
    pairs: f64,
    /// Of t (t − 1) (t − 2).
    triples: f64,
    /// Of t (t − 1) (2 t + 5).
    cubic: f64,
}

impl Ties {
    fn of(entries: impl Iterator<Item = u64>) -> Self {
        let mut groups: BTreeMap<u64, u64> = BTreeMap::new();
        entries.for_each(|entry| *groups.entry(entry).or_default() += 1);
        let mut ties = Ties::default();
        for t in groups.into_values().map(|t| t as f64) {
            ties.pairs += t * (t - 1.0);
            ties.triples += t * (t - 1.0) * (t - 2.0);
            ties.cubic += t * (t - 1.0) * (2.0 * t + 5.0);
        }
        ties
    }
}

/// The slopes between all pairs of points of different time, whose median is Sen's slope (Sen, 1968): a trend that no
/// outlier moves.
pub fn sen_slopes(points: &[(u64, u64)]) -> impl Iterator<Item = f64> {
    let pairs = points.iter().enumerate().flat_map(|(i, early)| points[i + 1..].iter().map(move |late| (early, late)));
    pairs.filter(|(early, late)| late.0 > early.0).map(|(early, late)| {
        let rise = late.1 as f64 - early.1 as f64;
        rise / (late.0 - early.0) as f64
    })
}

/// The median, between the two middle values of an even number; nothing of nothing.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = if even { below.iter().copied().max_by(f64::total_cmp) } else { None };
    Some(lower.map_or(*upper, |lower| f64::midpoint(lower, *upper)))
}
