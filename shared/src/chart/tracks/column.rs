//! Owns how a track becomes a column of a chart: bins so wide that a read falls into each, means, and increments as rates.
//! Must not know which signals are drawn together, or how.

use crate::order;
use crate::telemetry::Kind;
use crate::units::ns_to_s;
use crate::view::Track;

/// Bins hold at least this many reads on the mean, so that one without any is a gap and no accident of the grid.
const READS: f64 = 1.25;

/// What a track was over time, in the signal's unit; increments per second.
pub(super) struct Column {
    /// Power of two of a bin's width in bins of the track.
    pub shift: u32,
    /// In order of time.
    bins: Vec<Cell>,
}

/// What it was in one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    bin: u64,
    pub mean: f64,
    pub min: f64,
    pub max: f64,
}

impl Column {
    /// The column of a track with bins so wide, ns; nothing where it has no values, or of increments only one.
    pub fn of(track: &Track, kind: Kind, width_ns: u64) -> Option<Self> {
        let apart = apart(track);
        // Over how many seconds a value was added; a level is what it is.
        let over_s = match kind {
            Kind::Level => 1.0,
            Kind::Increment => apart? * ns_to_s(width_ns),
        };
        let mut shift = 0;
        while f64::from(1u32 << shift) < READS * apart.unwrap_or(0.0) && shift < 16 {
            shift += 1;
        }
        let mut bins: Vec<Cell> = Vec::new();
        let (mut sum, mut n) = (0, 0);
        for bin in track.bins() {
            let place = bin.bin >> shift;
            let (min, max) = (bin.min as f64 / over_s, bin.max as f64 / over_s);
            match bins.last_mut().filter(|last| last.bin == place) {
                Some(last) => (last.min, last.max) = (last.min.min(min), last.max.max(max)),
                None => {
                    (sum, n) = (0, 0);
                    bins.push(Cell { bin: place, mean: 0.0, min, max });
                }
            }
            (sum, n) = (bin.sum.saturating_add(sum), n + bin.n);
            if let Some(last) = bins.last_mut() {
                last.mean = sum as f64 / n.max(1) as f64 / over_s;
            }
        }
        (!bins.is_empty()).then_some(Self { shift, bins })
    }

    /// What it was in a bin of a grid that is no wider than its own; nothing where nothing is known.
    pub fn at(&self, bin: u64, shift: u32) -> Option<Cell> {
        let place = bin >> (self.shift - shift);
        let at = self.bins.binary_search_by(|cell| cell.bin.cmp(&place)).ok()?;
        self.bins.get(at).copied()
    }

    /// The bins of a grid that it begins and ends in.
    pub fn ends(&self, shift: u32) -> Option<(u64, u64)> {
        let by = self.shift - shift;
        let (first, last) = (self.bins.first()?.bin, self.bins.last()?.bin);
        Some((first << by, ((last + 1) << by) - 1))
    }
}

/// Bins from one read to the next on the mean, where reads follow one another as usual; nothing before there are two.
fn apart(track: &Track) -> Option<f64> {
    let pairs = || track.bins().zip(track.bins().skip(1)).map(|(one, next)| (next.bin - one.bin, next.n));
    let distances = order::by_key(pairs().map(|(distance, _)| distance).collect(), |distance| (*distance, 0));
    let usual = distances.get(distances.len().checked_sub(1)? / 2)?;
    // A read that falls on the grid now here, now there, is as usual; one that is missing is not.
    let most = usual + (usual / 2).max(1);
    let (bins, reads) = pairs()
        .filter(|(distance, _)| *distance <= most)
        .fold((0, 0), |(bins, reads), (distance, n)| (bins + distance, reads + n));
    Some(bins as f64 / reads.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::NS_PER_S;

    /// A track in bins of a tenth of a second: number and value of each read.
    fn track(reads: &[(u64, u64)]) -> Track {
        let mut track = Track::default();
        for (bin, value) in reads {
            let at = track.bins.len().saturating_sub(5);
            match track.bins.get_mut(at..) {
                Some([last, n, sum, min, max]) if last == bin => {
                    (*n, *sum, *min, *max) = (*n + 1, *sum + value, *value.min(min), *value.max(max));
                }
                _ => track.bins.extend([*bin, 1, *value, *value, *value]),
            }
        }
        track
    }

    const TENTH: u64 = NS_PER_S / 10;

    /// Means by bin of the column's own width.
    fn check(reads: &[(u64, u64)], kind: Kind, shift: u32, expect: &[(u64, f64)]) {
        let column = Column::of(&track(reads), kind, TENTH).unwrap();
        let rounded = |mean: f64| (mean * 1000.0).round() / 1000.0;
        let found: Vec<(u64, f64)> = column.bins.iter().map(|cell| (cell.bin, rounded(cell.mean))).collect();
        assert_eq!((column.shift, found.as_slice()), (shift, expect), "{reads:?}");
    }

    #[test]
    fn bins_are_so_wide_that_each_has_a_read_and_a_missing_one_is_a_gap() {
        // Ten a second: two bins of a tenth each.
        check(&[(0, 10), (1, 20), (2, 30), (3, 50)], Kind::Level, 1, &[(0, 15.0), (1, 40.0)]);
        // One a second, not quite on the grid: bins of 1.6 s.
        check(&[(0, 1), (10, 2), (19, 3), (30, 4)], Kind::Level, 4, &[(0, 1.5), (1, 3.5)]);
        // Nothing from 1 s to 6 s.
        check(&[(0, 1), (10, 2), (60, 3), (70, 4)], Kind::Level, 4, &[(0, 1.5), (3, 3.0), (4, 4.0)]);
        // A single read is as wide as it came.
        check(&[(7, 3)], Kind::Level, 0, &[(7, 3.0)]);
        // Many reads in each bin need no wider one, and every one counts.
        check(&[(4, 0), (4, 30), (4, 30), (5, 9), (5, 9), (5, 9)], Kind::Level, 0, &[(4, 20.0), (5, 9.0)]);
    }

    #[test]
    fn increments_are_rates_over_the_time_between_reads() {
        // 500 in each second, whether one read or two fall into a bin.
        let steady: Vec<(u64, u64)> = (0..8).map(|second| (second * 10, 500)).collect();
        check(&steady, Kind::Increment, 4, &[(0, 500.0), (1, 500.0), (2, 500.0), (3, 500.0), (4, 500.0)]);
        // A pause is no reason to spread what came before and after it.
        let paused = [(0, 500), (10, 500), (20, 500), (200, 500), (210, 500)];
        check(&paused, Kind::Increment, 4, &[(0, 500.0), (1, 500.0), (12, 500.0), (13, 500.0)]);
        assert!(Column::of(&track(&[(7, 3)]), Kind::Increment, TENTH).is_none());
        assert!(Column::of(&track(&[]), Kind::Level, TENTH).is_none());
    }

    #[test]
    fn a_finer_grid_reads_a_wider_bin() {
        let column = Column::of(&track(&[(0, 1), (10, 3), (60, 5)]), Kind::Level, TENTH).unwrap();
        assert_eq!(column.shift, 4);
        let at = |bin, shift| column.at(bin, shift).map(|cell| (cell.min, cell.mean, cell.max));
        assert_eq!(at(3, 2), Some((1.0, 2.0, 3.0)));
        assert_eq!(at(4, 2), None);
        assert_eq!(column.ends(2), Some((0, 15)));
        assert_eq!(column.ends(4), Some((0, 3)));
    }
}
