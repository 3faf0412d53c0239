//! Owns the charts: pure functions from a view to a charming definition and its data.
//! Must not know who draws them; no clock, no element, no colours beyond the palette.

mod live;
mod points;
mod requests;
mod theme;

pub use live::{Latency, in_flight, latency, throughput};
pub use points::throughput_by_level;
pub use requests::{request_scatter, request_timeline};
pub use theme::{PALETTE, Theme};

use charming::Chart;
use charming::component::{Axis, Grid, Title};
use charming::element::{
    AxisLabel, AxisLine, AxisLineStyle, AxisType, LineStyle, NameLocation, SplitLine, TextStyle, Tooltip, Trigger,
};

/// A chart: the static definition, and the data that a live chart appends to.
pub struct ChartDefinition {
    /// Definition without data: axes, series, names.
    pub option: charming::Chart,
    /// The data.
    pub data: ChartData,
}

/// Row-major data for one dataset; a gap is NaN, which no file ever holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChartData {
    /// Column names.
    pub dimensions: Vec<&'static str>,
    /// Rows after one another, each as long as `dimensions`.
    pub rows: Vec<f64>,
}

impl ChartData {
    fn push(&mut self, row: &[Option<f64>]) {
        self.rows.extend(row.iter().map(|v| v.unwrap_or(f64::NAN)));
    }
}

/// Axis along the bottom.
fn x_axis(theme: Theme, name: &str) -> Axis {
    Axis::new()
        .type_(AxisType::Value)
        .name(name)
        .name_location(NameLocation::End)
        .name_text_style(TextStyle::new().color(theme.text()).align("right"))
        .name_gap(18)
        .axis_label(AxisLabel::new().color(theme.text()))
        .axis_line(AxisLine::new().line_style(AxisLineStyle::new().color((1.0, theme.line()))))
        .split_line(SplitLine::new().show(false))
}

/// What all charts share: title, axes with units, crosshair, no animation (a live chart must not wobble).
fn frame(theme: Theme, title: &str, x_unit: &str, unit: &str, y: AxisType) -> Chart {
    Chart::new()
        .animation(false)
        .title(
            Title::new()
                .text(title)
                .subtext(unit)
                .item_gap(2)
                .text_style(TextStyle::new().color(theme.text()).font_size(13).font_weight("600"))
                .subtext_style(TextStyle::new().color(theme.text()).font_size(11)),
        )
        .grid(Grid::new().left(52).right(16).top(48).bottom(28))
        .tooltip(Tooltip::new().trigger(Trigger::Axis))
        .x_axis(x_axis(theme, x_unit))
        .y_axis(
            Axis::new()
                .type_(y)
                .axis_label(AxisLabel::new().color(theme.text()))
                .split_number(4)
                .split_line(SplitLine::new().line_style(LineStyle::new().color(theme.line()))),
        )
}
