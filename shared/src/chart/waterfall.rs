//! Owns the waterfall of a ladder: what each step made of the figure of the one before, on a log axis, with intervals, and
//! what is left to what the hardware allows.
//! Must not know who draws it, nor how steps are compared.

use super::definition::{Names, Series, VisualMap};
use super::theme::Theme;
use super::{ChartData, ChartDefinition, frame};
use crate::compare::{Figure, Judgement};
use crate::study::{Case, Rung};
use charming::datatype::CompositeValue;
use charming::element::{AxisType, DimensionEncode, Trigger};

/// The share of a step's band that a bar, a whisker, and the line of a limit take.
pub(super) const BAR: f64 = 0.7;
pub(super) const WHISKER: f64 = 0.05;
const LINE: f64 = 0.9;
/// The places of the colours in [`Theme::steps`].
pub(super) const BETTER: f64 = 0.0;
pub(super) const WORSE: f64 = 1.0;
pub(super) const NEITHER: f64 = 2.0;
pub(super) const MARK: f64 = 3.0;
pub(super) const LIMIT: f64 = 4.0;
/// Most characters of a line of a step's label.
const LINE_CHARS: usize = 18;

/// What a waterfall takes beside its steps (title and axis), and each step: three lines of its label, CSS pixels.
const AROUND_PX: u32 = 76;
const STEP_PX: u32 = 46;

/// The height at which the labels of a ladder of so many steps, and of the hardware's limit, stand apart, CSS pixels.
#[must_use]
pub fn waterfall_height(steps: usize) -> u32 {
    left_out_height(steps.saturating_add(1))
}

/// The height at which the labels of so many options left out stand apart, CSS pixels.
#[must_use]
pub fn left_out_height(options: usize) -> u32 {
    AROUND_PX.saturating_add(STEP_PX.saturating_mul(u32::try_from(options).unwrap_or(u32::MAX)))
}

/// The ladder under one load by one figure. A bar goes from the figure of the step before to the step's own: of the colour
/// of better or worse where that is significant, grey where it is within noise or was not told. A line says what the
/// hardware allows at a step, and a last bar what is left to it, where that is known.
#[must_use]
pub fn waterfall(case: &Case, figure: Figure, theme: Theme) -> ChartDefinition {
    let key = figure.key();
    let steps: Vec<Step> = case.steps.iter().map(|rung| Step::of(rung, &key)).collect();
    let least = steps.iter().flat_map(Step::values).fold(f64::INFINITY, f64::min);
    // The decade below, which a log axis has a line at.
    let floor = if least.is_finite() { 10f64.powf(least.log10().floor()) } else { 1.0 };
    let mut bars = Bars::new();
    let mut before = floor;
    for (place, step) in steps.iter().enumerate() {
        let Some(value) = step.value else { continue };
        // A step that changed next to nothing still has a line where it stands.
        bars.push(place, BAR, (before.min(value), before.max(value)), step.shade);
        if let Some(half_width) = step.half_width {
            bars.push(place, WHISKER, ((value - half_width).max(floor), value + half_width), MARK);
        }
        if let Some(limit) = step.limit {
            bars.push(place, LINE, (limit, limit), LIMIT);
        }
        before = value;
    }
    let mut names: Vec<String> = case.steps.iter().map(|rung| name(&rung.label, rung, &key)).collect();
    let last = steps.iter().rev().find(|step| step.value.is_some());
    if let Some((value, limit)) = last.and_then(|step| step.value.zip(step.limit)) {
        bars.push(names.len(), BAR, (value.min(limit), value.max(limit)), LIMIT);
        names.push("To the hardware's\nlimit".to_owned());
    }
    let encode = DimensionEncode::new()
        .x(CompositeValue::from(vec!["from", "to"]))
        .y(CompositeValue::from(vec!["place", "share"]))
        .tooltip(vec!["from", "to"]);
    let title = format!("{}, {}", figure.name(), case.name);
    let mut option = frame(theme, &title, "", figure.unit(), AxisType::Value, Trigger::Item);
    option.x_axis = option.x_axis.type_(AxisType::Log).min(floor);
    option.y_axis = Names::of(names, theme);
    option.grid = option.grid.left(134);
    option.visual_map = Some(VisualMap::new(4, BETTER, LIMIT, theme.steps()));
    ChartDefinition { option: option.series(Series::spans(&figure.name(), encode)), data: bars.data() }
}

/// What of a step is drawn; what is not above zero has no place on a log axis.
struct Step {
    value: Option<f64>,
    half_width: Option<f64>,
    limit: Option<f64>,
    shade: f64,
}

impl Step {
    fn of(rung: &Rung, key: &str) -> Self {
        let side = rung.figures.get(key);
        Self {
            value: side.and_then(|of| of.value).filter(|value| *value > 0.0),
            half_width: side.and_then(|of| of.interval).map(|interval| interval.half_width),
            limit: rung.bound(key).map(|bound| bound.limit).filter(|limit| *limit > 0.0),
            shade: shade(rung, key),
        }
    }

    /// All that must lie above the floor.
    fn values(&self) -> impl Iterator<Item = f64> {
        let low = Option::zip(self.value, self.half_width).map(|(value, half)| value - half).filter(|low| *low > 0.0);
        self.value.into_iter().chain(low).chain(self.limit)
    }
}

/// The colour of what a configuration made of a figure.
pub(super) fn shade(rung: &Rung, key: &str) -> f64 {
    match rung.against.get(key).map(|comparison| comparison.judgement) {
        Some(Judgement::Better) => BETTER,
        Some(Judgement::Worse) => WORSE,
        _ => NEITHER,
    }
}

/// Rectangles in the bands of names, each with its share of the band and its shade.
pub(super) struct Bars(ChartData);

impl Bars {
    pub(super) fn new() -> Self {
        Self(ChartData::of(&["from", "to", "place", "share", "shade"]))
    }

    pub(super) fn data(self) -> ChartData {
        self.0
    }

    pub(super) fn push(&mut self, place: usize, share: f64, (from, to): (f64, f64), shade: f64) {
        self.0.push(&[Some(from), Some(to), Some(place as f64), Some(share), Some(shade)]);
    }
}

/// A label and what the configuration is worth, in lines that are short enough for a phone.
pub(super) fn name(label: &str, rung: &Rung, key: &str) -> String {
    let mut lines = wrapped(label);
    let against = rung.against.get(key);
    if rung.run.is_none() && rung.figures.is_empty() {
        lines.push("not measured".to_owned());
    } else if let Some((ratio, of)) = against.and_then(|of| Some((of.ratio?, of))) {
        let factor = factor(ratio.value);
        lines.push(match of.judgement {
            Judgement::Better | Judgement::Worse | Judgement::WithinNoise => {
                format!("{factor} {}", of.judgement.label())
            }
            _ => factor,
        });
    }
    lines.join("\n")
}

/// "× 4.02", "× 0.031", "× 120".
fn factor(ratio: f64) -> String {
    let decimals = (2.0 - ratio.abs().max(1e-6).log10().floor()).clamp(0.0, 8.0) as usize;
    format!("× {ratio:.decimals$}")
}

/// A label in two lines at most; what does not fit is told to be left out.
fn wrapped(label: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in label.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE_CHARS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let is_cut = lines.len() > 2;
    lines.truncate(2);
    for line in &mut lines {
        if line.chars().count() > LINE_CHARS {
            *line = line.chars().take(LINE_CHARS - 1).chain(['…']).collect();
        }
    }
    if let Some(last) = lines.last_mut().filter(|last| is_cut && !last.ends_with('…')) {
        last.push('…');
    }
    lines
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::compare::{Arm, Terms, compare, sample};
    use crate::plan::Level;
    use std::collections::BTreeMap;

    pub(in super::super) fn case(steps: &[Option<f64>]) -> Case {
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
                limit: None,
                no_limit: None,
                verdict: crate::caveat::Verdict::Valid,
                caveats: vec![],
            }
        };
        let steps = (0..).zip(steps).map(rung).collect();
        Case { name: "latency-bound".to_owned(), level: Level::Concurrency(1), steps, without: vec![] }
    }

    /// From, to and shade of each rectangle.
    pub(in super::super) fn drawn(chart: &ChartDefinition) -> Vec<(f64, f64, f64)> {
        chart.data.rows.chunks(5).map(|row| (row[0].round(), row[1].round(), row[4])).collect()
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
        assert!(option.contains("step 1\\n× 5.00 better") && option.contains("step 2\\nnot measured"), "{option}");
        assert!(option.contains("step 4\\n× 1.00 within noise"), "{option}");
        assert!(option.contains("latency-bound, tok/s"), "{option}");
    }

    #[test]
    fn what_is_left_to_the_limit_is_the_last_bar() {
        let figure = Figure::parse("output_throughput").unwrap();
        let mut case = case(&[Some(200.0), Some(1000.0), None]);
        let limit = |ceiling: f64, reached: f64| {
            let (throughput_ceiling, of_throughput) = (Some(ceiling), Some(reached));
            Some(crate::roofline::Limit { throughput_ceiling, of_throughput, ..Default::default() })
        };
        (case.steps[0].limit, case.steps[1].limit) = (limit(4000.0, 0.05), limit(5000.0, 0.2));
        let chart = waterfall(&case, figure, Theme::Light);
        let limits: Vec<_> = drawn(&chart).into_iter().filter(|(.., shade)| *shade == LIMIT).collect();
        assert_eq!(limits, [(4000.0, 4000.0, LIMIT), (5000.0, 5000.0, LIMIT), (1000.0, 5000.0, LIMIT)]);
        assert!(serde_json::to_string(&chart.option).unwrap().contains("To the hardware's"));
        // Percentiles have no bound.
        let chart = waterfall(&case, Figure::parse("ttft.p99").unwrap(), Theme::Light);
        assert!(drawn(&chart).is_empty());
    }

    #[test]
    fn labels_are_short_lines() {
        let check = |label: &str, expect: &[&str]| assert_eq!(wrapped(label), expect, "{label}");
        check("KV cache", &["KV cache"]);
        check("vLLM, one sequence, eager", &["vLLM, one", "sequence, eager"]);
        check("a word after another until there is no room", &["a word after", "another until…"]);
        check("Donaudampfschifffahrtsgesellschaft", &["Donaudampfschifff…"]);
        assert_eq!([0.031_4, 4.02, 120.4].map(factor), ["× 0.0314", "× 4.02", "× 120"]);
    }

    #[test]
    fn without_figures_there_are_no_bars() {
        let figure = Figure::parse("energy_per_token");
        let figure = figure.unwrap_or_else(|_| Figure::parse("ttft.mean").unwrap());
        assert!(waterfall(&case(&[None]), figure, Theme::Dark).data.rows.is_empty());
    }
}
