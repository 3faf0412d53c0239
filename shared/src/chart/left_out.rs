//! Owns the chart of options left out: the factor of each to everything on, with its interval, on a log axis.
//! Must not know who draws it, nor how configurations are compared.

use super::definition::{Names, Series, VisualMap};
use super::theme::Theme;
use super::waterfall::{BAR, BETTER, Bars, LIMIT, MARK, WHISKER, name, shade};
use super::{ChartDefinition, frame};
use crate::compare::Figure;
use crate::statistics::Bounds;
use crate::study::Case;
use charming::datatype::CompositeValue;
use charming::element::{AxisType, DimensionEncode, Trigger};

/// Each option of the full configuration left out alone, under one load by one figure. A bar goes from one, which is
/// everything on, to the factor that is left without the option: of the colour of better or worse where that is significant,
/// grey where it is within noise or was not told.
#[must_use]
pub fn left_out(case: &Case, figure: Figure, theme: Theme) -> ChartDefinition {
    let key = figure.key();
    let ratio = |place: usize| case.without.get(place)?.against.get(&key)?.ratio.filter(|ratio| ratio.value > 0.0);
    let ratios: Vec<Option<Bounds>> = (0..case.without.len()).map(ratio).collect();
    let (floor, top) = extent(ratios.iter().flatten());
    let mut bars = Bars::new();
    for (place, (rung, ratio)) in case.without.iter().zip(&ratios).enumerate() {
        let Some(ratio) = ratio else { continue };
        bars.push(place, BAR, (ratio.value.min(1.0), ratio.value.max(1.0)), shade(rung, &key));
        bars.push(place, WHISKER, (ratio.low.max(floor), ratio.high.max(floor)), MARK);
    }
    let names = case.without.iter().map(|rung| name(&format!("without {}", rung.label), rung, &key)).collect();
    let encode = DimensionEncode::new()
        .x(CompositeValue::from(vec!["from", "to"]))
        .y(CompositeValue::from(vec!["place", "share"]))
        .tooltip(vec!["from", "to"]);
    let title = format!("{}, {}", figure.name(), case.name);
    let mut option = frame(theme, &title, "", "× everything on", AxisType::Value, Trigger::Item);
    // By twos: factors are seldom as far as a decade from one, and an axis of decades would have one line.
    option.x_axis = option.x_axis.type_(AxisType::Log).log_base(2.0).min(floor).max(top);
    option.y_axis = Names::of(names, theme);
    option.grid = option.grid.left(134);
    option.visual_map = Some(VisualMap::new(4, BETTER, LIMIT, theme.steps()));
    ChartDefinition { option: option.series(Series::spans(&figure.name(), encode)), data: bars.data() }
}

/// The powers of two around one and everything that is drawn. An interval can reach below zero, which no log axis shows.
fn extent<'a>(ratios: impl Iterator<Item = &'a Bounds>) -> (f64, f64) {
    let values = ratios.flat_map(|ratio| [ratio.value, ratio.low, ratio.high]).filter(|value| *value > 0.0);
    let (low, high) = values.fold((1.0f64, 1.0f64), |(low, high), value| (low.min(value), high.max(value)));
    (2f64.powf(low.log2().floor()).min(0.5), 2f64.powf(high.log2().ceil()).max(2.0))
}

#[cfg(test)]
mod tests {
    use super::super::waterfall::tests::{case, drawn};
    use super::super::waterfall::{NEITHER, WORSE};
    use super::*;

    /// A case whose options left out are the steps, each against the one before, of these figures.
    fn without(figures: &[Option<f64>]) -> Case {
        let mut case = case(figures);
        case.without = std::mem::take(&mut case.steps);
        case
    }

    #[test]
    fn bars_go_from_one_to_what_is_left() {
        let figure = Figure::parse("output_throughput").unwrap();
        let chart =
            left_out(&without(&[Some(1000.0), Some(100.0), None, Some(200.0), Some(201.0)]), figure, Theme::Dark);
        let bars: Vec<_> = drawn(&chart).into_iter().filter(|(.., shade)| *shade != MARK).collect();
        let places = |row: &[f64]| row[2];
        let of: Vec<f64> = chart.data.rows.chunks(5).map(places).collect();
        assert_eq!(of, [1.0, 1.0, 3.0, 3.0, 4.0, 4.0]);
        assert_eq!(bars, [(0.0, 1.0, WORSE), (1.0, 2.0, BETTER), (1.0, 1.0, NEITHER)]);
        let option = serde_json::to_string(&chart.option).unwrap();
        assert!(option.contains("without step 1\\n× 0.100 worse"), "{option}");
        assert!(option.contains("without step 2\\nnot measured"), "{option}");
        assert!(option.contains("latency-bound, × everything on"), "{option}");
    }

    #[test]
    fn the_axis_holds_one_and_every_factor() {
        let check = |low: f64, value: f64, high: f64, expect: (f64, f64)| {
            assert_eq!(extent([Bounds { value, low, high }].iter()), expect, "{value}");
        };
        check(0.9, 1.0, 1.1, (0.5, 2.0));
        check(0.08, 0.09, 0.1, (0.0625, 2.0));
        check(-0.2, 0.3, 5.0, (0.25, 8.0));
        assert_eq!(extent([].iter()), (0.5, 2.0));
    }
}
