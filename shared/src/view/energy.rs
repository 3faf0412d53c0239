//! Owns what each GPU has taken so far, out of its tracks.
//! Must not know trials or windows: their energy is the agent's, from every read.

use super::{Telemetry, Track};
use crate::telemetry::{ENERGY, EnergyMethod, POWER};
use crate::units::ns_to_s;
use serde::{Deserialize, Serialize};

/// This many reads may be missing before power between two of them is unknown.
const MISSED_READS: f64 = 3.0;

/// What a GPU has taken since it was looked at first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnergySoFar {
    /// The GPU's source.
    pub source: String,
    /// J; warm-up, pauses and idle power are included. What it took while nobody could read it is not.
    pub joules: f64,
    /// By the driver's counter, or by power over time.
    pub method: EnergyMethod,
}

impl Telemetry {
    /// What each GPU has taken so far, where its driver tells energy or power.
    #[must_use]
    pub fn energy_so_far(&self) -> Vec<EnergySoFar> {
        let mut sources: Vec<&str> = self.tracks.iter().map(|track| track.source.as_str()).collect();
        sources.dedup();
        sources.into_iter().filter_map(|source| self.energy_of(source)).collect()
    }

    fn energy_of(&self, source: &str) -> Option<EnergySoFar> {
        let of =
            |millijoules: f64, method| EnergySoFar { source: source.to_owned(), joules: millijoules / 1e3, method };
        if let Some(counted) = self.track(source, ENERGY.key).and_then(Track::total) {
            return Some(of(counted as f64, EnergyMethod::Counter));
        }
        let power = self.track(source, POWER.key).filter(|track| !track.bins.is_empty())?;
        let width_s = ns_to_s(self.width_ns());
        let between_reads_s = self.began.as_ref().map_or(1.0, |began| 1.0 / began.rate_hz);
        let longest_s = MISSED_READS * between_reads_s.max(width_s);
        // Trapezoids between bins with values; over a longer gap nothing is known.
        let millijoules: f64 = (power.bins().zip(power.bins().skip(1)))
            .map(|(one, next)| ((next.bin - one.bin) as f64 * width_s, (one.mean() + next.mean()) / 2.0))
            .filter(|(seconds, _)| *seconds <= longest_s)
            .map(|(seconds, milliwatts)| seconds * milliwatts)
            .sum();
        Some(of(millijoules, EnergyMethod::Integrated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Body, Event};
    use crate::telemetry::{Group, Samples};
    use crate::units::NS_PER_S;
    use crate::view::RunView;

    /// A read of a GPU's energy and power each second, from this one on.
    fn seen(source: &str, from: u64, reads: &[(i64, i64)]) -> Body {
        let at_ns: Vec<u64> = (from..from + reads.len() as u64).map(|n| n * NS_PER_S).collect();
        let (energy, power): (Vec<i64>, Vec<i64>) = reads.iter().copied().unzip();
        let group = Group {
            took_ns: vec![0; at_ns.len()],
            at_ns,
            keys: vec![ENERGY.key.into(), POWER.key.into()],
            values: [energy, power].concat(),
        };
        Body::Samples(Samples { source: source.into(), groups: vec![group], dropped: 0 })
    }

    #[test]
    fn by_the_counter_else_by_power_and_unknown_without_either() {
        let mut view = RunView::default();
        let bodies = [
            // What it grew by, the first of which is unknown.
            seen("gpu:a", 0, &[(-10_003, 1), (2000, 1), (3000, 1)]),
            seen("gpu:b", 0, &[(-1, 100_000); 4]),
            // Nobody looked for ten seconds.
            seen("gpu:b", 13, &[(-1, 100_000); 2]),
            seen("gpu:c", 0, &[(-1, -1)]),
        ];
        for (seq, body) in (1..).zip(bodies) {
            view.apply(&Event { seq, t_ns: 0, body });
        }
        let so_far = view.telemetry.energy_so_far();
        assert_eq!(so_far.len(), 2);
        assert_eq!(
            (so_far[0].source.as_str(), so_far[0].joules, so_far[0].method),
            ("gpu:a", 5.0, EnergyMethod::Counter)
        );
        assert_eq!((so_far[1].joules.round(), so_far[1].method), (400.0, EnergyMethod::Integrated));
    }
}
