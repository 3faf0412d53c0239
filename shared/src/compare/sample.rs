//! Owns the runs that tests compare: one point, and a trial for each value.
//! Must not know what is tested.

use super::{Recorded, RecordedPoint, RecordedTrial};
use crate::caveat::Verdict;
use crate::engine::ParamValue;
use crate::event::{Host, RunState};
use crate::ids::RunId;
use crate::plan::{Level, Order};
use crate::statistics::mean;
use crate::summary::Summary;
use std::collections::BTreeMap;

/// A summary whose output throughput and mean TTFT are both this.
pub fn summary(value: f64) -> Summary {
    let mut summary = Summary { output_throughput: Some(value), ..Summary::default() };
    summary.ttft.mean_ms = Some(value);
    summary
}

fn point(configuration: u32, level: u32, values: &[f64]) -> RecordedPoint {
    RecordedPoint {
        configuration,
        variant: String::new(),
        level: Level::Concurrency(level),
        summary: mean(values).map(summary),
        intervals: BTreeMap::new(),
        engines: vec![],
        verdict: Verdict::Valid,
    }
}

fn trials(point: u32, values: &[f64]) -> impl Iterator<Item = RecordedTrial> {
    (0..).zip(values).map(move |(repeat, value)| RecordedTrial { point, repeat, summary: summary(*value) })
}

/// A run of one point at a level of 1.
pub fn run(values: &[f64]) -> Recorded {
    levels(&[(1, values)])
}

/// A run of a point a level.
pub fn levels(levels: &[(u32, &[f64])]) -> Recorded {
    let mut plan = crate::preset::find("first").unwrap();
    plan.load.concurrency = levels.iter().map(|(level, _)| *level).collect();
    Recorded {
        run: RunId::new(1, 1),
        rounds_of: None,
        plan,
        host: Host::default(),
        agent_version: "1".to_owned(),
        source: None,
        state: Some(RunState::Done),
        reason: None,
        engines: vec![],
        failures: vec![],
        points: levels.iter().map(|(level, values)| point(0, *level, values)).collect(),
        trials: (0..).zip(levels).flat_map(|(index, (_, values))| trials(index, values)).collect(),
        verdict: Some(Verdict::Valid),
        findings: Some(vec![]),
        caveats: vec![],
    }
}

/// Two configurations of one run, measured in turns.
pub fn interleaved(base: &[f64], other: &[f64]) -> Recorded {
    let mut run = run(base);
    run.plan.engine.params.remove("batch");
    run.plan.engine.vary.insert("batch".to_owned(), vec![ParamValue::Int(1), ParamValue::Int(2)]);
    run.plan.engine.order = Order::Interleaved;
    run.points.push(point(1, 1, other));
    run.trials.extend(trials(1, other));
    run
}
