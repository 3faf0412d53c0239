//! Owns ordered samples: nearest-rank percentiles with the sample-size guard, shares and bins, all by counting.
//! Must not know where samples come from.

use shared::summary::Percentile;
use shared::units::ns_to_ms;

/// Samples that a percentile needs: `1 / (1 − p)`, so that at least one lies beyond it.
#[must_use]
pub fn needed(percent: u64) -> u64 {
    100u64.div_ceil(100 - percent.min(99))
}

/// Samples in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranked {
    /// Values, ns, each with how many samples there are up to and with it.
    steps: Vec<(u64, u64)>,
    /// Lower bounds of samples whose value nobody knows, ns.
    bounds: Vec<u64>,
}

impl Ranked {
    /// Orders values (ns, and how often each counts) and lower bounds (ns).
    #[must_use]
    pub fn new(mut values: Vec<(u64, u64)>, mut bounds: Vec<u64>) -> Self {
        values.sort_unstable();
        bounds.sort_unstable();
        let mut upto = 0;
        for (_, weight) in &mut values {
            upto += *weight;
            *weight = upto;
        }
        Self { steps: values, bounds }
    }

    /// Samples whose value is known.
    #[must_use]
    pub fn certain_total(&self) -> u64 {
        self.steps.last().map_or(0, |(_, upto)| *upto)
    }

    /// Samples of which only a lower bound is known.
    #[must_use]
    pub fn bounds_total(&self) -> u64 {
        self.bounds.len() as u64
    }

    /// Least known value, ms.
    #[must_use]
    pub fn least_ms(&self) -> Option<f64> {
        self.steps.first().map(|(value, _)| ns_to_ms(*value))
    }

    /// Greatest known value, ms.
    #[must_use]
    pub fn greatest_ms(&self) -> Option<f64> {
        self.steps.last().map(|(value, _)| ns_to_ms(*value))
    }

    /// Known samples that are at most `value_ns`.
    fn known_upto(&self, value_ns: u64) -> u64 {
        let after = self.steps.partition_point(|(value, _)| *value <= value_ns);
        after.checked_sub(1).map_or(0, |last| self.steps[last].1)
    }

    /// Samples that are at most `value_ns`, bounds taken for values.
    fn count_upto(&self, value_ns: u64) -> u64 {
        self.known_upto(value_ns) + self.bounds.partition_point(|bound| *bound <= value_ns) as u64
    }

    /// Points of the empirical distribution: value in ms and the exact share of all samples up to it. At most
    /// `most` order statistics at even shares; it ends where bounds make ranks uncertain.
    #[must_use]
    pub fn ecdf(&self, most: u64) -> Vec<(f64, f64)> {
        let pool = Pool::of(self);
        let (total, certain) = (pool.total(), pool.certain());
        let points = total.min(most);
        let mut ecdf: Vec<(f64, f64)> = Vec::new();
        for point in 1..=points {
            let rank = (u128::from(point) * u128::from(total)).div_ceil(u128::from(points)) as u64;
            if rank > certain {
                break;
            }
            let at = pool.at(rank);
            let (ms, share) = (ns_to_ms(at), self.known_upto(at) as f64 / total as f64);
            match ecdf.last_mut() {
                Some(last) if last.0 == ms => last.1 = share,
                _ => ecdf.push((ms, share)),
            }
        }
        ecdf
    }

    /// Counts of known samples in at most `most` bins of equal ratio: from, to (ms; the last bin holds its end) and
    /// count. Zeros have no logarithm and get the first bin to themselves.
    #[must_use]
    pub fn bins(&self, most: u32) -> Vec<(f64, f64, u64)> {
        let Some((greatest, total)) = self.steps.last().copied() else { return Vec::new() };
        let zeros = self.known_upto(0);
        let Some((least, _)) = self.steps.iter().copied().find(|(value, _)| *value > 0) else {
            return vec![(0.0, 0.0, total)];
        };
        let mut bins = Vec::new();
        if zeros > 0 {
            bins.push((0.0, ns_to_ms(least), zeros));
        }
        // Twice the cube root of n, by which bins are neither empty nor hide the shape (the Rice rule).
        let wanted = (2.0 * (total as f64).cbrt()).ceil() as u32;
        let count = wanted.clamp(1, most - bins.len() as u32);
        let ratio = greatest as f64 / least as f64;
        let inner = (1..count).map(|i| (least as f64 * ratio.powf(f64::from(i) / f64::from(count))).round() as u64);
        let mut edges: Vec<u64> = std::iter::once(least).chain(inner).chain([greatest]).collect();
        // Between a few whole nanoseconds there is no room for many edges; equal values are one bin.
        edges.dedup();
        edges.extend((edges.len() == 1).then_some(greatest));
        let last = edges.len() - 1;
        let below = |i: usize| if i == last { total } else { self.known_upto(edges[i] - 1) };
        bins.extend((0..last).map(|i| (ns_to_ms(edges[i]), ns_to_ms(edges[i + 1]), below(i + 1) - below(i))));
        bins
    }
}

/// Several sets taken as one, each as often as its number says: percentiles of the whole without a copy of it.
#[derive(Clone, Debug)]
pub struct Pool<'a> {
    parts: Vec<(&'a Ranked, u64)>,
}

impl<'a> Pool<'a> {
    /// One set, once.
    #[must_use]
    pub fn of(ranked: &'a Ranked) -> Self {
        Self::new([(ranked, 1)])
    }

    /// Sets and how often each is taken.
    pub fn new(parts: impl IntoIterator<Item = (&'a Ranked, u64)>) -> Self {
        Self { parts: parts.into_iter().filter(|(_, times)| *times > 0).collect() }
    }

    fn sum(&self, count: impl Fn(&Ranked) -> u64) -> u64 {
        self.parts.iter().map(|(ranked, times)| count(ranked) * times).sum()
    }

    /// All samples.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sum(|ranked| ranked.certain_total() + ranked.bounds_total())
    }

    /// Ranks up to here are certain: once a rank lies beyond the first lower bound, the true value may be greater.
    fn certain(&self) -> u64 {
        let first_bound = self.parts.iter().filter_map(|(ranked, _)| ranked.bounds.first()).min();
        first_bound.map_or_else(|| self.total(), |bound| self.sum(|ranked| ranked.known_upto(*bound)))
    }

    /// The `rank`-th smallest sample, ns: the least value that so many do not exceed.
    #[must_use]
    pub fn at(&self, rank: u64) -> u64 {
        let ends = |ranked: &Ranked| ranked.steps.last().map(|s| s.0).max(ranked.bounds.last().copied());
        let (mut low, mut high) = (0, self.parts.iter().filter_map(|(ranked, _)| ends(ranked)).max().unwrap_or(0));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.sum(|ranked| ranked.count_upto(middle)) >= rank {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// Nearest rank: the `ceil(p·n)`-th smallest, in integer arithmetic, bounds and values ranked together.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Percentile {
        let total = self.total();
        if total < needed(percent) { Percentile::Needs(needed(percent)) } else { self.unguarded(percent) }
    }

    /// The same of however few samples; at least one.
    #[must_use]
    pub fn unguarded(&self, percent: u64) -> Percentile {
        let rank = (self.total() * percent).div_ceil(100).max(1);
        let ms = ns_to_ms(self.at(rank));
        if rank > self.certain() { Percentile::AtLeastMs(ms) } else { Percentile::Ms(ms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(ms: &[u64], bounds: &[u64]) -> Ranked {
        Ranked::new(ms.iter().map(|v| (v * 1_000_000, 1)).collect(), bounds.iter().map(|v| v * 1_000_000).collect())
    }

    #[test]
    fn the_ecdf_has_exact_shares_and_ends_at_the_first_bound() {
        assert_eq!(ranked(&[10, 20, 20, 40], &[]).ecdf(400), [(10.0, 0.25), (20.0, 0.75), (40.0, 1.0)]);
        assert_eq!(ranked(&[10, 20, 40], &[30]).ecdf(400), [(10.0, 0.25), (20.0, 0.5)]);
        assert!(ranked(&[], &[]).ecdf(400).is_empty());
        let many: Vec<u64> = (1..=10_000).collect();
        let ecdf = ranked(&many, &[]).ecdf(400);
        assert_eq!((ecdf.len(), ecdf[0], ecdf[399]), (400, (25.0, 0.0025), (10_000.0, 1.0)));
    }

    #[test]
    fn bins_hold_every_known_sample_once() {
        let check = |ms: &[u64], bins: usize| {
            let found = ranked(ms, &[99_999]).bins(60);
            assert_eq!(found.len(), bins, "{ms:?}: {found:?}");
            assert_eq!(found.iter().map(|b| b.2).sum::<u64>(), ms.len() as u64, "{found:?}");
            assert!(found.windows(2).all(|w| w[0].1 == w[1].0), "{found:?}");
        };
        check(&[], 0);
        check(&[0, 0], 1);
        check(&[7, 7], 1);
        check(&[0, 7, 7], 2);
        check(&[1, 10, 100], 3);
        assert_eq!(Ranked::new(vec![(1, 1), (2, 40), (3, 1)], vec![]).bins(60).len(), 2);
        check(&(0..100_000).collect::<Vec<_>>(), 60);
    }
}
