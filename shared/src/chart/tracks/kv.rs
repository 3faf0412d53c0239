//! Owns the chart of an engine's KV cache over run time: how full it is, and when it took memory away from requests.
//! Must not know who draws it.

use super::column::Column;
use super::drawn::stretch_s;
use crate::chart::definition::Series;
use crate::chart::live::has_lone_point;
use crate::chart::theme::{PALETTE, Theme};
use crate::chart::{ChartData, ChartDefinition, frame, legend};
use crate::telemetry::{KV_BYTES, KV_USED, KvCapacity, PREEMPTIONS, Signal};
use crate::view::{RunView, Telemetry, Track};
use charming::element::{AxisType, ItemStyle, LineStyleType, Trigger};

/// How full the KV cache is at its fullest in each stretch of time: in percent by the engine's own share, and what that
/// stands for; where it has no share, in GiB by what it measured of its tensors. A line at what the cache can hold, and
/// marks where the engine took memory away from requests. Nothing where the engine tells neither.
#[must_use]
pub fn kv_use(view: &RunView, theme: Theme) -> Option<ChartDefinition> {
    let column = |signal: Signal| Column::of(track(view, signal)?, signal.kind, view.telemetry.width_ns());
    let used = column(KV_USED);
    let is_share = used.is_some();
    let held = used.or_else(|| column(KV_BYTES))?;
    let (unit, capacity) = (if is_share { "%" } else { "GiB" }, capacity(view));
    let full = if is_share { Some(100.0) } else { capacity.bytes.map(|bytes| bytes as f64 / super::GIB) };
    let mut data = ChartData::of(&["s", "in use", "tokens", "GiB", "capacity", "preempted", "requests"]);
    let (first, last) = held.ends(held.shift)?;
    for bin in first..=last {
        let [middle_s, ..] = stretch_s(bin, view.telemetry.width_ns() << held.shift, view.last_ns);
        let most = held.at(bin, held.shift).map(|cell| cell.max);
        let share = most.filter(|_| is_share).map(|ppm| ppm / 1e6);
        let tokens = Option::zip(share, capacity.tokens).map(|(share, tokens)| share * tokens as f64);
        let bytes = match is_share {
            true => Option::zip(tokens, capacity.bytes_per_token).map(|(tokens, bytes)| tokens * bytes),
            false => most,
        };
        let value = if is_share { share.map(|share| share * 100.0) } else { bytes.map(|bytes| bytes / super::GIB) };
        let lost = preempted(view, bin, held.shift);
        data.push(&[
            Some(middle_s),
            value,
            tokens,
            bytes.map(|bytes| bytes / super::GIB),
            full,
            value.filter(|_| lost > 0),
            (lost > 0).then_some(lost as f64),
        ]);
    }
    let mark = ItemStyle::new().color(PALETTE[5]);
    let line = Series::line("s", "in use", "in use", PALETTE[0]).telling(&["in use", "tokens", "GiB"]).filled();
    let mut option = frame(theme, "KV cache", "s", unit, AxisType::Value, Trigger::Axis)
        .legend(legend(theme).item_width(12).item_gap(8))
        .series(if has_lone_point(&data, 1) { line.marked(3) } else { line.plain() })
        .series(Series::line("s", "capacity", "capacity", theme.text()).dashed(LineStyleType::Dashed).plain())
        .series(Series::scatter("s", "preempted", "preempted", mark).telling(&["requests"]).marked(8));
    option.y_axis = option.y_axis.with(|axis| match is_share {
        true => axis.max(100.0).interval(50.0),
        false => axis.split_number(3),
    });
    Some(ChartDefinition { option, data })
}

fn track(view: &RunView, signal: Signal) -> Option<&Track> {
    view.telemetry.track(Telemetry::ENGINE, signal.key)
}

/// Requests whose memory was taken away in a bin of a wider grid.
fn preempted(view: &RunView, bin: u64, shift: u32) -> u64 {
    let bins = track(view, PREEMPTIONS).into_iter().flat_map(Track::bins);
    bins.filter(|of| of.bin >> shift == bin).map(|of| of.sum).sum()
}

/// What the cache can hold, by the last figures; by the engine that answered last before there are any.
fn capacity(view: &RunView) -> KvCapacity {
    let summaries = view.trials.iter().rev().filter_map(|trial| trial.summary.as_ref());
    let measured = summaries.filter_map(|summary| summary.kv.as_ref()).map(|kv| kv.capacity).next();
    measured.or_else(|| view.engine.as_ref().map(KvCapacity::of)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Capacity, EngineInfo};
    use crate::event::{Body, Event};
    use crate::telemetry::{Group, RUNNING, Samples};
    use crate::units::NS_PER_S;

    /// A view of reads a second apart, as of a second after the last.
    fn view(signals: &[(Signal, &[i64])], kv_tokens: Option<u64>) -> RunView {
        let n = signals[0].1.len() as u64;
        let group = Group {
            at_ns: (0..n).map(|read| read * NS_PER_S).collect(),
            took_ns: vec![1; n as usize],
            keys: signals.iter().map(|(signal, _)| signal.key.to_owned()).collect(),
            values: signals.iter().flat_map(|(_, values)| values.to_vec()).collect(),
        };
        let capacity = Capacity { kv_tokens, ..Capacity::default() };
        let ready = Body::EngineReady(Box::new(EngineInfo { capacity, ..EngineInfo::default() }));
        let samples = Samples { source: Telemetry::ENGINE.into(), groups: vec![group], dropped: 0 };
        let mut view = RunView { last_ns: n * NS_PER_S, ..RunView::default() };
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
        let view = view(
            &[(KV_USED, &[200_000, 250_000, -1, -1, 1_000_000]), (PREEMPTIONS, &[-10_003, 0, 0, 0, 2])],
            Some(1000),
        );
        let chart = kv_use(&view, Theme::Light).unwrap();
        let expect = vec![
            vec![Some(0.8), Some(25.0), Some(250.0), None, Some(100.0), None, None],
            vec![Some(2.4), None, None, None, Some(100.0), None, None],
            vec![Some(4.0), Some(100.0), Some(1000.0), None, Some(100.0), Some(100.0), Some(2.0)],
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
        let bytes = view(&[(KV_BYTES, &[1 << 30, 1 << 30, 0])], None);
        let chart = kv_use(&bytes, Theme::Dark).unwrap();
        assert_eq!(rows(&chart)[0], [Some(0.8), Some(1.0), None, Some(1.0), None, None, None]);
        assert_eq!(rows(&chart)[1][1], Some(0.0));
        assert!(serde_json::to_string(&chart.option).unwrap().contains("KV cache, GiB"));
        assert!(kv_use(&view(&[(RUNNING, &[1])], None), Theme::Light).is_none());
    }
}
