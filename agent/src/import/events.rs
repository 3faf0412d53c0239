//! Owns how trials become the events of a run, on a time axis as far as their times are known.
//! Must not know any format, nor where events are stored.

use super::group::{Group, Told};
use super::trial::Trial;
use super::{pool, remarks};
use crate::orchestrate::created;
use shared::event::{Body, RunState};
use shared::ids::{PointIndex, RunId, TrialIndex};
use shared::plan::{Arrival, EnginePlan, Gpus, Lengths, Level, LoadPlan, Plan, RampPlan, SCHEMA, WorkloadPlan};
use shared::source::{Source, SourceFile};
use shared::summary::Summary;
use shared::telemetry::Began;
use shared::units::{NS_PER_MS, s_to_ns};
use std::collections::BTreeMap;

/// Most points of a run, as a plan may have.
const MAX_POINTS: usize = 512;
/// Longest time axis: a year. Of trials further apart the times are left out.
const MAX_SPAN_MS: u64 = 366 * 86_400_000;

/// An event before it is stored: run time in ns, and what happened.
pub(super) type Item = (u64, Body);

/// The events of a group's run, created now.
///
/// # Errors
/// A sentence where it has more levels than a run can.
pub(super) fn events(run: &RunId, now_unix_ms: u64, group: &Group, files: &[SourceFile]) -> Result<Vec<Item>, String> {
    let levels = group.levels();
    if levels.len() > MAX_POINTS {
        return Err(format!("There are {} levels in it, more than the {MAX_POINTS} of a run.", levels.len()));
    }
    let (anchor_unix_ms, begun_ns) = times(group, now_unix_ms);
    let plan = plan(group, &levels, files);
    let created = created(run, &plan, anchor_unix_ms);
    let mut items = vec![(0, created), (0, Body::Imported(source(group, files)))];
    // In the order of their times, in which they ran.
    let mut order: Vec<(u64, &Told)> = begun_ns.into_iter().zip(&group.trials).collect();
    order.sort_by_key(|(begun_ns, _)| *begun_ns);
    let mut points: BTreeMap<PointIndex, Vec<&Trial>> = BTreeMap::new();
    let (mut findings, mut trial) = (Vec::new(), 0);
    let mut last_ns = 0;
    for (begun_ns, Told { trial: told, .. }) in order {
        let end_ns = begun_ns.saturating_add(s_to_ns(told.summary.window_s));
        last_ns = last_ns.max(end_ns);
        items.extend(watched(told, begun_ns));
        let Some(point) = told.level.and_then(|level| place(&levels, level)) else { continue };
        let of_point = points.entry(point).or_default();
        items.extend(trial_events(told, trial, point, of_point.len() as u32, begun_ns, end_ns));
        of_point.push(told);
        trial += 1;
    }
    for (point, trials) in points {
        let summary = pool::pooled(&trials);
        let level = levels[point as usize];
        let requests = trials.iter().filter_map(|trial| trial.requests).max();
        findings.extend(remarks::findings(point, level, &plan, requests, &summary));
        let intervals = pool::intervals(&trials);
        items.push((last_ns, Body::PointDone { point, summary: Box::new(summary), intervals }));
    }
    items.push((last_ns, Body::Judged { findings, caveats: remarks::caveats(group) }));
    items.push((last_ns, Body::State { state: RunState::Done, reason: None }));
    // Stable: what happened at one time stays in the order in which it was said.
    items.sort_by_key(|(t_ns, _)| *t_ns);
    Ok(items)
}

fn place(levels: &[Level], level: Level) -> Option<PointIndex> {
    (0..).zip(levels).find(|(_, known)| **known == level).map(|(place, _)| place)
}

fn trial_events(
    told: &Trial,
    trial: TrialIndex,
    point: PointIndex,
    repeat: u32,
    begun_ns: u64,
    end_ns: u64,
) -> [Item; 3] {
    let summary = Summary { window_start_ns: begun_ns, ..told.summary.clone() };
    [
        (begun_ns, Body::TrialStarted { trial, point, repeat }),
        (begun_ns, Body::WindowOpened { trial }),
        (end_ns, Body::TrialDone { trial, summary: Box::new(summary), blob: None }),
    ]
}

/// Wall clock at run time 0, and when each trial began, ns of run time. Where a time is unknown, trials stand one after
/// the other as their levels and numbers do.
fn times(group: &Group, now_unix_ms: u64) -> (u64, Vec<u64>) {
    let trials = || group.trials.iter().map(|told| &told.trial);
    let known: Option<Vec<u64>> = trials().map(|trial| trial.begun.unix_ms).collect();
    if let Some(known) = known
        && let (Some(first), Some(last)) = (known.iter().min().copied(), known.iter().max())
        && last - first <= MAX_SPAN_MS
    {
        return (first, known.iter().map(|at| (at - first) * NS_PER_MS).collect());
    }
    let mut order: Vec<usize> = (0..group.trials.len()).collect();
    let key =
        |at: &usize| group.trials.get(*at).map(|told| (told.trial.level.map_or(0.0, Level::value), told.trial.repeat));
    order.sort_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal));
    let mut begun_ns = vec![0; group.trials.len()];
    let mut next_ns: u64 = 0;
    for at in order {
        begun_ns[at] = next_ns;
        next_ns = next_ns.saturating_add(s_to_ns(group.trials[at].trial.summary.window_s));
    }
    (now_unix_ms, begun_ns)
}

/// What was read of the machine during a trial.
fn watched(trial: &Trial, begun_ns: u64) -> Vec<Item> {
    let Some(watched) = &trial.watched else { return Vec::new() };
    let began = Began { rate_hz: watched.rate_hz, gpus: watched.gpu.iter().cloned().collect(), no_gpus: None };
    let mut items = vec![(begun_ns, Body::TelemetryBegan(began))];
    for reads in &watched.reads {
        let mut reads = reads.clone();
        let stamps = reads.groups.iter_mut().flat_map(|group| &mut group.at_ns);
        let last_ns = stamps.fold(begun_ns, |last_ns, at_ns| {
            *at_ns = at_ns.saturating_add(begun_ns);
            last_ns.max(*at_ns)
        });
        items.push((last_ns, Body::Samples(reads)));
    }
    items
}

fn source(group: &Group, files: &[SourceFile]) -> Source {
    let kin = &group.kin;
    let summaries = || group.trials.iter().map(|told| &told.trial.summary);
    let has = |metric: &str| summaries().any(|summary| has_figure(summary, metric));
    Source {
        tool: kin.tool.name.to_owned(),
        version: kin.version.clone(),
        engine: kin.engine_word.clone(),
        files: group.files().into_iter().filter_map(|place| files.get(place).cloned()).collect(),
        definitions: kin.tool.definitions(has),
    }
}

/// Whether a summary has the figure of a metric's key.
fn has_figure(summary: &Summary, metric: &str) -> bool {
    match metric {
        "ttft" => summary.ttft.mean_ms.is_some(),
        "ttfv" => summary.ttfv.mean_ms.is_some(),
        "tpot" => summary.tpot.mean_ms.is_some(),
        "chunk_gap" => summary.chunk_gap.mean_ms.is_some(),
        "e2e" => summary.e2e.mean_ms.is_some(),
        "output_throughput" => summary.output_throughput.is_some(),
        "total_throughput" => summary.total_throughput.is_some(),
        "request_throughput" => summary.request_throughput.is_some(),
        "in_flight" => summary.in_flight_mean.is_some(),
        _ => false,
    }
}

/// The plan as far as the files tell: it says what was done, and would have to be completed to be executed.
fn plan(group: &Group, levels: &[Level], files: &[SourceFile]) -> Plan {
    let kin = &group.kin;
    let first = group.files().first().and_then(|place| files.get(*place)).map_or("", |file| file.name.as_str());
    let fixed = |tokens: Option<u32>| tokens.map(Lengths::Fixed);
    let requests: Vec<Option<u32>> = group.trials.iter().map(|told| told.trial.requests).collect();
    let of_level = |read: fn(Level) -> Option<f64>| levels.iter().filter_map(|level| read(*level)).collect::<Vec<_>>();
    let ramp = levels.iter().find_map(|level| match level {
        Level::Ramp { from, to } => Some(RampPlan { from_rate: *from, to_rate: *to, curve: Default::default() }),
        _ => None,
    });
    let count = |key: &str| kin.params.get(key).and_then(|value| value.to_string().parse::<u32>().ok());
    Plan {
        schema: SCHEMA,
        name: group.name(first),
        engine: EnginePlan {
            model: kin.model.clone(),
            params: kin.params.clone(),
            gpus: count("tensor_parallel_size").map(Gpus::Count),
            ..EnginePlan::of(kin.engine)
        },
        workload: WorkloadPlan {
            input_tokens: fixed(kin.input_tokens),
            prompts: None,
            file: None,
            output_tokens: fixed(kin.output_tokens),
            prefix: None,
            sessions: None,
            // None of these tools adds one, and which force the length their files do not say.
            ignore_eos: false,
            nonce: false,
            seed: 0,
        },
        load: LoadPlan {
            arrival: kin.arrival,
            concurrency: levels.iter().filter_map(|level| level.in_flight()).collect(),
            rate: of_level(|level| if let Level::Rate(rate) = level { Some(rate) } else { None }),
            burstiness: kin.burstiness,
            ramp: ramp.filter(|_| kin.arrival == Arrival::Ramp),
            trace: None,
            max_in_flight: kin.max_in_flight,
            search: None,
            requests: requests.first().copied().flatten().filter(|n| requests.iter().all(|of| *of == Some(*n))),
            requests_per_slot: None,
            duration_s: None,
            warmup_s: 0.0,
            trials: most_repeats(group, levels),
            timeout_s: LoadPlan::TIMEOUT_S,
            drain_s: LoadPlan::DRAIN_S,
        },
        slo: None,
        cost: None,
        telemetry: None,
    }
}

fn most_repeats(group: &Group, levels: &[Level]) -> u32 {
    let of = |level: &Level| group.trials.iter().filter(|told| told.trial.level == Some(*level)).count();
    u32::try_from(levels.iter().map(of).max().unwrap_or(1)).unwrap_or(u32::MAX)
}
