//! Owns the JSON form of our own runs, and of several together, as what an import makes runs of: the same figures.
//! Must not know who wrote a file, nor any other tool's format.

use super::events::Item;
use super::json::{self, Bounded};
use crate::export::{PointForm, RunForm, TrialForm};
use serde::Deserialize;
use shared::event::Body;
use shared::ids::RunId;
use shared::source::{Source, SourceFile};
use shared::units::s_to_ns;
use std::collections::BTreeSet;

/// Most runs of a file.
const MAX_RUNS: usize = 1000;
/// Most points and trials of a run.
const MAX_POINTS: usize = 512;
const MAX_TRIALS: usize = 10_000;

/// A file of several runs, as far as it is read here.
#[derive(Deserialize)]
struct Several {
    runs: Bounded<Named, MAX_RUNS>,
}

#[derive(Deserialize)]
struct Named {
    recorded: Option<RunForm>,
}

/// Whether these names are those of a run.
pub(super) fn is_run(mut has: impl FnMut(&str) -> bool) -> bool {
    ["schema", "run", "plan", "host", "agent_version", "points", "state"].into_iter().all(&mut has)
}

/// Whether these names are those of a study, or of runs together.
pub(super) fn is_several(has: impl Fn(&str) -> bool) -> bool {
    has("schema") && has("runs")
}

/// The run of a file.
///
/// # Errors
/// A sentence where it cannot be one.
pub(super) fn run(text: &str) -> Result<Vec<RunForm>, String> {
    let run: RunForm = json::parse(text)?;
    checked(&run)?;
    Ok(vec![run])
}

/// The runs of a file of several.
///
/// # Errors
/// A sentence where one of them cannot be a run.
pub(super) fn several(text: &str) -> Result<Vec<RunForm>, String> {
    let Several { runs } = json::parse(text)?;
    let runs: Vec<RunForm> = runs.0.into_iter().filter_map(|named| named.recorded).collect();
    runs.iter().try_for_each(checked)?;
    match runs.len() {
        0 => Err("It holds no run with figures.".to_owned()),
        _ => Ok(runs),
    }
}

/// Refuses what no run of ours is.
fn checked(form: &RunForm) -> Result<(), String> {
    if form.schema != 1 {
        return Err(format!("Its form is of version {}, and this agent reads 1: use a later one.", form.schema));
    }
    if !form.state.is_final() {
        return Err(format!("The run {} had not ended when it was written: export it again once it has.", form.run));
    }
    if !form.plan.is_bounded() || form.points.len() > MAX_POINTS || form.trials.len() > MAX_TRIALS {
        return Err(format!("The run {} has more than {MAX_POINTS} points or {MAX_TRIALS} trials.", form.run));
    }
    let planned = form.plan.points().len();
    if planned > form.points.len() {
        return Err(format!("Its plan has {planned} points, but {} are in it.", form.points.len()));
    }
    let is_place = |trial: &TrialForm| (trial.point as usize) < form.points.len();
    let mut places = BTreeSet::new();
    let is_other = |trial: &TrialForm| places.insert((trial.point, trial.repeat));
    if !form.trials.iter().all(is_place) || !form.trials.iter().all(is_other) {
        return Err("A trial of it is of no point, or there twice.".to_owned());
    }
    let most = form.engines.len();
    if form.trials.iter().any(|trial| trial.engine.is_some_and(|engine| engine as usize >= most)) {
        return Err("A trial of it was measured on an engine that is not in it.".to_owned());
    }
    Ok(())
}

/// The events of a run with the figures of an exported one, which was in this file.
pub(super) fn events(run: &RunId, form: &RunForm, file: &SourceFile) -> Vec<Item> {
    let created = Body::Created {
        run: run.clone(),
        plan: Box::new(form.plan.clone()),
        anchor_unix_ms: form.created_unix_ms,
        host: form.host.clone(),
        agent_version: form.agent_version.clone(),
    };
    let mut items = vec![(0, created), (0, Body::Imported(source(form, file)))];
    let planned = form.plan.points().len();
    for (point, of) in (0u32..).zip(&form.points).skip(planned) {
        items.push((0, Body::PointAdded { point, level: of.level }));
    }
    // In the order in which they ran, in which engines followed one another.
    let mut trials: Vec<&TrialForm> = form.trials.iter().collect();
    trials.sort_by_key(|trial| (begun_ns(trial), trial.trial));
    let (mut ready, mut last_ns) = (0, 0);
    for (index, trial) in (0u32..).zip(trials) {
        let begun_ns = begun_ns(trial).max(last_ns);
        let engine = trial.engine.or_else(|| first_engine(form, trial));
        while ready < form.engines.len() && engine.is_some_and(|engine| ready <= engine as usize) {
            items.push((begun_ns, Body::EngineReady(Box::new(form.engines[ready].clone()))));
            ready += 1;
        }
        last_ns = ended_ns(trial).max(begun_ns);
        items.push((begun_ns, Body::TrialStarted { trial: index, point: trial.point, repeat: trial.repeat }));
        items.push((trial.summary.window_start_ns.clamp(begun_ns, last_ns), Body::WindowOpened { trial: index }));
        // Its records stayed where it ran.
        let summary = Box::new(trial.summary.clone());
        items.push((last_ns, Body::TrialDone { trial: index, summary, blob: None }));
    }
    for engine in form.engines.iter().skip(ready) {
        items.push((last_ns, Body::EngineReady(Box::new(engine.clone()))));
    }
    for (point, PointForm { summary, intervals, .. }) in (0u32..).zip(&form.points) {
        if let Some(summary) = summary {
            let (summary, intervals) = (Box::new(summary.clone()), intervals.clone());
            items.push((last_ns, Body::PointDone { point, summary, intervals }));
        }
    }
    items.extend(form.search.clone().map(|end| (last_ns, Body::SearchDone(end))));
    if let Some(findings) = form.findings.clone() {
        items.push((last_ns, Body::Judged { findings, caveats: form.caveats.clone() }));
    }
    items.push((last_ns, Body::State { state: form.state, reason: form.reason.clone() }));
    items
}

/// The engine of a trial of which a file of an earlier version does not say it: the first of its point.
fn first_engine(form: &RunForm, trial: &TrialForm) -> Option<u32> {
    form.points.get(trial.point as usize)?.engines.first().copied()
}

fn begun_ns(trial: &TrialForm) -> u64 {
    trial.started_ns.unwrap_or(trial.summary.window_start_ns)
}

fn ended_ns(trial: &TrialForm) -> u64 {
    let summary = &trial.summary;
    trial.ended_ns.unwrap_or_else(|| summary.window_start_ns.saturating_add(s_to_ns(summary.window_s)))
}

/// Where the run comes from. What another tool had measured before stays that tool's, its definitions with it.
fn source(form: &RunForm, file: &SourceFile) -> Source {
    let files = vec![file.clone()];
    match &form.source {
        Some(source) => Source { files, ..source.clone() },
        None => Source {
            tool: Source::OWN.to_owned(),
            version: Some(form.agent_version.clone()),
            engine: None,
            files,
            definitions: Vec::new(),
        },
    }
}
