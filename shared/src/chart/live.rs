//! Owns the live charts of a run on its one time axis: throughput, in flight, TTFT and TPOT.
//! Must not know who draws them.

use super::definition::Series;
use super::theme::{PALETTE, Theme};
use super::{ChartData, ChartDefinition, frame, latency_axis, legend};
use crate::units::{finite, ns_to_ms, ns_to_s};
use crate::view::{Bin, RunView};
use charming::element::{AxisType, LineStyleType, Trigger};

/// Output tokens per second over run time.
#[must_use]
pub fn throughput(view: &RunView, theme: Theme) -> ChartDefinition {
    let option = frame(theme, "Output throughput", "s", "tok/s", AxisType::Value, Trigger::Axis)
        .series(Series::line("s", "tok/s", "output", PALETTE[0]).plain().filled());
    ChartDefinition {
        option,
        data: bins(view, &["s", "tok/s"], |bin, seconds| vec![finite(bin.millitokens as f64 / 1000.0 / seconds)]),
    }
}

/// Requests in flight over run time.
#[must_use]
pub fn in_flight(view: &RunView, theme: Theme) -> ChartDefinition {
    let option = frame(theme, "Requests in flight", "s", "", AxisType::Value, Trigger::Axis)
        .series(Series::line("s", "in flight", "in flight", PALETTE[2]).plain().filled());
    ChartDefinition {
        option,
        data: bins(view, &["s", "in flight"], |bin, seconds| vec![finite(ns_to_s(bin.in_flight_ns) / seconds)]),
    }
}

/// Which latency a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Time to first token.
    Ttft,
    /// Time per output token.
    Tpot,
}

/// Median, 90th and 99th percentile of a latency over run time, by when requests ended; approximate to 1 %.
#[must_use]
pub fn latency(view: &RunView, latency: Latency, theme: Theme) -> ChartDefinition {
    let (title, colour) = match latency {
        Latency::Ttft => ("TTFT ≈", PALETTE[1]),
        Latency::Tpot => ("TPOT ≈", PALETTE[3]),
    };
    let data = bins(view, &["s", "p50", "p90", "p99"], move |bin, _| {
        let histogram = match latency {
            Latency::Ttft => &bin.ttft,
            Latency::Tpot => &bin.tpot,
        };
        [50, 90, 99].iter().map(|p| histogram.percentile_ns(*p).map(ns_to_ms)).collect()
    });
    // A legend and no end labels: the three percentiles of a steady server lie on one another.
    let legend = legend(theme);
    let axis = latency_axis(&data, 1..4);
    // A mark costs far more to draw than a piece of line: only where a line alone would not show.
    let marks = has_lone_point(&data, 1);
    let mut option = frame(theme, title, "s", "ms", axis, Trigger::Axis).legend(legend);
    for (name, style) in [("p50", LineStyleType::Solid), ("p90", LineStyleType::Dashed), ("p99", LineStyleType::Dotted)]
    {
        let line = Series::line("s", name, name, colour).dashed(style);
        option = option.series(if marks { line.marked(3) } else { line.plain() });
    }
    ChartDefinition { option, data }
}

/// Whether a column has a value between two gaps, of which a line shows nothing.
pub(super) fn has_lone_point(data: &ChartData, column: usize) -> bool {
    let values: Vec<f64> = data.rows.chunks(data.dimensions.len()).map(|row| row[column]).collect();
    let is_gap = |place: Option<usize>| place.and_then(|p| values.get(p)).is_none_or(|v| v.is_nan());
    (0..values.len()).any(|p| !is_gap(Some(p)) && is_gap(p.checked_sub(1)) && is_gap(Some(p + 1)))
}

/// One row a bin: its middle in seconds, then what `columns` says; gaps where nothing was in flight.
fn bins(view: &RunView, dimensions: &[&'static str], columns: impl Fn(&Bin, f64) -> Vec<Option<f64>>) -> ChartData {
    let width = view.series.width_ns();
    let mut data = ChartData::of(dimensions);
    for (index, bin) in view.series.bins.iter().enumerate() {
        let start = index as u64 * width;
        // The last bin is not over: its rate is over the part that has been seen.
        let covered = view.last_ns.saturating_sub(start).min(width);
        let mut row = vec![Some(ns_to_s(start + covered / 2))];
        if bin.is_idle() || covered == 0 {
            row.resize(data.dimensions.len(), None);
        } else {
            row.extend(columns(bin, ns_to_s(covered)));
        }
        data.push(&row);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_between_gaps_is_lone() {
        let check = |values: &[f64], expect: bool| {
            let rows = values.iter().flat_map(|v| [1.0, *v]).collect();
            assert_eq!(has_lone_point(&ChartData { rows, ..ChartData::of(&["s", "p50"]) }, 1), expect, "{values:?}");
        };
        let gap = f64::NAN;
        check(&[], false);
        check(&[gap], false);
        check(&[3.0], true);
        check(&[3.0, 4.0], false);
        check(&[3.0, 4.0, gap, 5.0], true);
        check(&[gap, 3.0, 4.0, gap], false);
    }
}
