//! Owns the charts over load levels: what each point came to.
//! Must not know who draws them.

use super::theme::{PALETTE, Theme};
use super::{ChartData, ChartDefinition, frame};
use charming::element::{AxisType, DimensionEncode, ItemStyle, LineStyle, Trigger};
use charming::series::Line;

use crate::view::RunView;

/// Output throughput against concurrency.
#[must_use]
pub fn throughput_by_level(view: &RunView, theme: Theme) -> ChartDefinition {
    let option = frame(theme, "Output throughput by requests in flight", "", "tok/s", AxisType::Value, Trigger::Axis)
        .series(
            Line::new()
                .name("output")
                .symbol_size(7)
                .encode(DimensionEncode::new().x("concurrency").y("tok/s"))
                .line_style(LineStyle::new().width(1.5).color(PALETTE[0]))
                .item_style(ItemStyle::new().color(PALETTE[0])),
        );
    let mut levels: Vec<_> =
        (view.points.iter()).map(|p| (p.concurrency, p.summary.as_ref().and_then(|s| s.output_throughput))).collect();
    levels.sort_unstable_by_key(|(level, _)| *level);
    let mut data = ChartData { dimensions: vec!["concurrency", "tok/s"], rows: Vec::new() };
    for (level, throughput) in levels {
        data.push(&[Some(f64::from(level)), throughput]);
    }
    ChartDefinition { option, data }
}
