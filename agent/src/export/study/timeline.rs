//! Owns the timelines of device memory and KV cache during one trial, in the shapes of the published study's scripts.
//! Must not know where reads come from. A read without a value is left out, and never zero.

use super::StudyRun;
use serde::Serialize;
use shared::engine::EngineKind;
use shared::event::Body;
use shared::ids::RunId;
use shared::source::Source;
use shared::telemetry::{Field, KV_USED, MEMORY_USED, Signal};
use shared::units::{NS_PER_S, ns_to_s};
use shared::view::Telemetry;
use std::collections::BTreeMap;

/// Most reads of a source that are kept: what an import takes.
const MAX_READS: usize = 200_000;
/// `nvidia-smi` calls it MB.
const MIB: f64 = 1_048_576.0;
/// What tells these files from those of the study's own scripts.
const TOOL: &str = Source::OWN;

/// Every read of the signals that timelines are of, in order of time: when, ns of run time, and what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reads {
    cache: Vec<(u64, u64)>,
    memory: BTreeMap<String, Vec<(u64, u64)>>,
}

impl Reads {
    /// Takes what an event says of them.
    pub fn take(&mut self, body: &Body) {
        let Body::Samples(samples) = body else { return };
        for group in &samples.groups {
            for (signal, column) in group.columns() {
                let is_of = |wanted: Signal| signal == wanted.key;
                let list = if is_of(KV_USED) && samples.source == Telemetry::ENGINE {
                    &mut self.cache
                } else if is_of(MEMORY_USED) && samples.source.starts_with("gpu:") {
                    self.memory.entry(samples.source.clone()).or_default()
                } else {
                    continue;
                };
                let values =
                    group.at_ns.iter().zip(column).filter_map(|(at, wire)| Some((*at, Field::of_wire(*wire).value()?)));
                list.extend(values.take(MAX_READS.saturating_sub(list.len())));
            }
        }
    }

    /// Brings them in order of time, in which events need not be.
    pub fn sort(&mut self) {
        self.cache.sort_unstable();
        self.memory.values_mut().for_each(|reads| reads.sort_unstable());
    }
}

/// The stretch of a run that a timeline is of.
struct Stretch {
    from_ns: u64,
    to_ns: u64,
    /// The trial, by its place among those of the form; the whole run where it has none.
    trial: Option<usize>,
}

/// The first trial of the highest level.
fn stretch(run: &StudyRun) -> Stretch {
    let trials = &run.form.trials;
    let level = |at: usize| run.form.points.get(trials[at].point as usize).map_or(0.0, |point| point.level.value());
    let highest = (0..trials.len()).reduce(|best, at| if level(at) > level(best) { at } else { best });
    let whole = Stretch { from_ns: 0, to_ns: u64::MAX, trial: None };
    highest.map_or(whole, |at| Stretch {
        from_ns: trials[at].started_ns.unwrap_or(0),
        to_ns: trials[at].ended_ns.unwrap_or(u64::MAX),
        trial: Some(at),
    })
}

impl Stretch {
    /// The reads within it, by s since its begin.
    fn of<'a>(&self, reads: &'a [(u64, u64)]) -> impl Iterator<Item = (u64, u64)> + 'a {
        let (from, to) = (self.from_ns, self.to_ns);
        reads.iter().filter(move |(at, _)| (from..=to).contains(at)).copied()
    }

    fn seconds(&self, at_ns: u64) -> f64 {
        ns_to_s(at_ns - self.from_ns)
    }
}

/// `kv_cache_data.json`.
#[derive(Serialize)]
pub(super) struct Cache {
    peak_usage_percent: f64,
    history_times: Vec<f64>,
    history_values: Vec<f64>,
    tool: &'static str,
    run: RunId,
    engine: EngineKind,
    model: Option<String>,
    max_concurrency: Option<u32>,
}

/// How full the KV cache was; nothing where the engine did not tell.
pub(super) fn cache(run: &StudyRun) -> Option<Cache> {
    let stretch = stretch(run);
    let (times, values): (Vec<f64>, Vec<f64>) =
        stretch.of(&run.reads.cache).map(|(at, ppm)| (stretch.seconds(at), ppm as f64 / 1e4)).unzip();
    let peak = values.iter().copied().reduce(f64::max)?;
    Some(Cache {
        peak_usage_percent: peak,
        history_times: times,
        history_values: values,
        tool: TOOL,
        run: run.form.run.clone(),
        engine: run.form.plan.engine.kind,
        model: model(run),
        max_concurrency: in_flight(run, &stretch),
    })
}

/// `gpu_memory_data.json`.
#[derive(Serialize)]
pub(super) struct Memory {
    baseline_memory_mb: Option<f64>,
    model_name: Option<String>,
    num_prompts: Option<u64>,
    max_concurrency: Option<u32>,
    history_times: Vec<f64>,
    history_memory_mb: Vec<f64>,
    history_memory_percent: Option<Vec<f64>>,
    peak_memory_mb: f64,
    peak_memory_percent: Option<f64>,
    total_memory_mb: Option<f64>,
    kv_cache_overhead_mb: Option<f64>,
    requests_completed: Option<u64>,
    requests_failed: Option<u64>,
    total_time_sec: Option<f64>,
    throughput_req_per_sec: Option<f64>,
    tool: &'static str,
    run: RunId,
    engine: EngineKind,
    gpus: Vec<String>,
}

/// Memory in use on the engine's GPUs together, where they are known, else on all of the host; nothing where none told.
pub(super) fn memory(run: &StudyRun) -> Option<Memory> {
    let stretch = stretch(run);
    let gpus = gpus(run);
    let reads: Vec<Vec<(u64, u64)>> =
        gpus.iter().filter_map(|gpu| run.reads.memory.get(gpu)).map(|reads| stretch.of(reads).collect()).collect();
    let rate_hz = run.view.telemetry.began.as_ref().map_or(1.0, |began| began.rate_hz);
    let together = together(&reads, (NS_PER_S as f64 / rate_hz) as u64);
    let (times, used): (Vec<f64>, Vec<f64>) =
        together.into_iter().map(|(at, bytes)| (stretch.seconds(at), bytes as f64 / MIB)).unzip();
    let peak = used.iter().copied().reduce(f64::max)?;
    let known = run.view.telemetry.began.iter().flat_map(|began| &began.gpus);
    let of_each: Option<u64> = gpus
        .iter()
        .map(|gpu| known.clone().find(|facts| facts.source == *gpu).and_then(|facts| facts.memory_bytes))
        .sum();
    let total = of_each.filter(|bytes| *bytes > 0).map(|bytes| bytes as f64 / MIB);
    let summary = stretch.trial.map(|at| &run.form.trials[at].summary);
    let idle = summary.and_then(|s| s.kv.as_ref()?.memory).filter(|memory| memory.gpus as usize == gpus.len());
    let baseline = idle.map(|memory| memory.idle_bytes as f64 / MIB);
    Some(Memory {
        baseline_memory_mb: baseline,
        model_name: model(run),
        num_prompts: summary.map(|s| s.attempted),
        max_concurrency: in_flight(run, &stretch),
        history_memory_percent: total.map(|total| used.iter().map(|used| used / total * 100.0).collect()),
        history_times: times,
        history_memory_mb: used,
        peak_memory_mb: peak,
        peak_memory_percent: total.map(|total| peak / total * 100.0),
        total_memory_mb: total,
        kv_cache_overhead_mb: baseline.map(|baseline| peak - baseline),
        requests_completed: summary.map(|s| s.ok),
        requests_failed: summary.map(|s| s.attempted.saturating_sub(s.ok)),
        total_time_sec: summary.map(|s| s.window_s),
        throughput_req_per_sec: summary.and_then(|s| s.request_throughput),
        tool: TOOL,
        run: run.form.run.clone(),
        engine: run.form.plan.engine.kind,
        gpus,
    })
}

/// The sources of the engine's GPUs, as far as they were read; all that were read where it names none.
fn gpus(run: &StudyRun) -> Vec<String> {
    let named = run
        .form
        .engine
        .iter()
        .flat_map(|engine| &engine.gpus)
        .filter_map(|gpu| Some(format!("gpu:{}", gpu.uuid.as_ref()?)));
    let read: Vec<String> = named.filter(|source| run.reads.memory.contains_key(source)).collect();
    if read.is_empty() { run.reads.memory.keys().cloned().collect() } else { read }
}

/// The sum over GPUs at each read of the one that was read most: with the nearest read of each other within a period.
fn together(reads: &[Vec<(u64, u64)>], period_ns: u64) -> Vec<(u64, u64)> {
    let Some(most) = (0..reads.len()).max_by_key(|at| reads[*at].len()) else { return Vec::new() };
    let others = || reads.iter().enumerate().filter(|(at, _)| *at != most).map(|(_, reads)| reads);
    let sum = |(at, bytes): &(u64, u64)| {
        let of_others: Option<u64> = others().map(|reads| nearest(reads, *at, period_ns)).sum();
        Some((*at, bytes.checked_add(of_others?)?))
    };
    reads[most].iter().filter_map(sum).collect()
}

/// The value read nearest to a time, where that was within a period.
fn nearest(reads: &[(u64, u64)], at_ns: u64, period_ns: u64) -> Option<u64> {
    let after = reads.partition_point(|(at, _)| *at < at_ns);
    let around = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|at| reads.get(at));
    let (at, bytes) = around.min_by_key(|(at, _)| at.abs_diff(at_ns))?;
    (at.abs_diff(at_ns) <= period_ns).then_some(*bytes)
}

fn model(run: &StudyRun) -> Option<String> {
    let answered = run.form.engine.as_ref().map(|engine| engine.model.clone());
    answered.or_else(|| run.form.plan.engine.model.clone())
}

fn in_flight(run: &StudyRun, stretch: &Stretch) -> Option<u32> {
    run.form.points.get(run.form.trials[stretch.trial?].point as usize)?.level.in_flight()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_are_added_where_each_was_read() {
        let check = |reads: &[Vec<(u64, u64)>], expect: &[(u64, u64)]| assert_eq!(together(reads, 10), expect);
        check(&[], &[]);
        check(&[vec![(0, 5), (10, 6)]], &[(0, 5), (10, 6)]);
        check(&[vec![(0, 5), (20, 6), (40, 7)], vec![(1, 100), (45, 200)]], &[(0, 105), (40, 207)]);
    }
}
