//! Owns the fold of samples into tracks: bins of one width that doubles when they are full, for each source and signal.
//! Must not know what a signal means; depends only on the multiset of samples.

use crate::event::Batch;
use crate::telemetry::{Began, Field, Look, Samples, Trouble};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most bins of a track; at this many the width doubles. Half of the live series' own, for there are many tracks.
const MAX_BINS: u64 = 150;
/// Most tracks. Beyond it those whose names come last are left out, however the samples came.
const MAX_TRACKS: usize = 320;
/// Most troubles that are listed.
const MAX_TROUBLES: usize = 50;

/// What was seen of the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// What is sampled, by the last that began.
    pub began: Option<Began>,
    /// Power of two of the width of a bin: `100 ms × 2^width_pow`.
    pub width_pow: u32,
    /// A track for each source and signal.
    pub tracks: BTreeMap<String, BTreeMap<String, Track>>,
    /// The latest look at each source.
    pub looks: BTreeMap<String, Look>,
    /// What happened to GPUs.
    pub troubles: Vec<Trouble>,
    /// Troubles that are not listed any more.
    pub more_troubles: u64,
    /// Reads that were lost between who made them and the log.
    pub dropped: u64,
}

/// One signal over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Bins with values, in order of time; where there is none, nothing is known.
    #[serde(rename = "b")]
    pub bins: Vec<TrackBin>,
    /// Reads without a value: the failure's code, 0 where there is no such value, and how many; in order of code.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<(u32, u64)>,
    /// The latest read: when, ns of run time, and what came of it, as it stands in events.
    #[serde(rename = "l")]
    pub latest: (u64, Option<i64>),
}

/// The values of one stretch of time. On the wire: number, count, sum, least, greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u64, u64, u64)", into = "(u32, u32, u64, u64, u64)")]
pub struct TrackBin {
    /// Its number from run time 0.
    pub bin: u32,
    /// Values.
    pub n: u32,
    /// Their sum.
    pub sum: u64,
    /// The least.
    pub min: u64,
    /// The greatest.
    pub max: u64,
}

impl From<(u32, u32, u64, u64, u64)> for TrackBin {
    fn from((bin, n, sum, min, max): (u32, u32, u64, u64, u64)) -> Self {
        Self { bin, n, sum, min, max }
    }
}

impl From<TrackBin> for (u32, u32, u64, u64, u64) {
    fn from(bin: TrackBin) -> Self {
        (bin.bin, bin.n, bin.sum, bin.min, bin.max)
    }
}

impl Telemetry {
    /// Width of a bin, ns.
    #[must_use]
    pub fn width_ns(&self) -> u64 {
        Batch::BIN_NS << self.width_pow
    }

    /// One signal of a source.
    #[must_use]
    pub fn track(&self, source: &str, signal: &str) -> Option<&Track> {
        self.tracks.get(source)?.get(signal)
    }

    pub(super) fn samples(&mut self, samples: &Samples) {
        self.dropped += samples.dropped;
        for group in &samples.groups {
            for (signal, column) in &group.columns {
                for (at_ns, wire) in group.at_ns.iter().zip(column) {
                    self.add(&samples.source, signal, *at_ns, Field::of_wire(*wire));
                }
            }
        }
    }

    fn add(&mut self, source: &str, signal: &str, at_ns: u64, field: Field) {
        let fine = at_ns / Batch::BIN_NS;
        // A number beyond any run (136 years) is a broken stamp, not a reason to widen.
        if fine > u64::from(u32::MAX) {
            return;
        }
        while fine >> self.width_pow >= MAX_BINS {
            self.tracks.values_mut().flat_map(BTreeMap::values_mut).for_each(Track::halve);
            self.width_pow += 1;
        }
        let bin = (fine >> self.width_pow) as u32;
        let track = self.tracks.entry(source.to_owned()).or_default().entry(signal.to_owned()).or_default();
        // The latest one, whichever came last; of two of one time the greater.
        track.latest = track.latest.max((at_ns, field.to_wire()));
        match field {
            Field::Value(value) => track.add(TrackBin { bin, n: 1, sum: value, min: value, max: value }),
            Field::NotSupported => track.count_absent(0),
            Field::Failed(code) => track.count_absent(code),
        }
        self.bound();
    }

    /// Leaves out the last tracks by name. One that stays has never been left out before: there were never as many
    /// others before it.
    fn bound(&mut self) {
        while self.tracks.values().map(BTreeMap::len).sum::<usize>() > MAX_TRACKS {
            let Some(mut last) = self.tracks.last_entry() else { return };
            last.get_mut().pop_last();
            if last.get().is_empty() {
                last.remove();
            }
        }
    }

    pub(super) fn look(&mut self, look: &Look) {
        // The latest one, whichever came last; of two of one time the greater.
        let kept = self.looks.entry(look.source.clone()).or_default();
        if *look > *kept {
            kept.clone_from(look);
        }
    }

    pub(super) fn trouble(&mut self, trouble: &Trouble) {
        if self.troubles.len() < MAX_TROUBLES {
            self.troubles.push(trouble.clone());
        } else {
            self.more_troubles += 1;
        }
    }
}

impl Track {
    /// What the latest read came to: nothing that was before is carried on.
    #[must_use]
    pub fn now(&self) -> Field {
        Field::of_wire(self.latest.1)
    }

    /// The sum of all values.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.bins.iter().fold(0, |sum, bin| sum.saturating_add(bin.sum))
    }

    fn add(&mut self, one: TrackBin) {
        let at = self.bins.partition_point(|bin| bin.bin < one.bin);
        match self.bins.get_mut(at) {
            Some(bin) if bin.bin == one.bin => bin.merge(one),
            _ => self.bins.insert(at, one),
        }
    }

    fn count_absent(&mut self, code: u32) {
        match self.absent.binary_search_by_key(&code, |(code, _)| *code) {
            Ok(at) => self.absent[at].1 += 1,
            Err(at) => self.absent.insert(at, (code, 1)),
        }
    }

    fn halve(&mut self) {
        self.bins.iter_mut().for_each(|bin| bin.bin /= 2);
        self.bins.dedup_by(|later, kept| {
            let same = later.bin == kept.bin;
            if same {
                kept.merge(*later);
            }
            same
        });
    }
}

impl TrackBin {
    /// The mean of its values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum as f64 / f64::from(self.n.max(1))
    }

    fn merge(&mut self, other: TrackBin) {
        self.n = self.n.saturating_add(other.n);
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Group;
    use proptest::prelude::*;

    /// A read: source, signal, when, what.
    type Read = (u8, u8, u64, Field);

    fn read() -> impl Strategy<Value = Read> {
        let field = prop_oneof![
            8 => (0u64..90_000_000_000).prop_map(Field::Value),
            1 => Just(Field::NotSupported),
            1 => (1u32..1000).prop_map(Field::Failed),
        ];
        (0u8..3, 0u8..200, 0u64..400_000_000_000, field)
    }

    fn event(reads: &[Read]) -> Samples {
        // One source an event: that of the first.
        let source = reads.first().map_or(0, |read| read.0);
        let group = |(_, signal, at_ns, field): &Read| Group {
            at_ns: vec![*at_ns],
            took_ns: vec![1],
            columns: BTreeMap::from([(format!("signal{signal:03}"), vec![field.to_wire()])]),
        };
        Samples { source: format!("gpu:{source}"), groups: reads.iter().map(group).collect(), dropped: 0 }
    }

    fn fold(events: impl IntoIterator<Item = Samples>) -> Telemetry {
        let mut view = Telemetry::default();
        events.into_iter().for_each(|event| view.samples(&event));
        view
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn tracks_depend_neither_on_order_nor_on_batches(reads in prop::collection::vec(read(), 0..900), size in 1usize..50) {
            let one_by_one = fold(reads.iter().map(|read| event(&[*read])));
            let backward = fold(reads.iter().rev().map(|read| event(&[*read])));
            prop_assert_eq!(&one_by_one, &backward);
            // By source, since an event has one.
            let batches = (0u8..3).rev().flat_map(|source| {
                let of_one: Vec<Read> = reads.iter().filter(|read| read.0 == source).copied().collect();
                of_one.chunks(size).map(event).collect::<Vec<_>>()
            });
            prop_assert_eq!(&one_by_one, &fold(batches));
            let tracks: usize = one_by_one.tracks.values().map(BTreeMap::len).sum();
            prop_assert!(tracks <= MAX_TRACKS);
            let most = one_by_one.tracks.values().flat_map(BTreeMap::values).map(|track| track.bins.len()).max();
            prop_assert!(most.unwrap_or(0) as u64 <= MAX_BINS);
        }
    }

    #[test]
    fn absence_is_counted_and_leaves_a_gap() {
        let at = |s: u64| s * 1_000_000_000;
        let reads = [
            (0, 0, at(1), Field::Value(50)),
            (0, 0, at(2), Field::Failed(15)),
            (0, 0, at(3), Field::NotSupported),
            (0, 0, at(4), Field::Value(0)),
        ];
        let view = fold([event(&reads)]);
        let track = view.track("gpu:0", "signal000").unwrap();
        assert_eq!(track.bins.iter().map(|bin| (bin.bin, bin.sum)).collect::<Vec<_>>(), [(10, 50), (40, 0)]);
        assert_eq!(track.absent, [(0, 1), (15, 1)]);
        assert_eq!((track.now(), track.total()), (Field::Value(0), 50));
        let lost = fold([event(&reads[..2])]);
        assert_eq!(lost.track("gpu:0", "signal000").unwrap().now(), Field::Failed(15));
    }

    #[test]
    fn the_latest_look_stays_whichever_comes_last() {
        let look = |at_ns| Look { at_ns, source: "host".into(), ..Look::default() };
        let mut view = Telemetry::default();
        [5, 9, 7].into_iter().for_each(|at_ns| view.look(&look(at_ns)));
        assert_eq!(view.looks["host"].at_ns, 9);
    }
}
