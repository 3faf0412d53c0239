//! Owns the charts over load levels: what each point came to.
//! Must not know who draws them.

use super::theme::{PALETTE, Theme};
use super::{ChartData, ChartDefinition, frame, line};
use charming::element::{AxisType, Trigger};

use crate::view::RunView;

/// Output throughput against concurrency.
#[must_use]
pub fn throughput_by_level(view: &RunView, theme: Theme) -> ChartDefinition {
    let option = frame(theme, "Output throughput by requests in flight", "", "tok/s", AxisType::Value, Trigger::Axis)
        .series(line("concurrency", "tok/s", "output", PALETTE[0]).symbol_size(7));
    let mut levels: Vec<_> =
        (view.points.iter()).map(|p| (p.level.value(), p.summary.as_ref().and_then(|s| s.output_throughput))).collect();
    levels.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut data = ChartData::of(&["concurrency", "tok/s"]);
    for (level, throughput) in levels {
        data.push(&[Some(level), throughput]);
    }
    ChartDefinition { option, data }
}
