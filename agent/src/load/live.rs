//! Owns the live picture: tokens, gaps and time in flight by 100 ms of run time, since the last report.
//! Must not know requests or windows.

use shared::event::{Batch, TokenBin};
use shared::histogram::GapHistogram;

/// Bins since the last report, in ascending order.
#[derive(Debug, Default)]
pub(super) struct Live {
    bins: Vec<LiveBin>,
}

/// A bin while it fills: gaps are counted in an array, for every chunk of every stream comes by here.
#[derive(Debug)]
struct LiveBin {
    bin: u32,
    millitokens: u64,
    in_flight_ns: u64,
    gaps: Box<[u32; GapHistogram::BUCKETS]>,
}

impl Live {
    /// Credits tokens, and the gap before them, to the bin of their arrival.
    pub fn credit(&mut self, t_ns: u64, millitokens: u64, gap_ns: Option<u64>) {
        let bin = self.bin(t_ns / Batch::BIN_NS);
        bin.millitokens += millitokens;
        if let Some(gap_ns) = gap_ns {
            bin.gaps[usize::from(GapHistogram::bucket(gap_ns))] += 1;
        }
    }

    /// Credits `in_flight` requests from one time to another.
    pub fn level(&mut self, from_ns: u64, to_ns: u64, in_flight: u32) {
        if in_flight == 0 {
            return;
        }
        let mut from = from_ns;
        while from < to_ns {
            let bin = from / Batch::BIN_NS;
            let until = to_ns.min((bin + 1) * Batch::BIN_NS);
            self.bin(bin).in_flight_ns += (until - from) * u64::from(in_flight);
            from = until;
        }
    }

    /// Takes what has gathered.
    pub fn take(&mut self) -> Vec<TokenBin> {
        let whole = |bin: LiveBin| {
            let mut gaps = GapHistogram::default();
            let counts = (0u8..).zip(bin.gaps.iter()).filter(|(_, count)| **count > 0);
            counts.for_each(|(bucket, count)| gaps.add(bucket, *count));
            TokenBin { bin: bin.bin, millitokens: bin.millitokens, in_flight_ns: bin.in_flight_ns, gaps }
        };
        self.bins.drain(..).map(whole).collect()
    }

    fn bin(&mut self, number: u64) -> &mut LiveBin {
        let bin = u32::try_from(number).unwrap_or(u32::MAX);
        // Nearly always the last one or a new one; a late stamp belongs to one shortly before.
        let place = self.bins.iter().rposition(|b| b.bin <= bin);
        let place = match place {
            Some(place) if self.bins[place].bin == bin => place,
            before => {
                let place = before.map_or(0, |p| p + 1);
                let gaps = Box::new([0; GapHistogram::BUCKETS]);
                self.bins.insert(place, LiveBin { bin, millitokens: 0, in_flight_ns: 0, gaps });
                place
            }
        };
        &mut self.bins[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn check(credits: &[(u64, u64)], levels: &[(u64, u64, u32)], expect: &[(u32, u64, u64)]) {
        let mut live = Live::default();
        credits.iter().for_each(|(t, m)| live.credit(t * MS, *m, None));
        levels.iter().for_each(|(from, to, n)| live.level(from * MS, to * MS, *n));
        let got: Vec<_> = live.take().iter().map(|b| (b.bin, b.millitokens, b.in_flight_ns / MS)).collect();
        assert_eq!(got, expect, "{credits:?} {levels:?}");
        assert!(live.take().is_empty(), "taken twice");
    }

    #[test]
    fn bins() {
        check(&[], &[], &[]);
        check(&[(99, 1000), (100, 500), (50, 1)], &[], &[(0, 1001, 0), (1, 500, 0)]);
        check(&[(250, 1), (10, 1)], &[], &[(0, 1, 0), (2, 1, 0)]);
        check(&[], &[(50, 250, 2)], &[(0, 0, 100), (1, 0, 200), (2, 0, 100)]);
        check(&[], &[(50, 60, 0), (60, 60, 3)], &[]);
    }

    #[test]
    fn gaps_are_counted_by_when_the_later_chunk_came() {
        let mut live = Live::default();
        for (t, gap) in [(90, Some(20 * MS)), (110, Some(20 * MS)), (115, Some(5 * MS)), (116, None)] {
            live.credit(t * MS, 1000, gap);
        }
        let gaps: Vec<u32> = live.take().iter().map(|b| b.gaps.iter().map(|(_, count)| count).sum()).collect();
        assert_eq!(gaps, [1, 2]);
    }
}
