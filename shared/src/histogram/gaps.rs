//! Owns the coarse histogram behind the heat map of gaps: four buckets an octave, a handful of bytes a bin.
//! Must not be asked for percentiles: that is what the fine histogram is for.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bits of a value that choose its bucket within an octave.
const SUB_BITS: u32 = 2;
/// Values below this, 65.5 µs, share the first bucket.
const FLOOR_BITS: u32 = 16;

/// Counts by bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u8, u32)>", into = "Vec<(u8, u32)>")]
pub struct GapHistogram(BTreeMap<u8, u32>);

impl From<Vec<(u8, u32)>> for GapHistogram {
    fn from(pairs: Vec<(u8, u32)>) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl From<GapHistogram> for Vec<(u8, u32)> {
    fn from(histogram: GapHistogram) -> Self {
        histogram.0.into_iter().collect()
    }
}

impl GapHistogram {
    /// Buckets there are: the last one holds everything from 30 minutes up.
    pub const BUCKETS: usize = 101;

    /// The bucket of a value in ns.
    #[must_use]
    pub fn bucket(value_ns: u64) -> u8 {
        let scaled = value_ns >> (FLOOR_BITS - SUB_BITS);
        if scaled < 1 << SUB_BITS {
            return 0;
        }
        let exponent = 63 - scaled.leading_zeros();
        let within = (scaled >> (exponent - SUB_BITS)) as u32 & ((1 << SUB_BITS) - 1);
        let bucket = ((exponent - SUB_BITS) << SUB_BITS) + within + 1;
        bucket.min(Self::BUCKETS as u32 - 1) as u8
    }

    /// Where a bucket begins, ns.
    #[must_use]
    pub fn start_ns(bucket: u8) -> u64 {
        let Some(place) = bucket.checked_sub(1).map(u32::from) else { return 0 };
        u64::from((1 << SUB_BITS) | (place & ((1 << SUB_BITS) - 1))) << ((place >> SUB_BITS) + FLOOR_BITS - SUB_BITS)
    }

    /// Adds samples to a bucket.
    pub fn add(&mut self, bucket: u8, count: u32) {
        *self.0.entry(bucket).or_default() += count;
    }

    /// Adds all samples of another histogram.
    pub fn merge(&mut self, other: &GapHistogram) {
        other.iter().for_each(|(bucket, count)| self.add(bucket, count));
    }

    /// Buckets with samples, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, u32)> + '_ {
        self.0.iter().map(|(bucket, count)| (*bucket, *count))
    }

    /// True without samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_lies_in_its_bucket(value in 0u64..1 << 41) {
            let bucket = GapHistogram::bucket(value);
            prop_assert!(GapHistogram::start_ns(bucket) <= value);
            if usize::from(bucket) + 1 < GapHistogram::BUCKETS {
                prop_assert!(value < GapHistogram::start_ns(bucket + 1));
            }
        }
    }

    #[test]
    fn buckets() {
        let check = |value, expect| assert_eq!(GapHistogram::bucket(value), expect, "{value} ns");
        check(0, 0);
        check((1 << 16) - 1, 0);
        check(1 << 16, 1);
        check(20_000_000, 33);
        check(u64::MAX, 100);
    }
}
