//! Owns the reducer's property: fold of all equals fold of a snapshot plus the tail, at every cut, through bytes.
//! Must not know the agent.

use super::*;
use crate::caveat::Rule;
use crate::cost::Pricing;
use crate::engine::{
    Attention, Capacity, Experts, Gpu, GpuBounds, ImageInfo, ModelShape, ParamValue, Phase, StartPhase,
};
use crate::event::{RequestColumns, RequestSample, RestBin, TokenBin};
use crate::histogram::{GapHistogram, LogHistogram};
use crate::outcome::{Ended, Outcome};
use crate::search::SearchStop;
use crate::source::{Definition, SourceFile};
use crate::telemetry::{Began, GpuFacts, Group, Look, Observer, ProcessUse, Reader, Samples, Trouble, TroubleKind};
use crate::units::NS_PER_S;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

fn sample() -> impl Strategy<Value = RequestSample> {
    (0u64..500, 0u64..200_000_000_000, 0u64..9_000_000_000, any::<Option<u32>>(), 0usize..Outcome::ALL.len()).prop_map(
        |(id, sent_ns, long, ttft, outcome)| RequestSample {
            id,
            sent_ns,
            end_ns: sent_ns + long,
            ttft_ns: ttft.map(u64::from),
            tpot_ns: ttft.map(|t| u64::from(t) / 7),
            output_tokens: ttft.map(|t| t % 300),
            outcome: Outcome::ALL[outcome],
        },
    )
}

fn batch() -> impl Strategy<Value = Body> {
    let bins = prop::collection::vec((0u32..3000, 0u64..90_000, 0u64..5_000_000_000), 0..4);
    let rest = prop::collection::vec((0u32..3000, 0u32..50, 1u64..1_000_000_000), 0..3);
    (0u32..3, bins, prop::collection::vec(sample(), 0..9), rest, 0u32..99).prop_map(
        |(trial, bins, samples, rest, in_flight)| {
            let mut requests = RequestColumns::default();
            samples.iter().for_each(|s| requests.push(s));
            let bins = bins.into_iter().map(|(bin, millitokens, in_flight_ns)| {
                let mut gaps = GapHistogram::default();
                gaps.add(GapHistogram::bucket(in_flight_ns), 1 + bin);
                TokenBin { bin, millitokens, in_flight_ns, gaps }
            });
            let rest = rest.into_iter().map(|(bin, ok, ttft_ns)| {
                let mut ttft = LogHistogram::default();
                ttft.add(ttft_ns);
                RestBin { bin, ended: Ended { ok: ok.into(), failed: 1, cancelled: 2 }, tpot: ttft.clone(), ttft }
            });
            Body::Batch(Batch {
                trial,
                bins: bins.collect(),
                in_flight,
                waiting: in_flight / 2,
                requests,
                rest: rest.collect(),
            })
        },
    )
}

fn engine() -> impl Strategy<Value = Body> {
    (0u32..3, any::<bool>(), 1u64..1_000_000).prop_map(|(configuration, is_started, kv_tokens)| {
        let params =
            BTreeMap::from([("share".to_owned(), ParamValue::Float(0.9)), ("n".to_owned(), ParamValue::Int(1))]);
        let started = EngineInfo {
            params,
            command: vec!["serve".into(), "m".into()],
            image: Some(ImageInfo { name: "i:1".into(), digest: None }),
            gpus: vec![Gpu {
                name: Some("L4".into()),
                uuid: Some("GPU-1".into()),
                bounds: Some(GpuBounds { capability: Some((8, 9)), ..GpuBounds::default() }),
            }],
            shape: Some(ModelShape {
                attention: Attention::Window(4096),
                experts: Some(Experts { total: 8, active: 2, ..Experts::default() }),
                bytes_per_weight: Some(0.6),
                ..ModelShape::default()
            }),
            phases: vec![StartPhase { phase: Phase::Weights, begun_ms: 1.5 }],
            capacity: Capacity { kv_tokens: Some(kv_tokens), ..Capacity::default() },
            ..EngineInfo::default()
        };
        let info = if is_started { started } else { EngineInfo::default() };
        Body::EngineReady(Box::new(EngineInfo { configuration, ..info }))
    })
}

fn telemetry() -> impl Strategy<Value = Body> {
    let value = prop_oneof![3 => any::<u32>().prop_map(i64::from), 1 => Just(-1), 1 => Just(-16)];
    let samples = (0u8..3, prop::collection::vec((0u64..200_000_000_000, value), 0..9)).prop_map(|(gpu, reads)| {
        let group = Group {
            at_ns: reads.iter().map(|(at_ns, _)| *at_ns).collect(),
            took_ns: vec![7; reads.len()],
            keys: vec!["power".to_owned()],
            values: reads.iter().map(|(_, value)| *value).collect(),
        };
        Body::Samples(Samples { source: format!("gpu:{gpu}"), groups: vec![group], dropped: u64::from(gpu) })
    });
    let look = (0u64..9).prop_map(|at_ns| {
        let process = ProcessUse { pid: 7, name: Some("p".into()), busy: Some(5), ..ProcessUse::default() };
        Body::Look(Look { at_ns, source: "host".into(), processes: vec![process], cores: vec![1, 1000] })
    });
    let began = (1u32..20).prop_map(|hz| {
        let gpu = GpuFacts { uuid: "GPU-1".into(), memory_bytes: Some(1 << 40), ..GpuFacts::default() };
        Body::TelemetryBegan(Began { rate_hz: hz.into(), gpus: vec![gpu], no_gpus: None })
    });
    let trouble = prop_oneof![Just(TroubleKind::Lost), Just(TroubleKind::Back), Just(TroubleKind::Xid)]
        .prop_map(|kind| Body::Trouble(Trouble { source: "gpu:1".into(), at_ns: 4, kind, code: 15 }));
    let observer = (0u8..9, any::<Option<u32>>()).prop_map(|(name, cpu)| {
        let cpu_ns = cpu.map(u64::from);
        let reader = Reader { name: format!("r{name}"), period_ns: 9, cpu_ns, reads: 3, ..Reader::default() };
        Body::Observer(Observer { wall_ns: 100, readers: vec![reader] })
    });
    prop_oneof![4 => samples, 1 => look, 1 => began, 1 => trouble, 1 => observer]
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        6 => batch(),
        4 => telemetry(),
        1 => (0u32..3, 0u32..3).prop_map(|(trial, point)| Body::TrialStarted { trial, point, repeat: 0 }),
        1 => (0u32..3).prop_map(|trial| Body::WindowOpened { trial }),
        1 => prop::collection::vec("[a-z]{0,9}", 0..150).prop_map(|lines| Body::EngineLog { lines }),
        1 => Just(Body::State { state: RunState::Running, reason: None }),
        1 => Just(Body::Judged { findings: vec![], caveats: vec![Caveat::SharedCores] }),
        1 => (0u32..3, 1u32..99).prop_map(|(point, n)| Body::PointAdded { point, level: Level::Concurrency(n) }),
        1 => engine(),
        1 => (0u32..3).prop_map(|gpus| Body::Priced(Pricing { gpus: (gpus > 0).then_some(gpus), ..Pricing::default() })),
        1 => (0u32..7).prop_map(|percent| {
            Body::EngineStarting(Starting { phase: Phase::Download, percent: (percent > 0).then_some(percent as u8) })
        }),
        1 => prop::collection::vec(0u32..3, 0..3).prop_map(|points| {
            Body::Resumed { anchor_unix_ms: 9, host: Host::default(), agent_version: "1".into(), points }
        }),
        1 => (0u32..3).prop_map(|trial| {
            Body::TrialDone { trial, summary: Box::default(), blob: Some(format!("r-t{trial}")) }
        }),
        1 => (0u32..3).prop_map(|point| {
            Body::PointDone { point, summary: Box::default(), intervals: BTreeMap::new() }
        }),
        1 => (0u32..3).prop_map(|configuration| {
            let lines = vec!["fatal".into()];
            Body::EngineFailed { configuration, reason: "gone".into(), lines }
        }),
        1 => Just(Body::SearchDone(SearchEnd { answer: None, beyond: None, stop: SearchStop::NothingHolds })),
        1 => Just(Body::Imported(source())),
        1 => Just(Body::Unknown),
    ]
}

fn source() -> Source {
    let file = SourceFile { name: "a/run=0.json".into(), bytes: 9, sha256: "0f".into() };
    let definition = Definition { metric: "tpot".into(), says: "Another.".into() };
    Source { tool: "bench".into(), files: vec![file], definitions: vec![definition], ..Source::default() }
}

fn created() -> Body {
    Body::Created {
        run: RunId::new(1, 2),
        plan: Box::new(crate::preset::find("first").expect("the preset is valid")),
        anchor_unix_ms: 5,
        host: Host::default(),
        agent_version: "0".into(),
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(body(), 0..25).prop_map(move |bodies| {
        std::iter::once(created())
            .chain(bodies)
            .zip(1u64..)
            .map(|(body, seq)| Event { seq, t_ns: seq * 70_000_000, body })
            .collect()
    })
}

fn fold(view: RunView, events: &[Event]) -> RunView {
    events.iter().fold(view, |mut view, event| {
        view.apply(event);
        view
    })
}

/// Through MessagePack, read as the agent and the terminal read it, and by way of a tree of values as the page does.
fn through_bytes<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> T {
    let bytes = rmp_serde::to_vec_named(value).unwrap();
    let tree: serde_json::Value = rmp_serde::from_slice(&bytes).unwrap();
    let direct = rmp_serde::from_slice(&bytes).unwrap();
    assert_eq!(T::deserialize(tree).unwrap(), direct);
    direct
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn fold_of_all_equals_snapshot_plus_tail_at_every_cut(events in events()) {
        let all = fold(RunView::default(), &events);
        for cut in 0..=events.len() {
            let snapshot = through_bytes(&fold(RunView::default(), &events[..cut]));
            let tail: Vec<Event> = events[cut..].iter().map(through_bytes).collect();
            // A tail that overlaps the snapshot changes nothing.
            let overlap = &events[cut.saturating_sub(2)..cut];
            prop_assert_eq!(&fold(fold(snapshot, overlap), &tail), &all);
        }
    }

    #[test]
    fn series_depend_only_on_the_multiset(samples in prop::collection::vec(sample(), 0..60)) {
        let mut forward = Series::default();
        samples.iter().for_each(|s| forward.add_request(s));
        let mut backward = Series::default();
        samples.iter().rev().for_each(|s| backward.add_request(s));
        prop_assert_eq!(forward.width_pow, backward.width_pow);
        prop_assert_eq!(forward.bins, backward.bins);
    }
}

#[test]
fn an_unknown_kind_of_event_is_counted_and_the_rest_goes_on() {
    #[derive(serde::Serialize)]
    struct Future {
        seq: u64,
        t_ns: u64,
        body: &'static str,
    }
    let event: Event =
        rmp_serde::from_slice(&rmp_serde::to_vec_named(&Future { seq: 1, t_ns: 3, body: "telepathy" }).unwrap())
            .unwrap();
    assert_eq!(fold(RunView::default(), &[event]).unknown_events, 1);
}

/// A run of 3 trials, by requests or each of 1 s warm-up and 10 s; `ends` are lengths of trials that ended, s.
fn check_eta(by_requests: bool, ends: &[u64], under_way_s: Option<u64>, expect_s: Option<u64>) {
    let mut view = fold(RunView::default(), &[Event { seq: 1, t_ns: 0, body: created() }]);
    if let (true, Some(header)) = (by_requests, &mut view.header) {
        (header.plan.load.requests, header.plan.load.duration_s) = (Some(32), None);
    }
    for length_s in ends.iter().map(Some).chain(under_way_s.is_some().then_some(None)) {
        let started_ns = view.last_ns;
        view.last_ns += length_s.copied().or(under_way_s).unwrap_or(0) * NS_PER_S;
        view.trials.push(TrialView {
            point: 0,
            repeat: 0,
            started_ns,
            window_ns: None,
            ended_ns: length_s.map(|_| view.last_ns),
            ended: Ended::default(),
            summary: None,
            blob: None,
            engine: None,
            set_aside: false,
        });
    }
    assert_eq!(view.eta_ns().map(|ns| ns / NS_PER_S), expect_s, "{by_requests} {ends:?} {under_way_s:?}");
}

#[test]
fn time_left_is_told_as_soon_as_it_is_known() {
    check_eta(false, &[], None, Some(33));
    check_eta(false, &[], Some(5), Some(28));
    check_eta(false, &[], Some(60), Some(22));
    check_eta(false, &[13], Some(3), Some(23));
    check_eta(true, &[], Some(5), None);
    check_eta(true, &[8, 12], Some(4), Some(6));
}

#[test]
fn only_a_run_that_came_to_its_end_without_a_finding_is_valid() {
    let found = Finding { point: 0, rule: Rule::ClientBusy { busy: 1.0 } };
    let check = |findings: &[Finding], state: RunState, expect: Verdict| {
        let judged = Body::Judged { findings: findings.to_vec(), caveats: vec![] };
        let mut view = RunView::default();
        assert_eq!(view.verdict(), None);
        for (seq, body) in (1..).zip([judged, Body::State { state, reason: None }]) {
            view.apply(&Event { seq, t_ns: seq, body });
        }
        assert_eq!(view.verdict(), Some(expect), "{findings:?} {state:?}");
    };
    check(&[], RunState::Running, Verdict::NotJudged);
    check(&[], RunState::Cancelled, Verdict::NotJudged);
    check(&[], RunState::Done, Verdict::Valid);
    let found = [found];
    check(&found, RunState::Running, Verdict::Doubtful);
    check(&found, RunState::Done, Verdict::Doubtful);
}

#[test]
fn what_another_tool_measured_is_never_valid() {
    let mut view =
        RunView { source: Some(source()), points: vec![PointView::at(Level::Concurrency(1))], ..RunView::default() };
    view.points[0].summary = Some(Summary::default());
    (view.findings, view.state) = (Some(Vec::new()), Some((RunState::Done, 5)));
    assert_eq!((view.verdict(), view.verdict_of_point(0)), (Some(Verdict::NotJudged), Verdict::NotJudged));
    view.findings = Some(vec![Finding { point: 0, rule: Rule::TooFewSamples { n: 9, needed: 100 } }]);
    assert_eq!((view.verdict(), view.verdict_of_point(0)), (Some(Verdict::Doubtful), Verdict::Doubtful));
}

#[test]
fn a_point_is_judged_once_it_is_measured_and_by_its_own_findings() {
    let levels = [Level::Concurrency(1), Level::Concurrency(2), Level::Concurrency(4)];
    let points = levels.into_iter().map(PointView::at);
    let mut view = RunView { points: points.collect(), ..RunView::default() };
    view.points[0].summary = Some(Summary::default());
    view.points[1].summary = Some(Summary::default());
    view.findings = Some(vec![Finding { point: 1, rule: Rule::ClientBusy { busy: 1.0 } }]);
    let verdicts = [0, 1, 2, 9].map(|point| view.verdict_of_point(point));
    assert_eq!(verdicts, [Verdict::Valid, Verdict::Doubtful, Verdict::NotJudged, Verdict::NotJudged]);
}

/// A view of points of two configurations with two levels each, in which these have figures and these engines failed.
fn stopped(measured: &[usize], failed: &[u32], state: RunState) -> RunView {
    let mut view = fold(RunView::default(), &[Event { seq: 1, t_ns: 0, body: created() }]);
    view.points = (0..4).map(|n| PointView { configuration: n / 2, ..PointView::at(Level::Concurrency(n)) }).collect();
    measured.iter().for_each(|point| view.points[*point].summary = Some(Summary::default()));
    let failure =
        |configuration: &u32| EngineFailure { configuration: *configuration, reason: String::new(), lines: vec![] };
    view.failures = failed.iter().map(failure).collect();
    view.state = Some((state, 5));
    view
}

#[test]
fn what_is_left_to_measure_has_no_figures_and_no_failure_that_is_a_result() {
    let check = |measured: &[usize], failed: &[u32], expect: &[u32]| {
        assert_eq!(stopped(measured, failed, RunState::Interrupted).unfinished(), expect, "{measured:?} {failed:?}");
    };
    check(&[], &[], &[0, 1, 2, 3]);
    check(&[0, 1], &[], &[2, 3]);
    check(&[1], &[], &[0, 2, 3]);
    check(&[0], &[0], &[2, 3]);
    check(&[2, 3], &[0], &[]);
    check(&[], &[0, 1], &[0, 1, 2, 3]);
    check(&[0], &[0, 1], &[1, 2, 3]);
    let may = |state| stopped(&[], &[], state).is_resumable();
    assert!(may(RunState::Interrupted) && may(RunState::Cancelled) && may(RunState::Failed));
    assert!(!may(RunState::Done) && !may(RunState::Queued) && !may(RunState::Running));
}

#[test]
fn a_run_that_goes_on_keeps_what_was_finished_and_sets_the_rest_aside() {
    let mut view = stopped(&[0], &[1], RunState::Failed);
    let bodies = [
        Body::EngineReady(Box::default()),
        Body::TrialStarted { trial: 0, point: 0, repeat: 0 },
        Body::TrialDone { trial: 0, summary: Box::default(), blob: None },
        Body::PointDone { point: 0, summary: Box::default(), intervals: BTreeMap::new() },
        Body::TrialStarted { trial: 1, point: 1, repeat: 0 },
        Body::State { state: RunState::Interrupted, reason: Some("gone".into()) },
        Body::Resumed { anchor_unix_ms: 77, host: Host::default(), agent_version: "2".into(), points: vec![1, 2] },
        Body::EngineReady(Box::default()),
        Body::TrialStarted { trial: 2, point: 1, repeat: 0 },
        Body::TrialDone { trial: 2, summary: Box::default(), blob: None },
        Body::PointDone { point: 1, summary: Box::default(), intervals: BTreeMap::new() },
    ];
    for (seq, body) in (2..).zip(bodies) {
        view.apply(&Event { seq, t_ns: seq * 10, body });
    }
    let aside: Vec<bool> = view.trials.iter().map(|trial| trial.set_aside).collect();
    assert_eq!(aside, [false, true, false]);
    // The one that was cut off has ended, and counts no more than if it had not been begun.
    assert_eq!((view.trials[1].ended_ns, view.progress().0), (Some(80), 2));
    assert_eq!((view.run_state(), view.reason.as_deref(), view.failures.len()), (RunState::Queued, None, 0));
    // Each point names the engine that it was measured on.
    let engines: Vec<&[u32]> = view.points.iter().map(|point| &point.engines[..]).collect();
    assert_eq!(engines[..2], [&[0][..], &[1]]);
    let resumptions: Vec<(u64, u64)> = view.resumptions.iter().map(|r| (r.t_ns, r.anchor_unix_ms)).collect();
    assert_eq!(resumptions, [(80, 77)]);
}
