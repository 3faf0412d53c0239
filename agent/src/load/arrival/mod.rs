//! Owns when requests of an open loop are due: seeded offsets from the start of load, in ascending order.
//! Must not know clocks or sockets: each schedule is a pure iterator, settled before the first request is sent.

mod gaps;
mod ramp;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use shared::plan::Curve;
use std::sync::Arc;

/// A schedule of an open loop.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// At even intervals; requests per second.
    Constant(f64),
    /// A Poisson process; requests per second.
    Poisson(f64),
    /// Gaps from a gamma distribution.
    Gamma {
        /// Requests per second.
        rate: f64,
        /// Shape of the distribution; its squared coefficient of variation is 1 / shape.
        shape: f64,
    },
    /// A rate that changes, with the arrivals evenly placed under it.
    Ramp {
        /// Requests per second at the start.
        from: f64,
        /// Requests per second at the end.
        to: f64,
        /// How it goes from one to the other.
        curve: Curve,
        /// How long it takes, ns; nothing is due after it.
        length_ns: u64,
    },
    /// Given offsets, ns.
    Trace(Arc<[u64]>),
}

/// Offsets from the start of load, ns.
pub type Offsets = Box<dyn Iterator<Item = u64> + Send>;

impl Schedule {
    /// The offsets, the same for the same seed.
    #[must_use]
    pub fn offsets(&self, seed: u64) -> Offsets {
        let random = || ChaCha8Rng::seed_from_u64(seed);
        match self {
            Schedule::Constant(rate) => Box::new(gaps::constant(*rate)),
            Schedule::Poisson(rate) => Box::new(gaps::poisson(*rate, random())),
            Schedule::Gamma { rate, shape } => gaps::gamma(*rate, *shape, random()),
            Schedule::Ramp { from, to, curve, length_ns } => Box::new(ramp::offsets(*from, *to, *curve, *length_ns)),
            Schedule::Trace(offsets) => {
                let offsets = Arc::clone(offsets);
                Box::new((0..offsets.len()).map(move |i| offsets[i]))
            }
        }
    }

    /// How long it is, ns; absent where it never ends.
    #[must_use]
    pub fn length_ns(&self) -> Option<u64> {
        match self {
            Schedule::Ramp { length_ns, .. } => Some(*length_ns),
            Schedule::Trace(offsets) => Some(offsets.last().map_or(0, |last| last + 1)),
            _ => None,
        }
    }

    /// Requests per second at its start, from which the connections to open ahead are reckoned.
    pub(super) fn first_rate(&self) -> f64 {
        match self {
            Schedule::Constant(rate) | Schedule::Poisson(rate) | Schedule::Gamma { rate, .. } => *rate,
            Schedule::Ramp { from, .. } => *from,
            Schedule::Trace(offsets) => offsets.iter().take_while(|offset| **offset < 1_000_000_000).count() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn schedule() -> impl Strategy<Value = Schedule> {
        let rate = || (1u32..200_000).prop_map(|r| f64::from(r) / 10.0);
        prop_oneof![
            rate().prop_map(Schedule::Constant),
            rate().prop_map(Schedule::Poisson),
            (rate(), 1u32..400).prop_map(|(rate, shape)| Schedule::Gamma { rate, shape: f64::from(shape) / 20.0 }),
            (rate(), rate(), any::<bool>()).prop_map(|(from, to, linear)| Schedule::Ramp {
                from,
                to,
                curve: if linear { Curve::Linear } else { Curve::Exponential },
                length_ns: 3_000_000_000,
            }),
        ]
    }

    proptest! {
        #[test]
        fn offsets_ascend_and_the_seed_decides_them(schedule in schedule(), seed: u64) {
            let take = || schedule.offsets(seed).take(2_000).collect::<Vec<_>>();
            let offsets = take();
            prop_assert!(offsets.is_sorted());
            prop_assert_eq!(&offsets, &take());
            prop_assert!(schedule.length_ns().is_none_or(|end| offsets.iter().all(|o| *o < end)));
        }
    }

    #[test]
    fn in_virtual_time_the_offered_rate_is_exact() {
        // CASES B37: 200 requests per second for a minute are 12,000, and the last is due when it should be.
        let offsets: Vec<u64> = Schedule::Constant(200.0).offsets(0).take(12_000).collect();
        assert_eq!(offsets[11_999], 11_999 * 5_000_000);
        let odd: Vec<u64> = Schedule::Constant(3.0).offsets(0).take(10_000_000).collect();
        assert_eq!(odd[9_999_999], 3_333_333_000_000_000, "nothing adds up on the way");
    }

    /// Mean and coefficient of variation of the gaps.
    fn moments(schedule: &Schedule) -> (f64, f64) {
        let offsets: Vec<u64> = schedule.offsets(7).take(200_000).collect();
        let gaps: Vec<f64> = offsets.windows(2).map(|w| (w[1] - w[0]) as f64 / 1e9).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        (mean, variance.sqrt() / mean)
    }

    #[test]
    fn gaps_have_the_mean_and_the_spread_of_their_distribution() {
        let check = |schedule: Schedule, mean: f64, variation: f64| {
            let got = moments(&schedule);
            let close = |a: f64, b: f64| (a - b).abs() <= 0.01 * b.max(0.01);
            assert!(close(got.0, mean) && close(got.1, variation), "{schedule:?}: {got:?}");
        };
        check(Schedule::Constant(50.0), 0.02, 0.0);
        check(Schedule::Poisson(50.0), 0.02, 1.0);
        check(Schedule::Gamma { rate: 50.0, shape: 1.0 }, 0.02, 1.0);
        check(Schedule::Gamma { rate: 50.0, shape: 0.25 }, 0.02, 2.0);
        check(Schedule::Gamma { rate: 50.0, shape: 4.0 }, 0.02, 0.5);
    }

    #[test]
    fn a_trace_is_played_as_it_is() {
        let trace = Schedule::Trace([0, 5, 5, 9].into());
        assert_eq!(trace.offsets(1).collect::<Vec<_>>(), [0, 5, 5, 9]);
        assert_eq!((trace.length_ns(), Schedule::Trace([].into()).length_ns()), (Some(10), Some(0)));
    }
}
