//! Owns the charts of exact latency distributions: histogram and share up to a value, points over one another.
//! Must not know how samples are fetched or who draws them.

use super::definition::{ChartOption, Series};
use super::theme::{PALETTE, Theme};
use super::{ChartData, ChartDefinition, frame, legend, with_legend_below};
use crate::metric::Metric;
use crate::order;
use crate::view::RunView;
use crate::wire::PointDistribution;
use charming::element::{AxisType, Trigger};
use std::borrow::Cow;

/// Least latency on a log axis, ms: chunks that arrived in one read have no gap between them.
const LEAST_MS: f64 = 0.001;

/// Points whose distributions are shown at first: more would hide one another.
const AT_FIRST: usize = 4;

/// Points that have been measured, in order of level, which a search does not keep: place and words of the level.
#[must_use]
pub fn measured_points(view: &RunView) -> Vec<(usize, String)> {
    let points = view.points.iter().enumerate().filter(|(_, point)| point.summary.is_some());
    let points = order::by_key(points.collect(), |(_, point)| (order::key_of(point.level.value()), 0));
    points.into_iter().map(|(place, point)| (place, point.words())).collect()
}

/// Those of the points that are shown at first: some from the lowest to the highest.
#[must_use]
pub fn first_points(points: &[(usize, String)]) -> Vec<(usize, String)> {
    let count = points.len().min(AT_FIRST);
    let pick = |i: usize| points.get(i * (points.len() - 1) / (count - 1).max(1)).cloned();
    (0..count).filter_map(pick).collect()
}

/// One point's distribution with the words for its level; its place among the points is its colour.
pub type Overlay = (usize, String, PointDistribution);

/// Share of a point's samples in each bin, so that points with more requests do not stand above the others.
#[must_use]
pub fn histogram(overlays: &[Overlay], theme: Theme) -> ChartDefinition {
    let edges = |d: &PointDistribution| d.bins.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
    let share_at = |d: &PointDistribution, ms: f64| {
        let all = (d.n + d.at_least).max(1) as f64;
        let within = d.bins.iter().find(|(from, to, _)| (*from..*to).contains(&ms));
        Some(within.map_or(0.0, |(.., count)| *count as f64 / all))
    };
    let (mut option, data) = chart(overlays, theme, "how often", edges, share_at);
    for (colour, words, _) in overlays {
        option = option.series(drawn(*colour, words).filled());
    }
    ChartDefinition { option, data }
}

/// Share of a point's samples that took at most so long. It ends below 1 where samples reached a limit.
#[must_use]
pub fn ecdf(overlays: &[Overlay], theme: Theme) -> ChartDefinition {
    let values = |d: &PointDistribution| d.ecdf.iter().map(|(ms, _)| *ms).collect();
    let share_at = |d: &PointDistribution, ms: f64| {
        let beyond = d.ecdf.last().is_some_and(|(last, share)| ms > *last && *share < 1.0);
        let up_to = d.ecdf.iter().take_while(|(at, _)| *at <= ms).last();
        (!beyond).then(|| up_to.map_or(0.0, |(_, share)| *share))
    };
    let (mut option, data) = chart(overlays, theme, "at most", values, share_at);
    option.y_axis = option.y_axis.with(|axis| axis.max(1.0).interval(0.25));
    for (colour, words, _) in overlays {
        option = option.series(drawn(*colour, words));
    }
    ChartDefinition { option, data }
}

/// A point's line.
fn drawn(colour: usize, words: &str) -> Series {
    Series::line("ms", words, words, PALETTE[colour % PALETTE.len()]).plain().stepped()
}

/// The frame, and one row a latency at which any point's line steps, so that the crosshair reads all of them.
fn chart(
    overlays: &[Overlay],
    theme: Theme,
    words: &str,
    steps: impl Fn(&PointDistribution) -> Vec<f64>,
    share_at: impl Fn(&PointDistribution, f64) -> Option<f64>,
) -> (ChartOption, ChartData) {
    let mut data = ChartData::of(&["ms"]);
    data.dimensions.extend(overlays.iter().map(|(_, words, _)| Cow::Owned(words.clone())));
    let latencies: Vec<f64> = overlays.iter().flat_map(|(.., distribution)| steps(distribution)).collect();
    let mut latencies = order::by_key(latencies, |ms| (order::key_of(*ms), 0));
    latencies.dedup();
    for ms in &latencies {
        let shares = overlays.iter().map(|(.., distribution)| share_at(distribution, *ms));
        let row: Vec<_> = std::iter::once(Some(ms.max(LEAST_MS))).chain(shares).collect();
        data.push(&row);
    }
    let metric = overlays.first().and_then(|(.., d)| Metric::find(&d.metric)).map_or("Latency", |metric| metric.name);
    // The unit in the title, since at the axis' end it would lie on the last number.
    let title = format!("{metric} (ms), {words}");
    let mut option = frame(theme, &title, "", "share of samples", AxisType::Value, Trigger::Axis);
    option = with_legend_below(option, legend(theme));
    let (low, high) = (latencies.first().map_or(0.0, |ms| ms.max(LEAST_MS)), latencies.last().copied().unwrap_or(0.0));
    if high >= 10.0 * low && high > 0.0 {
        option.x_axis = option.x_axis.type_(AxisType::Log);
    } else {
        // From zero the differences that matter would be a hair's breadth.
        option.x_axis = option.x_axis.scale(true);
    }
    (option, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(place: usize, bins: &[(f64, f64, u64)], at_least: u64) -> Overlay {
        let n = bins.iter().map(|(.., count)| count).sum();
        let ecdf = vec![(1.0, 0.5), (4.0, 1.0)];
        let distribution = PointDistribution { metric: "ttft".to_owned(), n, at_least, ecdf, bins: bins.to_vec() };
        (place, format!("point {place}"), distribution)
    }

    fn rows(chart: &ChartDefinition) -> Vec<Vec<Option<f64>>> {
        let gap = |v: &f64| Some(*v).filter(|v| !v.is_nan());
        chart.data.rows.chunks(chart.data.dimensions.len()).map(|row| row.iter().map(gap).collect()).collect()
    }

    #[test]
    fn bins_are_shares_of_all_samples_and_end_on_the_axis() {
        let chart = histogram(&[overlay(0, &[(1.0, 2.0, 6), (2.0, 4.0, 2)], 2)], Theme::Light);
        let expect = [(1.0, 0.6), (2.0, 0.2), (4.0, 0.0)];
        assert_eq!(rows(&chart), expect.map(|(ms, share)| vec![Some(ms), Some(share)]));
    }

    #[test]
    fn every_row_reads_every_point_and_each_keeps_its_colour() {
        let mut limited = overlay(8, &[], 1);
        limited.2.ecdf = vec![(2.0, 0.4), (3.0, 0.8)];
        let chart = ecdf(&[overlay(2, &[], 0), limited], Theme::Dark);
        assert_eq!(chart.data.dimensions, ["ms", "point 2", "point 8"]);
        let expect = [
            [Some(1.0), Some(0.5), Some(0.0)],
            [Some(2.0), Some(0.5), Some(0.4)],
            [Some(3.0), Some(0.5), Some(0.8)],
            // What took longer reached a limit: nobody knows when it would have ended.
            [Some(4.0), Some(1.0), None],
        ];
        assert_eq!(rows(&chart), expect);
        let json = serde_json::to_string(&chart.option).unwrap();
        assert!(json.contains(PALETTE[2]) && json.contains(PALETTE[1]) && !json.contains(PALETTE[0]));
    }

    #[test]
    fn the_axis_is_logarithmic_from_a_decade_and_has_no_zero() {
        let check = |bins: &[(f64, f64, u64)], log: bool| {
            let chart = histogram(&[overlay(0, bins, 0)], Theme::Light);
            assert_eq!(serde_json::to_string(&chart.option.x_axis).unwrap().contains("\"log\""), log);
            assert!(rows(&chart).iter().all(|row| row[0] > Some(0.0)));
        };
        check(&[(20.0, 40.0, 3)], false);
        check(&[(2.0, 40.0, 3)], true);
        check(&[(0.0, 40.0, 3)], true);
        check(&[], false);
    }
}
