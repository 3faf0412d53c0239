//! Owns the fold of samples into tracks, one for each source and signal: bins that get wider, or a window of the last ones.
//! Must not know what a signal means; depends only on the multiset of samples.

use super::fate::{self, Fate};
use crate::event::{Batch, Body};
use crate::telemetry::{Began, Field, Look, Observer, Samples, Trouble, is_zero};
use crate::units::NS_PER_S;
use serde::{Deserialize, Serialize};

/// Most bins of a track; at this many the width doubles. Half of the live series' own, for there are many tracks.
const MAX_BINS: u64 = 150;
/// Most tracks. Beyond it those whose names come last are left out, however the samples came.
const MAX_TRACKS: usize = 320;
/// Most troubles that are listed.
const MAX_TROUBLES: usize = 50;
/// Power of two of the width of a window's bins: 1.6 s, so that none is empty at a read a second, and all of them are four
/// minutes.
const WINDOW_POW: u32 = 4;
/// A read that is older than this, and than [`STALE_PERIODS`] periods, is no news of the present.
const STALE_NS: u64 = 10 * NS_PER_S;
/// See [`STALE_NS`].
const STALE_PERIODS: f64 = 3.0;

/// What was seen of the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// What is sampled, by the last that began.
    pub began: Option<Began>,
    /// Power of two of the width of a bin: `100 ms × 2^width_pow`.
    pub width_pow: u32,
    /// Only the last bins are kept, instead of wider ones of all time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_window: bool,
    /// Number of the first bin that is kept; 0 of all time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub first_bin: u64,
    /// A track for each source and signal, in order of these.
    pub tracks: Vec<Track>,
    /// The latest look at each source, in order of these.
    pub looks: Vec<Look>,
    /// What happened to GPUs: the first of it, of a window the last.
    pub troubles: Vec<Trouble>,
    /// Troubles that are not listed any more.
    pub more_troubles: u64,
    /// What all of them came to for each GPU that had some, listed or not, in order of sources.
    #[serde(default)]
    pub fates: Vec<Fate>,
    /// Reads that were lost between who made them and the log.
    pub dropped: u64,
    /// What looking cost; of no time where nobody has told yet.
    #[serde(default)]
    pub observer: Observer,
}

/// One signal over time. What it holds is flat, since a page downloads the code that reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Whose.
    pub source: String,
    /// The signal's key.
    pub signal: String,
    /// Of each bin with values, in order of time: its number from run time 0, values, their sum, the least, the greatest.
    /// Where there is no bin, nothing is known.
    pub bins: Vec<u64>,
    /// Reads without a value: the failure's code, 0 where there is no such value, and how many; in order of code.
    pub absent: Vec<u64>,
    /// When the latest read was, ns of run time.
    pub latest_ns: u64,
    /// What came of it, as it stands in events.
    pub latest: i64,
    /// Values that were in bins which are no longer kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gone_n: u64,
    /// Their sum.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gone_sum: u64,
}

/// The values of one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackBin {
    /// Its number from run time 0.
    pub bin: u64,
    /// Values.
    pub n: u64,
    /// Their sum.
    pub sum: u64,
    /// The least.
    pub min: u64,
    /// The greatest.
    pub max: u64,
}

impl Telemetry {
    /// A view of the last four minutes, for what goes on for weeks.
    #[must_use]
    pub fn window() -> Self {
        Self { is_window: true, width_pow: WINDOW_POW, ..Self::default() }
    }

    /// Folds what is its own of events; others change nothing.
    pub fn apply(&mut self, body: &Body) {
        match body {
            Body::TelemetryBegan(began) => self.began = Some(began.clone()),
            Body::Samples(samples) => self.samples(samples),
            Body::Look(look) => self.look(look),
            Body::Trouble(trouble) => self.trouble(trouble),
            Body::Observer(cost) => self.observer.add(cost),
            _ => {}
        }
    }

    /// What is known of a track at a time, ns: what its latest read came to, or that nobody answers where that was too
    /// long ago, as of a driver that hangs.
    #[must_use]
    pub fn now_of(&self, track: &Track, now_ns: u64) -> Field {
        let rate_hz = self.began.as_ref().map_or(1.0, |began| began.rate_hz);
        let stale_ns = STALE_NS.max((STALE_PERIODS / rate_hz * NS_PER_S as f64) as u64);
        if now_ns.saturating_sub(track.latest_ns) > stale_ns { Field::Failed(Field::NO_ANSWER) } else { track.now() }
    }

    /// Width of a bin, ns.
    #[must_use]
    pub fn width_ns(&self) -> u64 {
        Batch::BIN_NS << self.width_pow
    }

    /// One signal of a source.
    #[must_use]
    pub fn track(&self, source: &str, signal: &str) -> Option<&Track> {
        self.tracks.get(self.place(source, signal).ok()?)
    }

    fn place(&self, source: &str, signal: &str) -> Result<usize, usize> {
        self.tracks.binary_search_by(|track| (track.source.as_str(), track.signal.as_str()).cmp(&(source, signal)))
    }

    fn samples(&mut self, samples: &Samples) {
        self.dropped += samples.dropped;
        for group in &samples.groups {
            for (signal, column) in group.columns() {
                for (at_ns, wire) in group.at_ns.iter().zip(column) {
                    self.add(&samples.source, signal, *at_ns, *wire);
                }
            }
        }
    }

    fn add(&mut self, source: &str, signal: &str, at_ns: u64, wire: i64) {
        let fine = at_ns / Batch::BIN_NS;
        // A number beyond any run (136 years) is a broken stamp, not a reason to widen.
        if fine > u64::from(u32::MAX) {
            return;
        }
        while !self.is_window && fine >> self.width_pow >= MAX_BINS {
            self.tracks.iter_mut().for_each(Track::halve);
            self.width_pow += 1;
        }
        let bin = fine >> self.width_pow;
        if bin >= self.first_bin + MAX_BINS {
            self.first_bin = bin + 1 - MAX_BINS;
            self.tracks.iter_mut().for_each(|track| track.forget_before(self.first_bin));
        }
        let place = self.place(source, signal).unwrap_or_else(|place| {
            let (source, signal) = (source.to_owned(), signal.to_owned());
            self.tracks.insert(place, Track { source, signal, ..Track::default() });
            place
        });
        if let Some(track) = self.tracks.get_mut(place) {
            track.add(bin, at_ns, wire);
            // One that came late may be older than what is kept.
            track.forget_before(self.first_bin);
        }
        // One that stays has never been left out before: there were never as many others before it.
        self.tracks.truncate(MAX_TRACKS);
    }

    fn look(&mut self, look: &Look) {
        match self.looks.binary_search_by(|kept| kept.source.cmp(&look.source)) {
            // The latest one, whichever came last; of two of one time the greater.
            Ok(at) if *look > self.looks[at] => self.looks[at] = look.clone(),
            Ok(_) => {}
            Err(at) => self.looks.insert(at, look.clone()),
        }
    }

    /// What became of a GPU; nothing where it never had trouble.
    #[must_use]
    pub fn fate(&self, source: &str) -> Option<&Fate> {
        self.fates.iter().find(|fate| fate.source == source)
    }

    fn trouble(&mut self, trouble: &Trouble) {
        fate::fold(&mut self.fates, trouble);
        if self.troubles.len() >= MAX_TROUBLES {
            self.more_troubles += 1;
            if !self.is_window {
                return;
            }
            self.troubles.remove(0);
        }
        self.troubles.push(trouble.clone());
    }
}

/// Numbers of a bin in [`Track::bins`].
const WIDTH: usize = 5;

impl Track {
    /// Bins with values, in order of time.
    pub fn bins(&self) -> impl DoubleEndedIterator<Item = TrackBin> {
        self.bins.chunks_exact(WIDTH).map(|of| TrackBin { bin: of[0], n: of[1], sum: of[2], min: of[3], max: of[4] })
    }

    /// What the latest read came to: nothing that was before is carried on.
    #[must_use]
    pub fn now(&self) -> Field {
        Field::of_wire(self.latest)
    }

    /// The sum of all values, kept or not; absent where there never was one.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        let has_value = self.gone_n > 0 || !self.bins.is_empty();
        has_value.then(|| self.bins().fold(self.gone_sum, |sum, bin| sum.saturating_add(bin.sum)))
    }

    fn add(&mut self, bin: u64, at_ns: u64, wire: i64) {
        // The latest one, whichever came last; of two of one time the greater.
        let is_first = self.total().is_none() && self.absent.is_empty();
        if is_first || (at_ns, wire) > (self.latest_ns, self.latest) {
            (self.latest_ns, self.latest) = (at_ns, wire);
        }
        match Field::of_wire(wire) {
            Field::Value(value) => self.merge([bin, 1, value, value, value]),
            Field::NotSupported => self.count_absent(0),
            Field::Failed(code) => self.count_absent(code.into()),
        }
    }

    fn merge(&mut self, one: [u64; WIDTH]) {
        // Most reads are of the last bin.
        let mut at = self.bins.len();
        while at > 0 && self.bins[at - WIDTH] >= one[0] {
            at -= WIDTH;
        }
        match self.bins.get_mut(at..at + WIDTH) {
            Some(bin) if bin[0] == one[0] => {
                bin[1] = bin[1].saturating_add(one[1]);
                bin[2] = bin[2].saturating_add(one[2]);
                bin[3] = bin[3].min(one[3]);
                bin[4] = bin[4].max(one[4]);
            }
            _ => drop(self.bins.splice(at..at, one)),
        }
    }

    fn count_absent(&mut self, code: u64) {
        let mut at = 0;
        while self.absent.get(at).is_some_and(|of| *of < code) {
            at += 2;
        }
        if self.absent.get(at) == Some(&code) {
            self.absent[at + 1] += 1;
        } else {
            self.absent.splice(at..at, [code, 1]);
        }
    }

    fn forget_before(&mut self, first_bin: u64) {
        let kept = self.bins.chunks_exact(WIDTH).position(|of| of[0] >= first_bin);
        let gone = kept.map_or(self.bins.len(), |bins| bins * WIDTH);
        for of in self.bins.drain(..gone).as_slice().chunks_exact(WIDTH) {
            self.gone_n = self.gone_n.saturating_add(of[1]);
            self.gone_sum = self.gone_sum.saturating_add(of[2]);
        }
    }

    fn halve(&mut self) {
        for of in std::mem::take(&mut self.bins).chunks_exact(WIDTH) {
            self.merge([of[0] / 2, of[1], of[2], of[3], of[4]]);
        }
    }
}

impl TrackBin {
    /// The mean of its values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.n.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Group, TroubleKind};
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
            keys: vec![format!("signal{signal:03}")],
            values: vec![field.to_wire()],
        };
        Samples { source: format!("gpu:{source}"), groups: reads.iter().map(group).collect(), dropped: 0 }
    }

    fn fold(events: impl IntoIterator<Item = Samples>) -> Telemetry {
        fold_into(Telemetry::default(), events)
    }

    fn fold_into(mut view: Telemetry, events: impl IntoIterator<Item = Samples>) -> Telemetry {
        events.into_iter().for_each(|event| view.apply(&Body::Samples(event)));
        view
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn tracks_depend_neither_on_order_nor_on_batches(reads in prop::collection::vec(read(), 0..900), size in 1usize..50) {
            let one_by_one = fold(reads.iter().map(|read| event(&[*read])));
            let backward = fold(reads.iter().rev().map(|read| event(&[*read])));
            prop_assert_eq!(&one_by_one, &backward);
            prop_assert_eq!(one_by_one.first_bin, 0);
            // By source, since an event has one.
            let batches = (0u8..3).rev().flat_map(|source| {
                let of_one: Vec<Read> = reads.iter().filter(|read| read.0 == source).copied().collect();
                of_one.chunks(size).map(event).collect::<Vec<_>>()
            });
            prop_assert_eq!(&one_by_one, &fold(batches));
            prop_assert!(one_by_one.tracks.len() <= MAX_TRACKS);
            let most = one_by_one.tracks.iter().map(|track| track.bins().count() as u64).max();
            prop_assert!(most.unwrap_or(0) <= MAX_BINS);
        }

        /// A window has the last bins, and what it no longer has is counted in full.
        #[test]
        fn a_window_depends_on_no_order_either_and_loses_no_value(reads in prop::collection::vec(read(), 1..400)) {
            let one_by_one = fold_into(Telemetry::window(), reads.iter().map(|read| event(&[*read])));
            let backward = fold_into(Telemetry::window(), reads.iter().rev().map(|read| event(&[*read])));
            prop_assert_eq!(&one_by_one, &backward);
            let width_ns = one_by_one.width_ns();
            prop_assert_eq!(width_ns, Telemetry::window().width_ns());
            let last = reads.iter().map(|read| read.2 / width_ns).max().unwrap_or(0);
            let all_time = fold(reads.iter().map(|read| event(&[*read])));
            prop_assert_eq!(one_by_one.tracks.len(), all_time.tracks.len());
            for (track, of_all) in one_by_one.tracks.iter().zip(&all_time.tracks) {
                prop_assert!(track.bins().all(|bin| bin.bin + MAX_BINS > last && bin.bin <= last));
                prop_assert_eq!(track.total(), of_all.total());
                prop_assert_eq!((track.now(), track.latest_ns, &track.absent), (of_all.now(), of_all.latest_ns, &of_all.absent));
                let n = |track: &Track| track.gone_n + track.bins().map(|bin| bin.n).sum::<u64>();
                prop_assert_eq!(n(track), n(of_all));
            }
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
        assert_eq!(track.bins().map(|bin| (bin.bin, bin.sum)).collect::<Vec<_>>(), [(10, 50), (40, 0)]);
        assert_eq!(track.absent, [0, 1, 15, 1]);
        assert_eq!((track.now(), track.total()), (Field::Value(0), Some(50)));
        let lost = fold([event(&reads[..2])]);
        assert_eq!(lost.track("gpu:0", "signal000").unwrap().now(), Field::Failed(15));
        assert_eq!(fold([event(&reads[1..3])]).track("gpu:0", "signal000").unwrap().total(), None);
    }

    #[test]
    fn what_was_read_long_ago_is_no_news_of_now() {
        let s = |s: u64| s * NS_PER_S;
        let check = |rate_hz: f64, now_ns: u64, expect: Field| {
            let mut view = fold([event(&[(0, 0, s(5), Field::Value(50))])]);
            view.apply(&Body::TelemetryBegan(Began { rate_hz, ..Began::default() }));
            assert_eq!(
                view.now_of(view.track("gpu:0", "signal000").unwrap(), now_ns),
                expect,
                "{rate_hz} Hz, {now_ns}"
            );
        };
        let no_answer = Field::Failed(Field::NO_ANSWER);
        check(1.0, s(15), Field::Value(50));
        check(1.0, s(16), no_answer);
        check(20.0, s(16), no_answer);
        check(0.1, s(35), Field::Value(50));
        check(0.1, s(36), no_answer);
        // Stamped a little later than somebody else's now.
        check(1.0, s(4), Field::Value(50));
    }

    #[test]
    fn of_many_troubles_a_run_keeps_the_first_and_a_window_the_last() {
        let check = |mut view: Telemetry, expect: std::ops::Range<u64>| {
            for at_ns in 0..70 {
                let trouble = Trouble { source: "gpu:0".into(), at_ns, kind: TroubleKind::Xid, code: 79 };
                view.apply(&Body::Trouble(trouble));
            }
            assert_eq!(
                view.troubles.iter().map(|trouble| trouble.at_ns).collect::<Vec<_>>(),
                expect.collect::<Vec<_>>()
            );
            assert_eq!(view.more_troubles, 20);
        };
        check(Telemetry::default(), 0..50);
        check(Telemetry::window(), 20..70);
    }

    #[test]
    fn the_latest_look_stays_whichever_comes_last() {
        let look = |at_ns| Look { at_ns, source: "host".into(), ..Look::default() };
        let mut view = Telemetry::default();
        [5, 9, 7].into_iter().for_each(|at_ns| view.look(&look(at_ns)));
        assert_eq!(view.looks.iter().map(|look| look.at_ns).collect::<Vec<_>>(), [9]);
    }
}
