//! Owns the charts of several runs beside one another: a figure against load, and what a user gets against what a GPU gives.
//! Must not know who draws them, nor how runs are compared.

use super::definition::{ChartOption, Series};
use super::theme::{PALETTE, Theme};
use super::{ChartData, ChartDefinition, frame, latency_axis, legend, with_legend_below};
use crate::compare::{Curve, CurvePoint, Figure};
use crate::plan::Level;
use charming::element::{AxisType, ItemStyle, LineStyleType, NameLocation, TextStyle, Trigger};
use std::borrow::Cow;

/// Lines of one engine's second, third and further configurations.
const DASHES: [LineStyleType; 3] = [LineStyleType::Solid, LineStyleType::Dashed, LineStyleType::Dotted];

/// A figure against the load level: a line for each curve, with whiskers where repeats give an interval.
#[must_use]
pub fn curves(curves: &[Curve], figure: Figure, theme: Theme) -> ChartDefinition {
    let key = figure.key();
    let mut data = ChartData::of(&["level"]);
    data.dimensions.extend(curves.iter().map(|curve| Cow::Owned(curve.label.clone())));
    data.dimensions.extend(curves.iter().map(|curve| Cow::Owned(whiskers(curve))));
    let width = data.dimensions.len();
    // Each line's points stand together, since what lies between two of them would be a gap.
    for (place, curve) in curves.iter().enumerate() {
        for point in &curve.points {
            let mut row = vec![None; width];
            (row[0], row[1 + place]) = (Some(point.level.value()), point.figures.get(&key).copied());
            data.push(&row);
        }
    }
    for (place, curve) in curves.iter().enumerate() {
        for point in &curve.points {
            let Some(interval) = point.intervals.get(&key) else { continue };
            let ends = [Some(interval.mean - interval.half_width), Some(interval.mean + interval.half_width), None];
            for end in ends {
                let mut row = vec![None; width];
                (row[0], row[1 + curves.len() + place]) = (Some(point.level.value()), end);
                data.push(&row);
            }
        }
    }
    let axis = if figure.unit() == "ms" { latency_axis(&data, 1..1 + curves.len()) } else { AxisType::Value };
    let option = frame(theme, &figure.name(), level_words(curves), figure.unit(), axis, Trigger::Item);
    let mut option = with_name_below(option, theme);
    let levels: Vec<f64> = curves.iter().flat_map(|curve| &curve.points).map(|point| point.level.value()).collect();
    let least = levels.iter().copied().filter(|level| *level > 0.0).fold(f64::INFINITY, f64::min);
    if levels.iter().any(|level| *level >= 10.0 * least) {
        // Levels double: on an axis of equal steps the low ones would lie on one another.
        // Its own ends would be at whole decades, far from the last level.
        let most = levels.iter().copied().fold(least, f64::max);
        option.x_axis = option.x_axis.type_(AxisType::Log).min(least).max(most);
    }
    let mut option = named(option, curves, theme);
    for (curve, (colour, dashes)) in curves.iter().zip(styles(curves)) {
        option = option.series(Series::line("level", &curve.label, &curve.label, colour).dashed(dashes).marked(7));
        let whiskers = whiskers(curve);
        option = option.series(Series::line("level", &whiskers, &whiskers, colour).plain());
    }
    ChartDefinition { option, data }
}

/// What one user gets against what the hardware gives: tokens per second of a request against those of a GPU, or of all
/// where a plan does not say how many. A ring is around the points that no other beats in both.
#[must_use]
pub fn pareto(curves: &[Curve], theme: Theme) -> ChartDefinition {
    let by_gpu = curves.iter().all(|curve| curve.gpus.is_some());
    let (given, words) = if by_gpu { ("per_gpu_throughput", "per GPU") } else { ("output_throughput", "of all") };
    let at = |point: &CurvePoint| {
        Some((point.figures.get("per_user_throughput").copied()?, point.figures.get(given).copied()?))
    };
    let all: Vec<(f64, f64)> = curves.iter().flat_map(|curve| &curve.points).filter_map(at).collect();
    let beaten =
        |(x, y): (f64, f64)| all.iter().any(|(of_x, of_y)| *of_x >= x && *of_y >= y && (*of_x > x || *of_y > y));
    let mut data = ChartData::of(&["tok/s per user"]);
    data.dimensions.extend(curves.iter().map(|curve| Cow::Owned(curve.label.clone())));
    data.dimensions.push(Cow::Borrowed("not beaten"));
    for (place, curve) in curves.iter().enumerate() {
        for point in curve.points.iter().filter_map(at) {
            let mut row = vec![None; data.dimensions.len()];
            (row[0], row[1 + place]) = (Some(point.0), Some(point.1));
            row[1 + curves.len()] = Some(point.1).filter(|_| !beaten(point));
            data.push(&row);
        }
    }
    let title = format!("Output tok/s {words} against that of a user");
    let option = with_name_below(frame(theme, &title, "tok/s per user", "", AxisType::Value, Trigger::Item), theme);
    let mut option = named(option, curves, theme);
    for (curve, (colour, dashes)) in curves.iter().zip(styles(curves)) {
        let line = Series::line("tok/s per user", &curve.label, &curve.label, colour);
        option = option.series(line.dashed(dashes).marked(7));
    }
    let ring = ItemStyle::new().color("transparent").border_color(theme.text()).border_width(2);
    option = option.series(Series::scatter("tok/s per user", "not beaten", "not beaten", ring).marked(16));
    ChartDefinition { option, data }
}

/// A legend of the curves alone: whiskers are told by their colour.
fn named(option: ChartOption, curves: &[Curve], theme: Theme) -> ChartOption {
    let names: Vec<String> = curves.iter().map(|curve| curve.label.clone()).collect();
    let rows = legend_rows(&names);
    let mut option = with_legend_below(option, legend(theme).data(names));
    option.grid = option.grid.top(44.0 + 18.0 * rows as f64);
    option
}

/// Rows that a legend of these names takes on a narrow screen: it wraps, and what is below it has to make room.
fn legend_rows(names: &[String]) -> usize {
    const SCREEN: usize = 330;
    // A line, gaps, and letters of a small font, pixels.
    let width = |name: &String| 40 + 6 * name.chars().count();
    let place = |(rows, used): (usize, usize), name: &String| match used + width(name) {
        wider if wider > SCREEN && used > 0 => (rows + 1, width(name)),
        wider => (rows, wider),
    };
    names.iter().fold((1, 0), place).0
}

/// The name of the horizontal axis below its numbers: it is a few words long.
fn with_name_below(mut option: ChartOption, theme: Theme) -> ChartOption {
    let style = TextStyle::new().color(theme.text()).align("center");
    option.x_axis = option.x_axis.name_location(NameLocation::Middle).name_gap(26).name_text_style(style);
    option.grid = option.grid.bottom(50);
    option
}

fn whiskers(curve: &Curve) -> String {
    format!("{}, 95 % interval", curve.label)
}

/// A colour for each engine, and dashes for each of its curves. Where all are of one engine, a colour each.
fn styles(curves: &[Curve]) -> Vec<(&'static str, LineStyleType)> {
    let several = curves.iter().any(|curve| curve.engine != curves[0].engine);
    let mut engines: Vec<(&str, usize)> = Vec::new();
    let mut styles = Vec::new();
    for (place, curve) in curves.iter().enumerate() {
        if !several {
            styles.push((PALETTE[place % PALETTE.len()], DASHES[place / PALETTE.len() % DASHES.len()]));
            continue;
        }
        let known = engines.iter().position(|(engine, _)| *engine == curve.engine);
        let engine = known.unwrap_or_else(|| {
            engines.push((&curve.engine, 0));
            engines.len() - 1
        });
        styles.push((PALETTE[engine % PALETTE.len()], DASHES[engines[engine].1 % DASHES.len()]));
        engines[engine].1 += 1;
    }
    styles
}

fn level_words(curves: &[Curve]) -> &'static str {
    match curves.iter().flat_map(|curve| &curve.points).next().map(|point| point.level) {
        Some(Level::Burst(_)) => "requests at once",
        Some(Level::Rate(_) | Level::Ramp { .. }) => "requests/s",
        Some(Level::Trace { .. }) => "speed-up",
        Some(Level::Concurrency(_)) | None => "requests in flight",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caveat::Verdict;
    use crate::ids::RunId;
    use crate::summary::Interval;

    fn curve(label: &str, engine: &str, points: &[(u32, f64, f64)]) -> Curve {
        let point = |(level, throughput, per_user): &(u32, f64, f64)| CurvePoint {
            point: 0,
            level: Level::Concurrency(*level),
            trials: 3,
            figures: [("output_throughput".to_owned(), *throughput), ("per_user_throughput".to_owned(), *per_user)]
                .into(),
            intervals: [("output_throughput".to_owned(), Interval { n: 3, mean: *throughput, half_width: 1.0 })].into(),
            verdict: Verdict::Valid,
        };
        Curve {
            run: RunId::new(1, 1),
            label: label.to_owned(),
            engine: engine.to_owned(),
            configuration: 0,
            gpus: None,
            points: points.iter().map(point).collect(),
            caveats: vec![],
        }
    }

    fn rows(chart: &ChartDefinition) -> Vec<Vec<Option<f64>>> {
        let gap = |v: &f64| Some(*v).filter(|v| !v.is_nan());
        chart.data.rows.chunks(chart.data.dimensions.len()).map(|row| row.iter().map(gap).collect()).collect()
    }

    #[test]
    fn each_curve_has_a_line_and_whiskers() {
        let figure = Figure::parse("output_throughput").unwrap();
        let chart = curves(&[curve("a", "x", &[(1, 5.0, 5.0), (16, 9.0, 1.0)])], figure, Theme::Light);
        let expect = [
            [Some(1.0), Some(5.0), None],
            [Some(16.0), Some(9.0), None],
            [Some(1.0), None, Some(4.0)],
            [Some(1.0), None, Some(6.0)],
            [Some(1.0), None, None],
            [Some(16.0), None, Some(8.0)],
            [Some(16.0), None, Some(10.0)],
            [Some(16.0), None, None],
        ];
        assert_eq!(rows(&chart), expect);
        assert!(serde_json::to_string(&chart.option).unwrap().contains("\"Output throughput, tok/s\""));
        assert!(rows(&curves(&[], figure, Theme::Dark)).is_empty());
    }

    #[test]
    fn a_colour_is_an_engine_and_dashes_are_its_configurations() {
        let of = |engines: &[&str]| {
            let curves: Vec<Curve> = engines.iter().map(|engine| curve("l", engine, &[])).collect();
            styles(&curves).into_iter().map(|(colour, dashes)| (colour, format!("{dashes:?}"))).collect::<Vec<_>>()
        };
        let solid = |colour: usize| (PALETTE[colour], "Solid".to_owned());
        assert_eq!(of(&["x", "y", "x"]), [solid(0), solid(1), (PALETTE[0], "Dashed".to_owned())]);
        assert_eq!(of(&["x", "x"]), [solid(0), solid(1)]);
    }

    #[test]
    fn a_long_legend_takes_rows_of_its_own() {
        let rows = |names: &[&str]| legend_rows(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!((rows(&[]), rows(&["a"]), rows(&["a", "b", "c"])), (1, 1, 1));
        assert_eq!(rows(&["vLLM fact_recall, KV cache"; 4]), 4);
        assert_eq!(rows(&["Same run", "Same run (2)", "Same run (3)", "Same run (4)"]), 2);
    }

    #[test]
    fn a_ring_is_around_what_nothing_beats() {
        let chart = pareto(
            &[curve("a", "x", &[(1, 5.0, 9.0), (2, 8.0, 3.0)]), curve("b", "y", &[(1, 4.0, 8.0)])],
            Theme::Light,
        );
        let rings: Vec<Option<f64>> = rows(&chart).into_iter().map(|row| row[3]).collect();
        assert_eq!(rings, [Some(5.0), Some(8.0), None]);
    }
}
