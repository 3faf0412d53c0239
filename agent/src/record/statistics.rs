//! Owns the exact statistics of a latency: nearest-rank percentiles with the sample-size guard.
//! Must not know which latency it is.

use shared::summary::{Distribution, Percentile};
use shared::units::ns_to_ms;

/// Samples of one latency, ns, with the requests that have none and those that hit a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Samples of requests that ended well.
    pub ok_ns: Vec<u64>,
    /// Limits that timed-out requests reached: their value is at least this.
    pub at_least_ns: Vec<u64>,
    /// Requests without such a value.
    pub absent: u64,
}

impl Samples {
    /// Adds a value, or counts its absence.
    pub fn add(&mut self, value_ns: Option<u64>) {
        match value_ns {
            Some(value) => self.ok_ns.push(value),
            None => self.absent += 1,
        }
    }

    /// Pools another set; percentiles are never averaged.
    pub fn merge(&mut self, other: &Samples) {
        self.ok_ns.extend_from_slice(&other.ok_ns);
        self.at_least_ns.extend_from_slice(&other.at_least_ns);
        self.absent += other.absent;
    }

    /// The exact distribution: mean over ok samples, percentiles over ok and timed-out ones together.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        let mut ranked: Vec<(u64, bool)> = self.ok_ns.iter().map(|v| (*v, false)).collect();
        ranked.extend(self.at_least_ns.iter().map(|v| (*v, true)));
        ranked.sort_unstable();
        let n = self.ok_ns.len() as u64;
        let mean_ms = (n > 0).then(|| self.ok_ns.iter().map(|v| u128::from(*v)).sum::<u128>() as f64 / n as f64 / 1e6);
        Distribution {
            n,
            absent: self.absent,
            mean_ms,
            min_ms: self.ok_ns.iter().min().map(|v| ns_to_ms(*v)),
            max_ms: self.ok_ns.iter().max().map(|v| ns_to_ms(*v)),
            p50: percentile(&ranked, 50),
            p90: percentile(&ranked, 90),
            p95: percentile(&ranked, 95),
            p99: percentile(&ranked, 99),
        }
    }
}

/// Samples that a percentile needs: `1 / (1 − p)`, so that at least one lies beyond it.
#[must_use]
pub fn needed(percent: u64) -> u64 {
    100u64.div_ceil(100 - percent.min(99))
}

/// Nearest rank: the `ceil(p·n)`-th smallest, in integer arithmetic. `sorted` holds values and whether each is a
/// lower bound. Once a rank lies at or beyond the first lower bound, the true value may be greater.
fn percentile(sorted: &[(u64, bool)], percent: u64) -> Percentile {
    let n = sorted.len() as u64;
    if n < needed(percent) {
        return Percentile::Needs(needed(percent));
    }
    let rank = ((n * percent).div_ceil(100) as usize).max(1);
    let (value, _) = sorted[rank - 1];
    if sorted[..rank].iter().any(|(_, bound)| *bound) {
        Percentile::AtLeastMs(ns_to_ms(value))
    } else {
        Percentile::Ms(ns_to_ms(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ok_ms: &[u64], at_least_ms: &[u64], percent: u64, expect: Percentile) {
        let samples = Samples {
            ok_ns: ok_ms.iter().map(|v| v * 1_000_000).collect(),
            at_least_ns: at_least_ms.iter().map(|v| v * 1_000_000).collect(),
            absent: 0,
        };
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
    }

    #[test]
    fn without_samples_there_is_no_mean() {
        let d = Samples { absent: 6, ..Samples::default() }.distribution();
        assert_eq!((d.n, d.absent, d.mean_ms, d.max_ms), (0, 6, None, None));
    }
}
