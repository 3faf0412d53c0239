//! Owns the waterfall of a ladder: what each step made of the figure of the one before, on a log axis, with intervals.
//! Must not know who draws it, nor how steps are compared.

use super::definition::{Series, XAxis};
use super::theme::Theme;
use super::{ChartData, ChartDefinition, definition, frame, x_axis};
use crate::compare::{Figure, Judgement};
use crate::study::{Case, Rung};
use charming::component::Axis;
use charming::datatype::CompositeValue;
use charming::element::{AxisLabel, AxisTick, AxisType, DimensionEncode, Trigger};

/// Half the width of a bar, and of a whisker, in steps.
const BAR: f64 = 0.36;
const WHISKER: f64 = 0.015;
/// The places of the colours in [`Theme::steps`].
const BETTER: f64 = 0.0;
const WORSE: f64 = 1.0;
const NEITHER: f64 = 2.0;
const MARK: f64 = 3.0;

/// The ladder under one load by one figure. A bar goes from the figure of the step before to the step's own: of the colour
/// of better or worse where that is significant, grey where it is within noise or was not told.
#[must_use]
pub fn waterfall(case: &Case, figure: Figure, theme: Theme) -> ChartDefinition {
    let key = figure.key();
    let value = |rung: &Rung| rung.figures.get(&key).and_then(|of| of.value).filter(|value| *value > 0.0);
    let lows = case.steps.iter().filter_map(|rung| {
        let half_width = rung.figures.get(&key)?.interval.map_or(0.0, |interval| interval.half_width);
        let value = value(rung)?;
        Some(if value > half_width { value - half_width } else { value })
    });
    let least = lows.fold(f64::INFINITY, f64::min);
    // The decade below, which a log axis has a line at.
    let floor = if least.is_finite() { 10f64.powf(least.log10().floor()) } else { 1.0 };
    let mut data = ChartData::of(&["from", "to", "low", "high", "shade"]);
    let mut before = floor;
    for (place, rung) in case.steps.iter().enumerate() {
        let Some(value) = value(rung) else { continue };
        let middle = place as f64 + 0.5;
        let shade = match rung.against.get(&key).map(|comparison| comparison.judgement) {
            Some(Judgement::Better) => BETTER,
            Some(Judgement::Worse) => WORSE,
            _ => NEITHER,
        };
        bar(&mut data, middle, BAR, (before.min(value), before.max(value)), shade);
        // A step that changed next to nothing still has a line where it stands.
        if let Some(interval) = rung.figures.get(&key).and_then(|of| of.interval) {
            let low = (value - interval.half_width).max(floor);
            bar(&mut data, middle, WHISKER, (low, value + interval.half_width), MARK);
        }
        before = value;
    }
    let encode = DimensionEncode::new()
        .x(CompositeValue::from(vec!["from", "to"]))
        .y(CompositeValue::from(vec!["low", "high"]))
        .tooltip(vec!["low", "high"]);
    let title = format!("{}, {} ({})", figure.name(), case.name, case.level.words());
    let mut option = frame(theme, &title, "", figure.unit(), AxisType::Log, Trigger::Item);
    option.y_axis = option.y_axis.min(floor);
    option.x_axis = XAxis::Named(Box::new([hidden(case.steps.len()), names(case, theme)]));
    option.grid = option.grid.bottom(84);
    option.visual_map = Some(definition::VisualMap::new(4, BETTER, MARK, theme.steps()));
    ChartDefinition { option: option.series(Series::cells(&figure.name(), encode)), data }
}

fn bar(data: &mut ChartData, middle: f64, half: f64, (low, high): (f64, f64), shade: f64) {
    data.push(&[Some(middle - half), Some(middle + half), Some(low), Some(high), Some(shade)]);
}

/// Numbers that place the bars, a unit a step.
fn hidden(steps: usize) -> Axis {
    Axis::new().type_(AxisType::Value).min(0.0).max(steps as f64).show(false)
}

/// The steps' labels below their bars.
fn names(case: &Case, theme: Theme) -> Axis {
    x_axis(theme, "")
        .type_(AxisType::Category)
        .position("bottom")
        .data(case.steps.iter().map(|rung| rung.label.clone()).collect())
        .axis_tick(AxisTick::new().show(false))
        .axis_label(AxisLabel::new().color(theme.text()).interval(0.0).rotate(24.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Arm, Terms, compare, sample};
    use crate::plan::Level;
    use std::collections::BTreeMap;

    fn case(steps: &[Option<f64>]) -> Case {
        let figure = Figure::parse("output_throughput").unwrap();
        let mut last = None;
        let rung = |(step, value): (u32, &Option<f64>)| {
            let run =
                sample::run(&value.map(|v| [-2.0, -1.0, 0.0, 1.0, 2.0].map(|s| v + s * v / 100.0)).unwrap_or_default());
            let mut against = BTreeMap::new();
            let mut figures = BTreeMap::new();
            if value.is_some() {
                let arm = Arm::of(&run, 0).unwrap();
                figures.insert(figure.key(), crate::compare::Side::of(&arm, figure));
                if let Some(before) = last.replace(run.clone()) {
                    let pair = (Arm::of(&before, 0).unwrap(), arm);
                    against.insert(figure.key(), compare(&[pair], Terms::strict(figure)).remove(0));
                }
            }
            Rung {
                step,
                label: format!("step {step}"),
                change: String::new(),
                run: None,
                figures,
                base: None,
                against,
                verdict: crate::caveat::Verdict::Valid,
                caveats: vec![],
            }
        };
        let steps = (0..).zip(steps).map(rung).collect();
        Case { name: "latency-bound".to_owned(), level: Level::Concurrency(1), steps, without: vec![] }
    }

    /// Low, high and shade of each rectangle.
    fn drawn(chart: &ChartDefinition) -> Vec<(f64, f64, f64)> {
        chart.data.rows.chunks(5).map(|row| (row[2].round(), row[3].round(), row[4])).collect()
    }

    #[test]
    fn bars_go_from_step_to_step_and_say_better_worse_or_neither() {
        let figure = Figure::parse("output_throughput").unwrap();
        let chart =
            waterfall(&case(&[Some(200.0), Some(1000.0), None, Some(600.0), Some(601.0)]), figure, Theme::Light);
        let bars: Vec<_> = drawn(&chart).into_iter().filter(|(.., shade)| *shade != MARK).collect();
        let expect =
            [(100.0, 200.0, NEITHER), (200.0, 1000.0, BETTER), (600.0, 1000.0, WORSE), (600.0, 601.0, NEITHER)];
        assert_eq!(bars, expect);
        let option = serde_json::to_string(&chart.option).unwrap();
        assert!(option.contains("step 2") && option.contains("latency-bound (1 in flight), tok/s"), "{option}");
    }

    #[test]
    fn without_figures_there_are_no_bars() {
        let figure = Figure::parse("energy_per_token");
        let figure = figure.unwrap_or_else(|_| Figure::parse("ttft.mean").unwrap());
        assert!(waterfall(&case(&[None]), figure, Theme::Dark).data.rows.is_empty());
    }
}
