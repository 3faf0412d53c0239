//! Owns what a histogram of a server amounts to over a stretch of time: counts, mean, percentiles within their buckets.
//! Must not know where it comes from.

use shared::telemetry::{Bucketed, ServerLatency};
use shared::units::finite;

/// A histogram as servers show it: for each upper bound, how many samples were not above it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// Upper bounds in ascending order, s; the last is infinite.
    bounds_s: Vec<f64>,
    /// Samples up to each.
    cumulative: Vec<u64>,
    /// Sum of all samples, s.
    sum_s: f64,
}

impl Buckets {
    /// Absent where these are no histogram: no bounds, none without an end, or counts that fall.
    #[must_use]
    pub fn of(bounds_s: Vec<f64>, cumulative: Vec<u64>, sum_s: f64) -> Option<Self> {
        let is_whole = bounds_s.len() == cumulative.len()
            && bounds_s.last().is_some_and(|last| last.is_infinite())
            && bounds_s.is_sorted()
            && cumulative.is_sorted();
        is_whole.then_some(Self { bounds_s, cumulative, sum_s })
    }

    /// What was added since an earlier reading; absent where it has begun anew.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<Self> {
        if self.bounds_s != before.bounds_s {
            return None;
        }
        let pairs = self.cumulative.iter().zip(&before.cumulative);
        let cumulative = pairs.map(|(now, before)| now.checked_sub(*before)).collect::<Option<_>>()?;
        Self::of(self.bounds_s.clone(), cumulative, self.sum_s - before.sum_s)
    }

    /// Both together; absent where their bounds differ.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        if self.bounds_s != other.bounds_s {
            return None;
        }
        let cumulative = self.cumulative.iter().zip(&other.cumulative).map(|(a, b)| a + b).collect();
        Self::of(self.bounds_s.clone(), cumulative, self.sum_s + other.sum_s)
    }

    /// Samples.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or(0)
    }

    /// Count, mean and percentiles, each with the bounds of its bucket.
    #[must_use]
    pub fn latency(&self) -> ServerLatency {
        ServerLatency {
            n: self.n(),
            mean_ms: finite(self.sum_s * 1000.0 / self.n() as f64),
            p50: self.percentile(50),
            p99: self.percentile(99),
        }
    }

    /// The bucket of a nearest rank, and where in it the rank lies if its samples are spread evenly. Absent with too few
    /// samples for that percentile.
    fn percentile(&self, p: u64) -> Option<Bucketed> {
        let n = self.n();
        if n * (100 - p) < 100 {
            return None;
        }
        let rank = (n * p).div_ceil(100);
        let at = self.cumulative.iter().position(|count| *count >= rank)?;
        let (below, above_s) = match at.checked_sub(1) {
            Some(before) => (self.cumulative[before], self.bounds_s[before]),
            None => (0, 0.0),
        };
        let share = (rank - below) as f64 / (self.cumulative[at] - below) as f64;
        let up_to_ms = finite(self.bounds_s[at] * 1000.0);
        let above_ms = above_s * 1000.0;
        Some(Bucketed { ms: up_to_ms.map(|up_to_ms| above_ms + (up_to_ms - above_ms) * share), above_ms, up_to_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(counts: [u64; 4], sum_s: f64) -> Buckets {
        Buckets::of(vec![0.01, 0.02, 0.04, f64::INFINITY], counts.to_vec(), sum_s).unwrap()
    }

    #[test]
    fn a_percentile_lies_in_its_bucket_and_names_it() {
        let latency = buckets([0, 100, 198, 200], 4.0).latency();
        assert_eq!((latency.n, latency.mean_ms), (200, Some(20.0)));
        assert_eq!(latency.p50, Some(Bucketed { ms: Some(20.0), above_ms: 10.0, up_to_ms: Some(20.0) }));
        assert_eq!(latency.p99, Some(Bucketed { ms: Some(40.0), above_ms: 20.0, up_to_ms: Some(40.0) }));
        // Halfway through the first bucket; and beyond the last bound, where nobody knows how far.
        let p50 = |counts| buckets(counts, 1.0).latency().p50;
        assert_eq!(p50([100, 100, 100, 100]), Some(Bucketed { ms: Some(5.0), above_ms: 0.0, up_to_ms: Some(10.0) }));
        assert_eq!(p50([0, 0, 0, 9]), Some(Bucketed { ms: None, above_ms: 40.0, up_to_ms: None }));
    }

    #[test]
    fn too_few_samples_have_no_percentile() {
        let latency = buckets([0, 99, 99, 99], 1.0).latency();
        assert!(latency.p50.is_some() && latency.p99.is_none());
        assert!(buckets([0, 100, 100, 100], 1.0).latency().p99.is_some());
        assert_eq!(buckets([0; 4], 0.0).latency(), ServerLatency::default());
    }

    #[test]
    fn what_was_added_is_known_unless_the_server_began_anew() {
        let (before, after) = (buckets([1, 2, 3, 4], 1.0), buckets([1, 5, 7, 9], 1.5));
        assert_eq!(after.since(&before), Some(buckets([0, 3, 4, 5], 0.5)));
        assert_eq!(before.since(&after), None);
        let other = Buckets::of(vec![1.0, f64::INFINITY], vec![9, 9], 2.0).unwrap();
        assert_eq!((other.since(&before), other.and(&before)), (None, None));
        assert_eq!(before.and(&before), Some(buckets([2, 4, 6, 8], 2.0)));
    }

    #[test]
    fn what_is_no_histogram_is_none() {
        assert_eq!(Buckets::of(vec![], vec![], 0.0), None);
        assert_eq!(Buckets::of(vec![1.0], vec![1], 0.0), None);
        assert_eq!(Buckets::of(vec![1.0, f64::INFINITY], vec![2, 1], 0.0), None);
    }
}
