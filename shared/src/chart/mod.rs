//! Owns the charts: pure functions from a view to a definition of ECharts, made of charming's components, and its data.
//! Must not know who draws them; no clock, no element, no colours beyond the palette.

mod definition;
mod distribution;
mod gaps;
mod left_out;
mod levels;
mod live;
mod points;
mod requests;
mod theme;
mod tracks;
mod waterfall;

pub use definition::{ChartData, ChartDefinition, ChartOption};
pub use distribution::{Overlay, ecdf, first_points, histogram, measured_points};
pub use gaps::gap_map;
pub use left_out::left_out;
pub use levels::{curves, pareto};
pub use live::{Latency, in_flight, latency, throughput};
pub use points::{throughput_by_level, ttft_by_level};
pub use requests::{request_scatter, request_timeline};
pub use theme::{PALETTE, Theme};
pub use tracks::{ENGINE_CHARTS, GPU_CHARTS, HOST_CHARTS, MOST_GPUS, TrackChart, kv_use};
pub use waterfall::{left_out_height, waterfall, waterfall_height};

use definition::YAxis;

use charming::component::{Axis, Grid, Legend, Title};
use charming::element::{
    AxisLabel, AxisLine, AxisLineStyle, AxisPointer, AxisPointerType, AxisType, LineStyle, LineStyleType, NameLocation,
    SplitLine, TextStyle, Tooltip, Trigger,
};

/// The vertical axis of latencies: logarithmic where they span a decade, else from zero. `drawn` columns hold them.
fn latency_axis(data: &ChartData, drawn: std::ops::Range<usize>) -> AxisType {
    let rows = data.rows.chunks(data.dimensions.len().max(1));
    let values = rows.filter_map(|row| row.get(drawn.clone())).flatten().filter(|v| **v > 0.0);
    let (low, high) = values.fold((f64::INFINITY, 0.0f64), |(low, high), v| (low.min(*v), high.max(*v)));
    if high >= 10.0 * low { AxisType::Log } else { AxisType::Value }
}

/// A legend beside a short title, left of the page's button that saves the picture.
fn legend(theme: Theme) -> Legend {
    Legend::new().top(6).right(36).item_width(22).text_style(TextStyle::new().color(theme.text()).font_size(11))
}

/// A legend below the title: for one that is long, or many names, on a narrow screen.
fn with_legend_below(mut option: ChartOption, legend: Legend) -> ChartOption {
    option.legend = Some(legend.right("auto").left(8).top(26));
    option.grid = option.grid.top(62);
    option
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

/// What all charts share: title with the unit, axes, crosshair, no animation (a live chart must not wobble).
fn frame(theme: Theme, title: &str, x_unit: &str, unit: &str, y: AxisType, tip: Trigger) -> ChartOption {
    let title = if unit.is_empty() { title.to_owned() } else { format!("{title}, {unit}") };
    let crosshair = AxisPointer::new()
        .type_(AxisPointerType::Line)
        .animation(false)
        .line_style(LineStyle::new().color(theme.text()).type_(LineStyleType::Dashed));
    ChartOption {
        animation: false,
        title: Title::new()
            .text(title)
            .left(8)
            .top(6)
            .text_style(TextStyle::new().color(theme.text()).font_size(13).font_weight("600")),
        grid: Grid::new().left(52).right(20).top(40).bottom(28),
        tooltip: Tooltip::new()
            .trigger(tip)
            .axis_pointer(crosshair)
            .background_color(theme.surface())
            .border_color(theme.line())
            .padding((6, 8)),
        legend: None,
        x_axis: x_axis(theme, x_unit),
        y_axis: YAxis::Numbers(Box::new(
            Axis::new()
                .type_(y)
                .axis_label(AxisLabel::new().color(theme.text()))
                .split_number(4)
                .split_line(SplitLine::new().line_style(LineStyle::new().color(theme.line()))),
        )),
        visual_map: None,
        series: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_axis_needs_a_decade() {
        let check = |values: &[f64], expect: AxisType| {
            let rows = values.iter().flat_map(|v| [1.0, *v, f64::NAN, 1e9]).collect();
            let data = ChartData { rows, ..ChartData::of(&["s", "p50", "p90", "request"]) };
            assert_eq!(latency_axis(&data, 1..3), expect, "{values:?}");
        };
        check(&[], AxisType::Value);
        check(&[20.0, 90.0], AxisType::Value);
        check(&[20.0, 200.0], AxisType::Log);
        check(&[0.0, 3.0], AxisType::Value);
    }
}
