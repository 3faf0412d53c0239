//! Owns the charts of single requests: the scatter of a run, and one request as a token timeline.
//! Must not know who draws them.

use super::definition::Series;
use super::theme::{PALETTE, Theme};
use super::{ChartData, ChartDefinition, frame, latency_axis};
use crate::order;
use crate::units::{ns_to_ms, ns_to_s};
use crate::view::RunView;
use crate::wire::RequestTimeline;
use charming::element::{AxisType, ItemStyle, Trigger};

/// TTFT of a sample of requests by when they were sent; the third column is the request's number.
#[must_use]
pub fn request_scatter(view: &RunView, theme: Theme) -> ChartDefinition {
    let kept: Vec<_> = view.scatter.kept.iter().filter(|s| s.ttft_ns.is_some()).collect();
    let kept = order::by_key(kept, |s| (s.sent_ns, s.id));
    let mut data = ChartData::of(&["s", "TTFT", "request"]);
    for sample in kept {
        data.push(&[Some(ns_to_s(sample.sent_ns)), sample.ttft_ns.map(ns_to_ms), Some(sample.id as f64)]);
    }
    let option = frame(theme, "Requests: TTFT by time sent", "s", "ms", latency_axis(&data, 1..2), Trigger::Item)
        .series(Series::scatter("s", "TTFT", "request", ItemStyle::new().color(PALETTE[4]).opacity(0.7)).marked(5));
    ChartDefinition { option, data }
}

/// Output of one request over the time since it was sent, as a staircase: tokens where every chunk's count is
/// known, else chunks.
#[must_use]
pub fn request_timeline(timeline: &RequestTimeline, theme: Theme) -> ChartDefinition {
    let counted = timeline.chunks.iter().all(|(_, tokens)| tokens.is_some());
    let unit = if counted { "tokens" } else { "chunks" };
    let option = frame(theme, "One request", "ms since sent", unit, AxisType::Value, Trigger::Axis)
        .series(Series::line("ms", "output", unit, PALETTE[0]).stepped().marked(3));
    let mut data = ChartData::of(&["ms", "output"]);
    data.push(&[Some(0.0), Some(0.0)]);
    let mut output = 0.0;
    for (at_ns, tokens) in &timeline.chunks {
        output += if counted { f64::from(tokens.unwrap_or(0)) } else { 1.0 };
        data.push(&[Some(ns_to_ms(*at_ns)), Some(output)]);
    }
    ChartDefinition { option, data }
}
