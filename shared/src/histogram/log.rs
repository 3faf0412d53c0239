//! Owns the log-histogram behind live percentiles: integer buckets at most 1 % wide.
//! Must not know which metric it holds.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Sub-buckets an octave: 128 makes a bucket at most 1/128 = 0.79 % wide.
const SUB_BITS: u32 = 7;

/// Counts by bucket. Merging is addition, so the result depends only on the multiset of samples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u16, u32)>", into = "Vec<(u16, u32)>")]
pub struct LogHistogram(BTreeMap<u16, u32>);

// Pairs and no map: a map's keys would have to be text wherever JSON is spoken.
impl From<Vec<(u16, u32)>> for LogHistogram {
    fn from(pairs: Vec<(u16, u32)>) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl From<LogHistogram> for Vec<(u16, u32)> {
    fn from(histogram: LogHistogram) -> Self {
        histogram.0.into_iter().collect()
    }
}

/// The bucket of a value in ns. Integer arithmetic, so that agent and browser agree to the last bit.
fn bucket(value_ns: u64) -> u16 {
    let exponent = 63 - value_ns.max(1).leading_zeros();
    if exponent <= SUB_BITS {
        return value_ns as u16;
    }
    let mantissa = (value_ns >> (exponent - SUB_BITS)) & ((1 << SUB_BITS) - 1);
    (((exponent - SUB_BITS + 1) << SUB_BITS) as u16) + mantissa as u16
}

/// Middle of a bucket, ns.
fn middle_ns(bucket: u16) -> u64 {
    let octave = u32::from(bucket) >> SUB_BITS;
    if octave <= 1 {
        return u64::from(bucket);
    }
    let shift = octave - 1;
    let low = ((u64::from(bucket) & ((1 << SUB_BITS) - 1)) | (1 << SUB_BITS)) << shift;
    low + (1 << shift) / 2
}

impl LogHistogram {
    /// Adds one sample in ns.
    pub fn add(&mut self, value_ns: u64) {
        *self.0.entry(bucket(value_ns)).or_default() += 1;
    }

    /// Adds all samples of another histogram.
    pub fn merge(&mut self, other: &LogHistogram) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// How many samples it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().map(|c| u64::from(*c)).sum()
    }

    /// Nearest-rank percentile, ns, exact to half a bucket; `percent` in 1..=100; nothing without samples.
    #[must_use]
    pub fn percentile_ns(&self, percent: u64) -> Option<u64> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.0 {
            seen += u64::from(*count);
            if seen >= rank {
                return Some(middle_ns(*bucket));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_is_at_most_one_percent_wide(value in 1u64..1 << 50) {
            let middle = middle_ns(bucket(value));
            prop_assert!(middle.abs_diff(value) * 200 <= value.max(200));
        }

        #[test]
        fn buckets_keep_order(a in 0u64..1 << 50, b in 0u64..1 << 50) {
            prop_assert_eq!(a < b, bucket(a) < bucket(b) || (a < b && bucket(a) == bucket(b)));
        }
    }

    #[test]
    fn nearest_rank() {
        let mut h = LogHistogram::default();
        for v in [30, 10, 20] {
            h.add(v);
        }
        assert_eq!((h.percentile_ns(50), h.percentile_ns(99)), (Some(20), Some(30)));
        assert_eq!(LogHistogram::default().percentile_ns(50), None);
    }
}
