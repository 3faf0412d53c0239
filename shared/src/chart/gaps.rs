//! Owns the heat map of gaps between chunks over run time.
//! Must not know who draws it.

use super::definition::{Series, VisualMap};
use super::theme::Theme;
use super::{ChartData, ChartDefinition, frame};
use crate::histogram::GapHistogram;
use crate::units::{ns_to_ms, ns_to_s};
use crate::view::RunView;
use charming::datatype::CompositeValue;
use charming::element::{AxisType, DimensionEncode, Trigger};

/// Gaps between output chunks: run time across, the gap upwards on a log axis, how many as colour. Only bins that
/// overlap `from_s..to_s`, since what is not in view costs as much to draw.
#[must_use]
pub fn gap_map(view: &RunView, (from_s, to_s): (f64, f64), theme: Theme) -> ChartDefinition {
    let width = view.series.width_ns();
    let mut data = ChartData::of(&["from, s", "to, s", "from, ms", "to, ms", "gaps", "shade"]);
    let mut greatest = 0.0f64;
    for (index, bin) in view.series.bins.iter().enumerate() {
        let start = index as u64 * width;
        let (left, right) = (ns_to_s(start), ns_to_s(start + width));
        if right <= from_s || left >= to_s {
            continue;
        }
        for (bucket, count) in bin.gaps.iter() {
            // A logarithmic shade, since the rare long gaps are what the map is for.
            let shade = f64::from(count).ln_1p();
            greatest = greatest.max(shade);
            let (low, high) = bounds_ms(bucket);
            data.push(&[Some(left), Some(right), Some(low), Some(high), Some(f64::from(count)), Some(shade)]);
        }
    }
    let encode = DimensionEncode::new()
        .x(CompositeValue::from(vec!["from, s", "to, s"]))
        .y(CompositeValue::from(vec!["from, ms", "to, ms"]))
        .tooltip(vec!["from, ms", "to, ms", "gaps"]);
    let mut option = frame(theme, "Gaps between chunks", "s", "ms", AxisType::Log, Trigger::Item)
        .series(Series::cells("gaps", encode));
    // Steps of a quarter, so that the colours of a live map do not change with each new count.
    option.visual_map = Some(VisualMap::new(5, 0.0, (greatest * 4.0).ceil().max(4.0) / 4.0, theme.ramp()));
    ChartDefinition { option, data }
}

/// Where a bucket begins and ends, ms; the first one begins where a log axis can show it.
fn bounds_ms(bucket: u8) -> (f64, f64) {
    let least_ns = GapHistogram::start_ns(1) / 2;
    let last = usize::from(bucket) + 1 >= GapHistogram::BUCKETS;
    let start_ns = GapHistogram::start_ns(bucket).max(least_ns);
    let end_ns = if last { start_ns * 5 / 4 } else { GapHistogram::start_ns(bucket + 1) };
    (ns_to_ms(start_ns), ns_to_ms(end_ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TokenBin;

    fn view(bins: &[(u32, u64, u32)]) -> RunView {
        let mut view = RunView::default();
        for (bin, gap_ns, count) in bins {
            let mut gaps = GapHistogram::default();
            gaps.add(GapHistogram::bucket(*gap_ns), *count);
            view.series.add_load(&TokenBin { bin: *bin, gaps, ..TokenBin::default() });
        }
        view
    }

    /// Left edge, whether the gap lies in the cell, and the count.
    fn check(bins: &[(u32, u64, u32)], range: (f64, f64), expect: &[(f64, u64, f64)]) {
        let chart = gap_map(&view(bins), range, Theme::Light);
        let cells: Vec<_> = chart.data.rows.chunks(6).collect();
        assert_eq!(cells.len(), expect.len());
        for (cell, (left, gap_ns, count)) in cells.iter().zip(expect) {
            assert_eq!((cell[0], cell[4]), (*left, *count));
            assert!((cell[2]..cell[3]).contains(&ns_to_ms(*gap_ns)), "{gap_ns} ns in {cell:?}");
        }
    }

    #[test]
    fn a_gap_lies_in_its_cell_and_only_bins_in_view_are_drawn() {
        let bins = [(0, 20_000_000, 3), (5, 21_000_000, 1), (5, 900_000_000, 2)];
        check(&bins, (0.0, 10.0), &[(0.0, 20_000_000, 3.0), (0.5, 21_000_000, 1.0), (0.5, 900_000_000, 2.0)]);
        check(&bins, (0.2, 10.0), &[(0.5, 21_000_000, 1.0), (0.5, 900_000_000, 2.0)]);
        check(&bins, (0.2, 0.4), &[]);
    }

    #[test]
    fn even_the_shortest_and_the_longest_gap_have_a_place_on_a_log_axis() {
        for bucket in [0, 1, GapHistogram::BUCKETS as u8 - 1] {
            let (low, high) = bounds_ms(bucket);
            assert!(low > 0.0 && high > low && high.is_finite());
        }
    }
}
