//! Owns the proof that charts of tracks show what is known and leave out what is not.
//! Must not know how a chart is put on a page.

use super::*;
use crate::chart::{ChartDefinition, Theme};
use crate::event::Body;
use crate::event::Event;
use crate::telemetry::{Began, GpuFacts, Group, Samples, THROTTLED_BY_HEAT, Trouble, TroubleKind};
use crate::units::NS_PER_S;
use crate::view::{GpuSeen, RunView};

const GIB_BYTES: i64 = 1 << 30;

/// Reads a second apart, from this second on.
fn reads(source: &str, from: u64, columns: &[(Signal, &[i64])]) -> Body {
    let count = columns.iter().map(|(_, values)| values.len()).max().unwrap_or(0) as u64;
    let at_ns: Vec<u64> = (from..from + count).map(|second| second * NS_PER_S).collect();
    let group = Group {
        took_ns: vec![0; at_ns.len()],
        at_ns,
        keys: columns.iter().map(|(signal, _)| signal.key.to_owned()).collect(),
        values: columns.iter().flat_map(|(_, values)| values.iter().copied()).collect(),
    };
    Body::Samples(Samples { source: source.to_owned(), groups: vec![group], dropped: 0 })
}

fn began(uuids: &[&str]) -> Body {
    let facts = |uuid: &&str| GpuFacts {
        source: format!("gpu:{uuid}"),
        uuid: (*uuid).to_owned(),
        memory_bytes: Some(24 * GIB_BYTES as u64 - 9),
        ..GpuFacts::default()
    };
    Body::TelemetryBegan(Began { rate_hz: 1.0, gpus: uuids.iter().map(facts).collect(), no_gpus: None })
}

fn view(bodies: Vec<Body>, end_s: u64) -> RunView {
    let mut view = RunView { last_ns: end_s * NS_PER_S, ..RunView::default() };
    for (seq, body) in (1..).zip(bodies) {
        view.apply(&Event { seq, t_ns: 0, body });
    }
    view
}

fn drawn(name: &str, view: &RunView, shown: &[GpuSeen]) -> ChartDefinition {
    let all = GPU_CHARTS.iter().chain(ENGINE_CHARTS).chain(HOST_CHARTS);
    let chart = all.into_iter().find(|chart| chart.name == name).unwrap();
    chart.draw(&view.telemetry, view.last_ns, shown, Theme::Light)
}

/// Values of a column, gaps as `None`, to three digits.
fn column(chart: &ChartDefinition, name: &str) -> Vec<Option<f64>> {
    let data = &chart.data;
    let place =
        data.dimensions.iter().position(|of| of == name).unwrap_or_else(|| panic!("{name} in {:?}", data.dimensions));
    let of = |row: &[f64]| Some((row[place] * 1000.0).round() / 1000.0).filter(|value| !value.is_nan());
    data.rows.chunks(data.dimensions.len()).map(of).collect()
}

fn text(chart: &ChartDefinition) -> String {
    serde_json::to_string(&chart.option).unwrap()
}

#[test]
fn a_lost_gpu_is_a_gap_from_its_moment_on_and_is_marked() {
    let gpu = "gpu:GPU-aa11";
    let lost = Trouble { source: gpu.into(), at_ns: 4 * NS_PER_S, kind: TroubleKind::Lost, code: 15 };
    let back = Trouble { at_ns: 9 * NS_PER_S, kind: TroubleKind::Back, ..lost.clone() };
    let power = [200_000, 200_000, 100_000, 100_000, -16, -16, -16, -16, -16, 50_000, 50_000, 50_000];
    let bodies =
        vec![began(&["GPU-aa11"]), reads(gpu, 0, &[(POWER, &power)]), Body::Trouble(lost), Body::Trouble(back)];
    let view = view(bodies, 11);
    let chart = drawn("gpu-power", &view, &view.telemetry.gpus());
    // Bins of 1.6 s, so that each has a read.
    let some = |values: &[f64]| values.iter().map(|value| Some(*value)).collect::<Vec<_>>();
    assert_eq!(column(&chart, "from"), some(&[0.0, 1.6, 3.2, 4.8, 6.4, 8.0, 9.6]));
    // The read at 3 s is in the second bin.
    let expect = [Some(200.0), Some(100.0), None, None, None, Some(50.0), Some(50.0)];
    assert_eq!(column(&chart, "drawn"), expect);
    assert_eq!(column(&chart, "drawn, least"), expect);
    // What is not over ends now.
    assert_eq!(column(&chart, "to").last(), Some(&Some(11.0)));
    let option = text(&chart);
    assert!(option.contains(r#"{"xAxis":4.0,"name":"lost"},{"xAxis":9.0,"name":"back"}"#), "{option}");
}

#[test]
fn one_gpu_shows_all_its_signals_and_several_a_line_each() {
    let used = [12 * GIB_BYTES; 4];
    let one = |uuid: &str| {
        let engine = [9 * GIB_BYTES, 10 * GIB_BYTES, -1, -1];
        reads(&format!("gpu:{uuid}"), 0, &[(MEMORY_USED, &used), (ENGINE_MEMORY, &engine), (OTHERS_MEMORY, &[-1; 4])])
    };
    let view = view(vec![began(&["GPU-aa11", "GPU-bb22"]), one("GPU-aa11"), one("GPU-bb22")], 4);
    let gpus = view.telemetry.gpus();
    let chart = drawn("gpu-memory", &view, &gpus[..1]);
    // Nothing that this device does not have.
    assert_eq!(chart.data.dimensions, ["s", "from", "to", "used", "engine's"]);
    assert_eq!(column(&chart, "engine's"), [Some(9.5), None]);
    assert_eq!(column(&chart, "used"), [Some(12.0), Some(12.0)]);
    assert!(text(&chart).contains(r#""max":24.0"#), "{}", text(&chart));
    let both = drawn("gpu-memory", &view, &gpus);
    assert_eq!(both.data.dimensions, ["s", "from", "to", "aa11", "bb22"]);
    assert!(text(&both).contains("GPU memory: used, GiB"), "{}", text(&both));
    assert!(!text(&both).contains("legend"), "{}", text(&both));
    let none = drawn("gpu-memory", &view, &[]);
    assert!(none.data.rows.is_empty());
}

#[test]
fn clocks_that_were_held_down_have_a_strip_and_others_have_none() {
    let gpu = "gpu:GPU-aa11";
    let clocks: &[i64] = &[1980, 1980, 1200, 1200];
    let check = |held: &[i64], expect: Option<&[f64]>| {
        let view = view(vec![began(&["GPU-aa11"]), reads(gpu, 0, &[(SM_CLOCK, clocks), (THROTTLED_BY_HEAT, held)])], 4);
        let chart = drawn("gpu-clocks", &view, &view.telemetry.gpus());
        let is_told = chart.data.dimensions.iter().any(|name| name == "held by heat, %");
        assert_eq!(is_told, expect.is_some());
        assert_eq!(text(&chart).contains("strip"), expect.is_some());
        if let Some(expect) = expect {
            let found = column(&chart, "held by heat, %");
            assert_eq!(found.iter().flatten().copied().collect::<Vec<_>>(), expect);
        }
    };
    check(&[0, 0, 1, 1], Some(&[0.0, 100.0]));
    check(&[0, 1, 1, 1], Some(&[50.0, 100.0]));
    check(&[0; 4], None);
    check(&[-1; 4], None);
}

#[test]
fn only_what_is_known_has_a_chart() {
    let view = view(vec![reads("host", 0, &[(CPU_BUSY, &[500, 250]), (NET_RX, &[-1, -1])])], 2);
    let known = |charts: &[TrackChart]| -> Vec<&'static str> {
        charts.iter().filter(|chart| chart.is_known(&view.telemetry)).map(|chart| chart.name).collect()
    };
    assert_eq!(known(GPU_CHARTS), [""; 0]);
    assert_eq!(known(HOST_CHARTS), ["host-cpu"]);
    let chart = drawn("host-cpu", &view, &[]);
    assert_eq!((column(&chart, "all cores")[0], column(&chart, "all cores, most")[0]), (Some(37.5), Some(50.0)));
}

#[test]
fn what_a_counter_grew_by_is_a_rate() {
    let mib = 1 << 20;
    let view = view(vec![reads("host", 0, &[(NET_RX, &[-10_003, 3 * mib, 3 * mib, 3 * mib, 3 * mib])])], 5);
    let chart = drawn("host-network", &view, &[]);
    assert_eq!(column(&chart, "received").iter().flatten().copied().collect::<Vec<_>>(), [3.0; 3]);
}
