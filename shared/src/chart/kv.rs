//! Owns the charts of an engine's KV cache over run time: how full it is, and the requests that fill it.
//! Must not know who draws them.

use super::definition::Series;
use super::theme::{PALETTE, Theme};
use super::{ChartData, ChartDefinition, ChartOption, frame, legend};
use crate::telemetry::{KV_BYTES, KV_USED, KvCapacity, PREEMPTIONS, RUNNING, Signal, WAITING};
use crate::units::ns_to_s;
use crate::view::{RunView, TrackBin};
use charming::element::{AxisType, ItemStyle, LineStyleType, Trigger};
use std::collections::BTreeMap;

/// The source of an engine's own metrics.
const ENGINE: &str = "engine";
/// Bytes of a GiB.
const GIB: f64 = (1u64 << 30) as f64;

/// How full the KV cache is at its fullest in each stretch of time: in percent by the engine's own share, and what that
/// stands for; where it has no share, in GiB by what it measured of its tensors. A line at what the cache can hold, and
/// marks where the engine took memory away from requests. Nothing where the engine tells neither.
#[must_use]
pub fn kv_use(view: &RunView, theme: Theme) -> Option<ChartDefinition> {
    let used = bins(view, KV_USED);
    let (is_share, held) = if used.is_empty() { (false, bins(view, KV_BYTES)) } else { (true, used) };
    if held.is_empty() {
        return None;
    }
    let (unit, capacity) = (if is_share { "%" } else { "GiB" }, capacity(view));
    let full = if is_share { Some(100.0) } else { capacity.bytes.map(|bytes| bytes as f64 / GIB) };
    let preempted = bins(view, PREEMPTIONS);
    let mut data = ChartData::of(&["s", "in use", "tokens", "GiB", "capacity", "preempted", "requests"]);
    for bin in span(&[&held]) {
        let most = held.get(&bin).map(|of| of.max as f64);
        let share = most.filter(|_| is_share).map(|ppm| ppm / 1e6);
        let tokens = Option::zip(share, capacity.tokens).map(|(share, tokens)| share * tokens as f64);
        let bytes = match is_share {
            true => Option::zip(tokens, capacity.bytes_per_token).map(|(tokens, bytes)| tokens * bytes),
            false => most,
        };
        let value = if is_share { share.map(|share| share * 100.0) } else { bytes.map(|bytes| bytes / GIB) };
        let lost = preempted.get(&bin).map(|of| of.sum).filter(|lost| *lost > 0);
        data.push(&[
            Some(middle_s(view, bin)),
            value,
            tokens,
            bytes.map(|bytes| bytes / GIB),
            full,
            value.filter(|_| lost.is_some()),
            lost.map(|lost| lost as f64),
        ]);
    }
    let mark = ItemStyle::new().color(PALETTE[5]);
    let option = frame(theme, "KV cache", "s", unit, AxisType::Value, Trigger::Axis)
        .legend(legend(theme))
        .series(
            Series::line("s", "in use", "in use", PALETTE[0]).telling(&["in use", "tokens", "GiB"]).plain().filled(),
        )
        .series(Series::line("s", "capacity", "capacity", theme.text()).dashed(LineStyleType::Dashed).plain())
        .series(Series::scatter("s", "preempted", "preempted", mark).telling(&["requests"]).marked(8));
    Some(ChartDefinition { option, data })
}

/// Requests that the engine works on and that wait in it, at the most in each stretch of time; nothing where it tells
/// neither.
#[must_use]
pub fn kv_requests(view: &RunView, theme: Theme) -> Option<ChartDefinition> {
    let (running, waiting) = (bins(view, RUNNING), bins(view, WAITING));
    if running.is_empty() && waiting.is_empty() {
        return None;
    }
    let mut data = ChartData::of(&["s", "running", "waiting"]);
    for bin in span(&[&running, &waiting]) {
        let most = |of: &BTreeMap<u64, TrackBin>| of.get(&bin).map(|of| of.max as f64);
        data.push(&[Some(middle_s(view, bin)), most(&running), most(&waiting)]);
    }
    let option: ChartOption = frame(theme, "Requests in the engine", "s", "", AxisType::Value, Trigger::Axis)
        .legend(legend(theme))
        .series(Series::line("s", "running", "running", PALETTE[2]).plain().filled())
        .series(Series::line("s", "waiting", "waiting", PALETTE[1]).dashed(LineStyleType::Dashed).plain());
    Some(ChartDefinition { option, data })
}

/// One signal of the engine by the number of its bin.
fn bins(view: &RunView, signal: Signal) -> BTreeMap<u64, TrackBin> {
    let track = view.telemetry.track(ENGINE, signal.key);
    track.into_iter().flat_map(|track| track.bins()).map(|bin| (bin.bin, bin)).collect()
}

/// All bins from the first to the last one of any of these: one without a value is a gap.
fn span(tracks: &[&BTreeMap<u64, TrackBin>]) -> std::ops::RangeInclusive<u64> {
    let ends = || tracks.iter().flat_map(|track| track.keys().copied());
    ends().min().unwrap_or(1)..=ends().max().unwrap_or(0)
}

/// What the cache can hold, by the last figures; by the engine that answered last before there are any.
fn capacity(view: &RunView) -> KvCapacity {
    let summaries = view.trials.iter().rev().filter_map(|trial| trial.summary.as_ref());
    let measured = summaries.filter_map(|summary| summary.kv.as_ref()).map(|kv| kv.capacity).next();
    measured.or_else(|| view.engine.as_ref().map(KvCapacity::of)).unwrap_or_default()
}

/// The middle of a bin, s of run time.
fn middle_s(view: &RunView, bin: u64) -> f64 {
    let width_ns = view.telemetry.width_ns();
    ns_to_s(bin * width_ns + width_ns / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Capacity, EngineInfo};
    use crate::event::{Body, Event};
    use crate::telemetry::{Group, Samples};

    /// A view of reads 100 ms apart.
    fn view(signals: &[(Signal, &[i64])], kv_tokens: Option<u64>) -> RunView {
        let n = signals[0].1.len() as u64;
        let group = Group {
            at_ns: (0..n).map(|read| read * 100_000_000).collect(),
            took_ns: vec![1; n as usize],
            keys: signals.iter().map(|(signal, _)| signal.key.to_owned()).collect(),
            values: signals.iter().flat_map(|(_, values)| values.to_vec()).collect(),
        };
        let capacity = Capacity { kv_tokens, ..Capacity::default() };
        let ready = Body::EngineReady(Box::new(EngineInfo { capacity, ..EngineInfo::default() }));
        let samples = Samples { source: ENGINE.into(), groups: vec![group], dropped: 0 };
        let mut view = RunView::default();
        for (seq, body) in (1..).zip([ready, Body::Samples(samples)]) {
            view.apply(&Event { seq, t_ns: seq, body });
        }
        view
    }

    /// Gaps as `None`.
    fn rows(chart: &ChartDefinition) -> Vec<Vec<Option<f64>>> {
        let rows = chart.data.rows.chunks(chart.data.dimensions.len());
        rows.map(|row| row.iter().map(|value| Some(*value).filter(|value| !value.is_nan())).collect()).collect()
    }

    #[test]
    fn a_share_is_drawn_with_what_it_stands_for_and_preemptions_are_marked_on_it() {
        let view = view(&[(KV_USED, &[250_000, -1, 1_000_000]), (PREEMPTIONS, &[-10_003, 0, 2])], Some(1000));
        let chart = kv_use(&view, Theme::Light).unwrap();
        let expect = vec![
            vec![Some(0.05), Some(25.0), Some(250.0), None, Some(100.0), None, None],
            vec![Some(0.15), None, None, None, Some(100.0), None, None],
            vec![Some(0.25), Some(100.0), Some(1000.0), None, Some(100.0), Some(100.0), Some(2.0)],
        ];
        assert_eq!(rows(&chart), expect);
        let option = serde_json::to_string(&chart.option).unwrap();
        assert!(
            option.contains("KV cache, %") && option.contains(r#""tooltip":["in use","tokens","GiB"]"#),
            "{option}"
        );
    }

    #[test]
    fn without_a_share_measured_bytes_are_drawn_and_without_either_nothing() {
        let bytes = view(&[(KV_BYTES, &[1 << 30, 0])], None);
        let chart = kv_use(&bytes, Theme::Dark).unwrap();
        assert_eq!(rows(&chart)[0], [Some(0.05), Some(1.0), None, Some(1.0), None, None, None]);
        assert_eq!(rows(&chart)[1][1], Some(0.0));
        assert!(serde_json::to_string(&chart.option).unwrap().contains("KV cache, GiB"));
        assert!(kv_use(&view(&[(RUNNING, &[1])], None), Theme::Light).is_none());
    }

    #[test]
    fn requests_are_drawn_beside_and_what_is_not_told_is_a_gap() {
        let chart =
            kv_requests(&view(&[(RUNNING, &[3, -16, 5]), (WAITING, &[0, -16, 7])], None), Theme::Light).unwrap();
        let expect = [[Some(0.05), Some(3.0), Some(0.0)], [Some(0.15), None, None], [Some(0.25), Some(5.0), Some(7.0)]];
        assert_eq!(rows(&chart), expect);
        assert!(kv_requests(&view(&[(KV_USED, &[1])], None), Theme::Light).is_none());
    }
}
