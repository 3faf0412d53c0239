//! Owns the charts over load levels: what each point came to, and the level that a search answered with.
//! Must not know who draws them.

use super::definition::{ChartOption, Series};
use super::theme::{PALETTE, Theme};
use super::{ChartData, ChartDefinition, frame, latency_axis, legend, with_legend_below};
use crate::order;
use crate::plan::Level;
use crate::summary::Summary;
use crate::view::{PointView, RunView};
use charming::element::{AxisType, ItemStyle, LineStyleType, Trigger};
use std::borrow::Cow;

/// Output throughput against the load level, as levels are measured; a line for each engine configuration.
#[must_use]
pub fn throughput_by_level(view: &RunView, theme: Theme) -> ChartDefinition {
    let columns = Columns::of(view, &["output"]);
    let data = columns.by_level(view, |s| vec![s.output_throughput]);
    let option = over_levels(view, theme, "Output throughput", "tok/s", AxisType::Value);
    let option = columns.drawn(option, theme, 0, &[LineStyleType::Solid]);
    ChartDefinition { option: ringed(option, view, theme), data }
}

/// The headline TTFT against the load level: from due where requests have times of their own, from sent else.
#[must_use]
pub fn ttft_by_level(view: &RunView, theme: Theme) -> ChartDefinition {
    let open = is_open(view);
    let columns = Columns::of(view, &["p50", "p99"]);
    let data = columns.by_level(view, |s| {
        let ttft = if open { &s.ttft_scheduled } else { &s.ttft };
        vec![ttft.p50.ms(), ttft.p99.ms()]
    });
    let title = if open { "TTFT from due" } else { "TTFT" };
    let option = over_levels(view, theme, title, "ms", latency_axis(&data, 1..1 + columns.names.len()));
    let option = columns.drawn(option, theme, 1, &[LineStyleType::Solid, LineStyleType::Dotted]);
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

/// The columns of a chart over levels: the same figures for each engine configuration.
struct Columns {
    /// Figures of one configuration.
    figures: usize,
    /// All names, those of one configuration after those of another.
    names: Vec<String>,
}

impl Columns {
    fn of(view: &RunView, figures: &[&str]) -> Self {
        // Configurations are numbered from 0, and each has points.
        let mut variants: Vec<&str> = vec![""];
        for point in &view.points {
            let place = point.configuration as usize;
            variants.resize(variants.len().max(place + 1), "");
            variants[place] = &point.variant;
        }
        let name = |variant: &str, figure: &str| match variant {
            "" => figure.to_owned(),
            variant => format!("{variant}: {figure}"),
        };
        let names = variants.iter().flat_map(|variant| figures.iter().map(move |figure| name(variant, figure)));
        Self { figures: figures.len(), names: names.collect() }
    }

    /// One row a level in their order: the level, what `read` says of each configuration there, and the first of that
    /// again at a search's answer.
    fn by_level(&self, view: &RunView, read: impl Fn(&Summary) -> Vec<Option<f64>>) -> ChartData {
        let answer = view.search.as_ref().and_then(|search| search.answer);
        let points = order::by_key(view.points.iter().collect(), |p: &&PointView| (order::key_of(p.level.value()), 0));
        let mut data = ChartData::of(&["level"]);
        data.dimensions.extend(self.names.iter().map(|name| Cow::Owned(name.clone())));
        data.dimensions.push(Cow::Borrowed("answer"));
        for same in points.chunk_by(|a, b| a.level == b.level) {
            let mut row = vec![None; data.dimensions.len()];
            row[0] = same.first().map(|point| point.level.value());
            for point in same {
                let figures = point.summary.as_ref().map(&read).unwrap_or_default();
                let from = 1 + point.configuration as usize * self.figures;
                row.iter_mut().skip(from).zip(figures).for_each(|(cell, figure)| *cell = figure);
            }
            let is_answer = same.iter().any(|point| answer == Some(point.level));
            row[data.dimensions.len() - 1] = row[1].filter(|_| is_answer);
            data.push(&row);
        }
        data
    }

    /// A line for each column: a colour for each configuration, and dashes for each of its figures.
    fn drawn(&self, mut option: ChartOption, theme: Theme, colour: usize, dashes: &[LineStyleType]) -> ChartOption {
        if self.names.len() > 1 {
            option = with_legend_below(option, legend(theme).data(self.names.clone()));
        }
        for (place, name) in self.names.iter().enumerate() {
            let colour = PALETTE[(colour + place / self.figures) % PALETTE.len()];
            let dashes = dashes[place % self.figures];
            option = option.series(Series::line("level", name, name, colour).dashed(dashes).marked(7));
        }
        option
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{SearchEnd, SearchStop};
    use crate::summary::{Distribution, Percentile};

    fn point(level: Level, measured: Option<(f64, f64)>) -> PointView {
        let summary = measured.map(|(throughput, p50)| Summary {
            output_throughput: Some(throughput),
            ttft: Distribution { p50: Percentile::Ms(p50), ..Distribution::default() },
            ttft_scheduled: Distribution { p50: Percentile::Ms(p50 + 1.0), ..Distribution::default() },
            ..Summary::default()
        });
        PointView { summary, ..PointView::at(level) }
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

    #[test]
    fn each_engine_configuration_has_a_line_of_its_own() {
        let of = |configuration: u32, variant: &str, level: u32, throughput: f64| PointView {
            configuration,
            variant: variant.to_owned(),
            ..point(Level::Concurrency(level), Some((throughput, 1.0)))
        };
        let points = vec![
            of(0, "batch 1", 1, 9.0),
            of(0, "batch 1", 8, 10.0),
            of(1, "batch 8", 1, 8.0),
            of(1, "batch 8", 8, 70.0),
        ];
        let mut view = RunView { points, ..RunView::default() };
        view.points[2].summary = None;
        let chart = throughput_by_level(&view, Theme::Light);
        assert_eq!(chart.data.dimensions, ["level", "batch 1: output", "batch 8: output", "answer"]);
        check(&chart, &[&[Some(1.0), Some(9.0), None, None], &[Some(8.0), Some(10.0), Some(70.0), None]]);
        let option = serde_json::to_string(&chart.option).unwrap();
        assert!(option.contains("\"batch 8: output\"") && option.contains(PALETTE[1]), "{option}");
        let ttft = ttft_by_level(&view, Theme::Light);
        assert_eq!(ttft.data.dimensions.len(), 6);
    }
}
