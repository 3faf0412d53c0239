//! Owns the charts over load levels: what each point came to, and the level that a search answered with.
//! Must not know who draws them.

use super::definition::{ChartOption, Series};
use super::theme::{PALETTE, Theme};
use super::{ChartData, ChartDefinition, frame, latency_axis, legend, with_legend_below};
use crate::plan::Level;
use crate::summary::Summary;
use crate::view::{PointView, RunView};
use charming::element::{AxisType, ItemStyle, LineStyleType, Trigger};

/// Output throughput against the load level, as levels are measured.
#[must_use]
pub fn throughput_by_level(view: &RunView, theme: Theme) -> ChartDefinition {
    let data = by_level(view, &["level", "output", "answer"], |s| vec![s.output_throughput]);
    let option = over_levels(view, theme, "Output throughput", "tok/s", AxisType::Value)
        .series(Series::line("level", "output", "output", PALETTE[0]).marked(7));
    ChartDefinition { option: ringed(option, view, theme), data }
}

/// The headline TTFT against the load level: from due where requests have times of their own, from sent else.
#[must_use]
pub fn ttft_by_level(view: &RunView, theme: Theme) -> ChartDefinition {
    let open = is_open(view);
    let data = by_level(view, &["level", "p50", "p99", "answer"], |s| {
        let ttft = if open { &s.ttft_scheduled } else { &s.ttft };
        vec![ttft.p50.ms(), ttft.p99.ms()]
    });
    let title = if open { "TTFT from due" } else { "TTFT" };
    let legend = legend(theme).data(vec!["p50", "p99"]);
    let mut option = over_levels(view, theme, title, "ms", latency_axis(&data, 1..3));
    option = with_legend_below(option, legend);
    for (name, style) in [("p50", LineStyleType::Solid), ("p99", LineStyleType::Dotted)] {
        option = option.series(Series::line("level", name, name, PALETTE[1]).dashed(style).marked(7));
    }
    ChartDefinition { option: ringed(option, view, theme), data }
}

fn is_open(view: &RunView) -> bool {
    view.points.iter().any(|point| point.level.is_open())
}

/// The frame of a chart over levels; they are all of one kind within a run.
fn over_levels(view: &RunView, theme: Theme, title: &str, unit: &str, axis: AxisType) -> ChartOption {
    let level = match view.points.first().map(|point| point.level) {
        Some(Level::Burst(_)) => "requests at once",
        Some(Level::Rate(_) | Level::Ramp { .. }) => "requests/s",
        Some(Level::Trace { .. }) => "speed-up",
        Some(Level::Concurrency(_)) | None => "requests in flight",
    };
    // In the title, since at the axis' end it would lie on the last number.
    frame(theme, &format!("{title} by {level}"), "", unit, axis, Trigger::Axis)
}

/// A ring around the search's answer, where there is one.
fn ringed(option: ChartOption, view: &RunView, theme: Theme) -> ChartOption {
    if view.search.as_ref().is_none_or(|search| search.answer.is_none()) {
        return option;
    }
    let ring = ItemStyle::new().color("transparent").border_color(theme.text()).border_width(2);
    option.series(Series::scatter("level", "answer", "the search's answer", ring).marked(18))
}

/// One row a point in order of level: the level, what `columns` says, and the first of that again at the answer.
fn by_level(view: &RunView, dimensions: &[&'static str], columns: impl Fn(&Summary) -> Vec<Option<f64>>) -> ChartData {
    let answer = view.search.as_ref().and_then(|search| search.answer);
    let mut points: Vec<&PointView> = view.points.iter().collect();
    points.sort_unstable_by(|a, b| a.level.value().total_cmp(&b.level.value()));
    let mut data = ChartData::of(dimensions);
    for point in points {
        let mut row = vec![Some(point.level.value())];
        match &point.summary {
            Some(summary) => row.extend(columns(summary)),
            None => row.resize(dimensions.len() - 1, None),
        }
        row.push(row.get(1).copied().flatten().filter(|_| answer == Some(point.level)));
        data.push(&row);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{SearchEnd, SearchStop};
    use crate::summary::{Distribution, Percentile};
    use std::collections::BTreeMap;

    fn point(level: Level, measured: Option<(f64, f64)>) -> PointView {
        let summary = measured.map(|(throughput, p50)| Summary {
            output_throughput: Some(throughput),
            ttft: Distribution { p50: Percentile::Ms(p50), ..Distribution::default() },
            ttft_scheduled: Distribution { p50: Percentile::Ms(p50 + 1.0), ..Distribution::default() },
            ..Summary::default()
        });
        PointView { level, summary, intervals: BTreeMap::new() }
    }

    /// Gaps as `None`.
    fn check(chart: &ChartDefinition, expect: &[&[Option<f64>]]) {
        let rows: Vec<Vec<Option<f64>>> = (chart.data.rows.chunks(chart.data.dimensions.len()))
            .map(|row| row.iter().map(|v| Some(*v).filter(|v| !v.is_nan())).collect())
            .collect();
        assert_eq!(rows, expect);
    }

    #[test]
    fn levels_are_in_order_and_the_answer_is_marked() {
        let mut view = RunView {
            points: vec![
                point(Level::Concurrency(16), Some((90.0, 20.0))),
                point(Level::Concurrency(64), None),
                point(Level::Concurrency(4), Some((50.0, 10.0))),
            ],
            ..RunView::default()
        };
        let expect: [&[_]; 3] =
            [&[Some(4.0), Some(50.0), None], &[Some(16.0), Some(90.0), None], &[Some(64.0), None, None]];
        check(&throughput_by_level(&view, Theme::Light), &expect);
        view.search = Some(SearchEnd {
            answer: Some(Level::Concurrency(16)),
            beyond: None,
            stop: SearchStop::ThroughputFlat { growth: 0.0 },
        });
        let chart = throughput_by_level(&view, Theme::Light);
        check(&chart, &[expect[0], &[Some(16.0), Some(90.0), Some(90.0)], expect[2]]);
        assert!(serde_json::to_string(&chart.option).unwrap().contains("answer"));
    }

    #[test]
    fn an_open_loop_shows_ttft_from_due() {
        let view = RunView { points: vec![point(Level::Rate(2.0), Some((50.0, 10.0)))], ..RunView::default() };
        let chart = ttft_by_level(&view, Theme::Dark);
        check(&chart, &[&[Some(2.0), Some(11.0), None, None]]);
        assert!(serde_json::to_string(&chart.option).unwrap().contains("from due"));
    }
}
