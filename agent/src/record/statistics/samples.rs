//! Owns the samples of one latency: values, lower bounds from time-outs, and absences.
//! Must not know which latency it is, nor how ranks are found.

use super::ranked::{Pool, Ranked};
use shared::summary::Distribution;

/// Samples of one latency, ns, with the requests that have none and those that hit a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Samples of requests that ended well.
    pub ok_ns: Vec<u64>,
    /// How often each of `ok_ns` counts; empty where each counts once.
    pub weights: Vec<u32>,
    /// Limits that timed-out requests reached: their value is at least this.
    pub at_least_ns: Vec<u64>,
    /// Requests without such a value.
    pub absent: u64,
}

impl Samples {
    /// Adds a value that counts once, or counts its absence.
    pub fn add(&mut self, value_ns: Option<u64>) {
        match value_ns {
            Some(value) => self.ok_ns.push(value),
            None => self.absent += 1,
        }
    }

    /// Adds a value that counts `weight` times, without holding it as often. A set takes weighted samples or single
    /// ones, not both.
    pub fn add_weighted(&mut self, value_ns: u64, weight: u32) {
        self.ok_ns.push(value_ns);
        self.weights.push(weight);
    }

    /// Pools another set; percentiles are never averaged.
    pub fn merge(&mut self, other: &Samples) {
        self.ok_ns.extend_from_slice(&other.ok_ns);
        self.weights.extend_from_slice(&other.weights);
        self.at_least_ns.extend_from_slice(&other.at_least_ns);
        self.absent += other.absent;
    }

    /// Values and how often each counts.
    fn weighted(&self) -> impl Iterator<Item = (u64, u64)> {
        let weights = self.weights.iter().copied().map(u64::from).chain(std::iter::repeat(1));
        self.ok_ns.iter().copied().zip(weights)
    }

    /// The samples in order.
    #[must_use]
    pub fn ranked(&self) -> Ranked {
        Ranked::new(self.weighted().collect(), self.at_least_ns.clone())
    }

    /// Arithmetic mean over ok samples, ns; nothing without any.
    #[must_use]
    pub fn mean_ns(&self) -> Option<f64> {
        let (sum, n) = self.weighted().fold((0u128, 0u64), |(sum, n), (value, weight)| {
            (sum + u128::from(value) * u128::from(weight), n + weight)
        });
        (n > 0).then(|| sum as f64 / n as f64)
    }

    /// The exact distribution: mean over ok samples, percentiles over ok and timed-out ones together.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        let ranked = self.ranked();
        let pool = Pool::of(&ranked);
        Distribution {
            n: Some(ranked.certain_total()),
            absent: Some(self.absent),
            mean_ms: self.mean_ns().map(|ns| ns / 1e6),
            min_ms: ranked.least_ms(),
            max_ms: ranked.greatest_ms(),
            p50: pool.percentile(50),
            p90: pool.percentile(90),
            p95: pool.percentile(95),
            p99: pool.percentile(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shared::summary::Percentile;

    fn ms(values: &[u64]) -> Vec<u64> {
        values.iter().map(|v| v * 1_000_000).collect()
    }

    fn check(ok_ms: &[u64], at_least_ms: &[u64], percent: u64, expect: Percentile) {
        let samples = Samples { ok_ns: ms(ok_ms), at_least_ns: ms(at_least_ms), ..Samples::default() };
        let d = samples.distribution();
        let got = match percent {
            50 => d.p50,
            90 => d.p90,
            95 => d.p95,
            _ => d.p99,
        };
        assert_eq!(got, expect, "p{percent} of {ok_ms:?} and {at_least_ms:?}");
    }

    #[test]
    fn percentiles() {
        // CASES B52: unsorted input; three samples carry a median and no 99th percentile.
        check(&[30, 10, 20], &[], 50, Percentile::Ms(20.0));
        check(&[30, 10, 20], &[], 99, Percentile::Needs(100));
        check(&[], &[], 50, Percentile::Needs(2));
        let hundred: Vec<u64> = (1..=100).collect();
        check(&hundred, &[], 99, Percentile::Ms(99.0));
        check(&hundred, &[], 95, Percentile::Ms(95.0));
    }

    #[test]
    fn a_rank_on_a_time_out_is_a_lower_bound() {
        // CASES B32: 10 of 100 hit a limit of 1 s; the tail must not look better than the limit.
        let fast: Vec<u64> = (1..=90).collect();
        check(&fast, &[1000; 10], 95, Percentile::AtLeastMs(1000.0));
        check(&fast, &[1000; 10], 90, Percentile::Ms(90.0));
        // A value beyond a bound may in truth lie before it.
        check(&[10, 30, 40, 50], &[20], 50, Percentile::AtLeastMs(30.0));
    }

    #[test]
    fn without_samples_there_is_no_mean() {
        let d = Samples { absent: 6, ..Samples::default() }.distribution();
        assert_eq!((d.n, d.absent, d.mean_ms, d.max_ms), (Some(0), Some(6), None, None));
    }

    #[test]
    fn a_weight_of_millions_costs_one_entry() {
        let mut samples = Samples::default();
        samples.add_weighted(2_000_000, u32::MAX);
        samples.add_weighted(1_000_000, 1);
        let d = samples.distribution();
        assert_eq!((d.n, d.p50, d.min_ms), (Some(1 << 32), Percentile::Ms(2.0), Some(1.0)));
    }

    proptest! {
        /// Nearest rank by counting is the sorted list's own entry.
        #[test]
        fn ranks_are_entries_of_the_sorted_list(
            values in prop::collection::vec((0u64..50, 1u32..4), 100..300),
            percent in prop::sample::select(vec![50u64, 90, 95, 99]),
        ) {
            let mut weighted = Samples::default();
            let mut copies = Vec::new();
            for (value, weight) in &values {
                weighted.add_weighted(*value, *weight);
                copies.extend(std::iter::repeat_n(*value, *weight as usize));
            }
            copies.sort_unstable();
            let rank = (copies.len() as u64 * percent).div_ceil(100) as usize;
            let ranked = weighted.ranked();
            prop_assert_eq!(Pool::of(&ranked).percentile(percent), Percentile::Ms(copies[rank - 1] as f64 / 1e6));
        }
    }
}
