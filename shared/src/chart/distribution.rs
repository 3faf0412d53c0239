//! Owns the charts of exact latency distributions: histogram and share up to a value, points over one another.
//! Must not know how samples are fetched or who draws them.

use super::definition::{ChartOption, Series};
use super::theme::{PALETTE, Theme};
use super::{ChartData, ChartDefinition, frame, legend, with_legend_below};
use crate::metric::Metric;
use crate::wire::PointDistribution;
use charming::element::{AxisType, Trigger};
use std::borrow::Cow;

/// Least latency on a log axis, ms: chunks that arrived in one read have no gap between them.
const LEAST_MS: f64 = 0.001;

/// One point's distribution with the words for its level; its place among the points is its colour.
pub type Overlay = (usize, String, PointDistribution);

/// Share of a point's samples in each bin, so that points with more requests do not stand above the others.
#[must_use]
pub fn histogram(overlays: &[Overlay], theme: Theme) -> ChartDefinition {
    let (mut option, data) = chart(overlays, theme, "how often", |distribution| {
        let all = (distribution.n + distribution.at_least).max(1) as f64;
        let mut corners = Vec::new();
        for (from, to, count) in &distribution.bins {
            let share = *count as f64 / all;
            if corners.is_empty() {
                corners.push((*from, 0.0));
            }
            corners.extend([(*from, share), (*to, share)]);
        }
        corners.extend(distribution.bins.last().map(|(_, to, _)| (*to, 0.0)));
        corners
    });
    for (colour, words, _) in overlays {
        option = option.series(drawn(*colour, words).filled());
    }
    ChartDefinition { option, data }
}

/// Share of a point's samples that took at most so long. It ends below 1 where samples reached a limit.
#[must_use]
pub fn ecdf(overlays: &[Overlay], theme: Theme) -> ChartDefinition {
    let (mut option, data) = chart(overlays, theme, "at most", |distribution| {
        // The corners of the stairs themselves: a stepped line would run on to where the next point's rows begin.
        let mut below = 0.0;
        let stair = |(ms, share): &(f64, f64)| [(*ms, std::mem::replace(&mut below, *share)), (*ms, *share)];
        distribution.ecdf.iter().flat_map(stair).collect()
    });
    option.y_axis = option.y_axis.max(1.0).interval(0.25);
    for (colour, words, _) in overlays {
        option = option.series(drawn(*colour, words));
    }
    ChartDefinition { option, data }
}

/// A point's line.
fn drawn(colour: usize, words: &str) -> Series {
    Series::line("ms", words, words, PALETTE[colour % PALETTE.len()]).plain()
}

/// The frame, and a column for each point of the corners that `corners` gives in ms and share.
fn chart(
    overlays: &[Overlay],
    theme: Theme,
    words: &str,
    corners: impl Fn(&PointDistribution) -> Vec<(f64, f64)>,
) -> (ChartOption, ChartData) {
    let mut data = ChartData::of(&["ms"]);
    data.dimensions.extend(overlays.iter().map(|(_, words, _)| Cow::Owned(words.clone())));
    let (mut low, mut high) = (f64::INFINITY, 0.0f64);
    for (place, (.., distribution)) in overlays.iter().enumerate() {
        for (ms, share) in corners(distribution) {
            let ms = ms.max(LEAST_MS);
            (low, high) = (low.min(ms), high.max(ms));
            let mut row = vec![None; data.dimensions.len()];
            row[0] = Some(ms);
            row[place + 1] = Some(share);
            data.push(&row);
        }
    }
    let metric = overlays.first().and_then(|(.., d)| Metric::find(&d.metric)).map_or("Latency", |metric| metric.name);
    // The unit in the title, since at the axis' end it would lie on the last number.
    let title = format!("{metric} (ms), {words}");
    let mut option = frame(theme, &title, "", "share of samples", AxisType::Value, Trigger::Axis);
    option = with_legend_below(option, legend(theme));
    if high >= 10.0 * low {
        option.x_axis = option.x_axis.type_(AxisType::Log);
    } else if high > low {
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
    fn bins_are_shares_of_all_samples_and_stand_on_the_axis() {
        let chart = histogram(&[overlay(0, &[(1.0, 2.0, 6), (2.0, 4.0, 2)], 2)], Theme::Light);
        let expect = [(1.0, 0.0), (1.0, 0.6), (2.0, 0.6), (2.0, 0.2), (4.0, 0.2), (4.0, 0.0)];
        assert_eq!(rows(&chart), expect.map(|(ms, share)| vec![Some(ms), Some(share)]));
    }

    #[test]
    fn every_point_has_a_column_of_its_own_and_keeps_its_colour() {
        let both = [overlay(2, &[(1.0, 2.0, 1)], 0), overlay(8, &[(0.0, 30.0, 1)], 0)];
        let chart = ecdf(&both, Theme::Dark);
        assert_eq!(chart.data.dimensions, ["ms", "point 2", "point 8"]);
        let first =
            [(1.0, 0.0), (1.0, 0.5), (4.0, 0.5), (4.0, 1.0)].map(|(ms, share)| vec![Some(ms), Some(share), None]);
        assert_eq!(rows(&chart)[..4], first);
        assert_eq!(rows(&chart)[4], [Some(1.0), None, Some(0.0)]);
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
