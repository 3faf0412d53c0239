//! Owns the exported form of a run. `shared::compare::Recorded` reads it, and an import makes a run of it again.
//! Must not know who writes it. Fields are only added; what is unknown is null or left out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::caveat::{Caveat, Finding, Rule, Verdict};
use shared::engine::EngineInfo;
use shared::event::{Host, RunState};
use shared::ids::{ConfigurationIndex, PointIndex, RunId, TrialIndex};
use shared::plan::{Level, Plan};
use shared::search::SearchEnd;
use shared::source::Source;
use shared::study::StudyPlace;
use shared::summary::{Interval, Summary};
use shared::telemetry::{Began, ObserverFigures, Trouble};
use shared::view::{EnergySoFar, EngineFailure, PointView, Resumption, RunView, Spending, TrialView};
use std::collections::BTreeMap;

/// Version of the form: it changes only where a reader of an earlier one would misread it.
pub const SCHEMA: u32 = 1;

/// A run of Tokenprism: what was asked for, on what it ran, and the exact figures of every point and trial. Times are
/// nanoseconds since the run was created, on the host's monotonic clock, where nothing else is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunForm {
    /// Version of this form, 1.
    pub schema: u32,
    /// The run.
    pub run: RunId,
    /// What it did.
    pub plan: Plan,
    /// The host it ran on; of an imported run the one that read its files.
    pub host: Host,
    /// The version whose definitions its figures have; of an imported run the one that read its files.
    pub agent_version: String,
    /// Creation, Unix ms: the wall clock at run time 0.
    pub created_unix_ms: u64,
    /// Where it comes from, where another tool measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The study that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_study: Option<StudyPlace>,
    /// Its state.
    pub state: RunState,
    /// The sentence that came with the state.
    #[serde(default)]
    pub reason: Option<String>,
    /// The engine that answered last.
    #[serde(default)]
    pub engine: Option<EngineInfo>,
    /// Every engine that answered, in order of start.
    #[serde(default)]
    pub engines: Vec<EngineInfo>,
    /// Lives of its engine with their prices.
    #[serde(default)]
    pub spending: Spending,
    /// What the run has cost, USD: every engine from when it was ready until it was gone. Null where a price is unknown.
    #[serde(default)]
    pub cost_usd: Option<f64>,
    /// What each GPU has taken.
    #[serde(default)]
    pub energy: Vec<EnergySoFar>,
    /// Each time that it went on after it had ended before its end.
    #[serde(default)]
    pub resumptions: Vec<Resumption>,
    /// Engine configurations that could not be measured to their end.
    #[serde(default)]
    pub failures: Vec<EngineFailure>,
    /// Its points in plan order.
    pub points: Vec<PointForm>,
    /// Trials that ended and count, in execution order.
    #[serde(default)]
    pub trials: Vec<TrialForm>,
    /// What a search came to.
    #[serde(default)]
    pub search: Option<SearchEnd>,
    /// Which GPUs were read and how often, or why none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Began>,
    /// What happened to GPUs: lost, back again, and errors that the driver told of (XIDs), each with its time and code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<Trouble>,
    /// What looking at the machine cost.
    #[serde(default)]
    pub observer: Option<ObserverFigures>,
    /// The verdict; null before the rules looked.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// What the rules found; null before they looked.
    #[serde(default)]
    pub findings: Option<Vec<Finding>>,
    /// What must be said beside its figures.
    #[serde(default)]
    pub caveats: Vec<Caveat>,
}

/// One point: an engine configuration at a load level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PointForm {
    /// The engine's configuration.
    #[serde(default)]
    pub configuration: ConfigurationIndex,
    /// What tells that from the others, in words; empty where nothing varies.
    #[serde(default)]
    pub variant: String,
    /// How hard it asks.
    pub level: Level,
    /// Exact figures over all trials; null until all ended.
    pub summary: Option<Summary>,
    /// Intervals over trials by the figure's key (`output_throughput`, `ttft.mean`, `ttft.p99`).
    #[serde(default)]
    pub intervals: BTreeMap<String, Interval>,
    /// The engines that it was measured on, by their places in `engines`.
    #[serde(default)]
    pub engines: Vec<u32>,
    /// What the rules say of it.
    pub verdict: Verdict,
    /// What they object to: a script that reads one point must not miss that.
    #[serde(default)]
    pub findings: Vec<Said>,
}

/// A rule's objection, its figures and its sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Said {
    /// How grave it is.
    pub verdict: Verdict,
    /// A few words.
    pub label: String,
    /// The whole sentence.
    pub sentence: String,
    /// The rule with what it saw.
    pub rule: Rule,
}

/// One trial's own figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialForm {
    /// The point it repeats.
    pub point: PointIndex,
    /// Which repeat, from 0.
    pub repeat: u32,
    /// Its figures.
    pub summary: Summary,
    /// Its place in execution order, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialIndex>,
    /// The engine that it was measured on, by its place in `engines`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<u32>,
    /// When it began, ns of run time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ns: Option<u64>,
    /// When it ended, ns of run time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ns: Option<u64>,
}

impl RunForm {
    /// The form of a run; nothing before its creation is known.
    #[must_use]
    pub fn of(view: &RunView) -> Option<Self> {
        let header = view.header.as_ref()?;
        let points = (0..).zip(&view.points).map(|(index, point)| PointForm::of(view, index, point));
        let trials = (0..).zip(&view.trials).filter_map(|(index, trial)| TrialForm::of(index, trial));
        Some(Self {
            schema: SCHEMA,
            run: header.run.clone(),
            plan: header.plan.clone(),
            host: header.host.clone(),
            agent_version: header.agent_version.clone(),
            created_unix_ms: header.anchor_unix_ms,
            source: view.source.clone(),
            of_study: view.study.clone(),
            state: view.run_state(),
            reason: view.reason.clone(),
            engine: view.engine.clone(),
            engines: view.engines.clone(),
            spending: view.spending.clone(),
            cost_usd: view.spending.usd(view.last_ns),
            energy: view.telemetry.energy_so_far(),
            resumptions: view.resumptions.clone(),
            failures: view.failures.clone(),
            points: points.collect(),
            trials: trials.collect(),
            search: view.search.clone(),
            machine: view.telemetry.began.clone(),
            troubles: view.telemetry.troubles.clone(),
            observer: view.telemetry.observer.figures(),
            verdict: view.verdict(),
            findings: view.findings.clone(),
            caveats: view.caveats.clone(),
        })
    }

    /// The form as the bytes of a file.
    ///
    /// # Errors
    /// Where it cannot be encoded.
    pub fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl PointForm {
    fn of(view: &RunView, index: PointIndex, point: &PointView) -> Self {
        let said = |rule: &Rule| Said {
            verdict: rule.verdict(),
            label: rule.label().to_owned(),
            sentence: rule.sentence(),
            rule: rule.clone(),
        };
        Self {
            configuration: point.configuration,
            variant: point.variant.clone(),
            level: point.level,
            summary: point.summary.clone(),
            intervals: point.intervals.clone(),
            engines: point.engines.clone(),
            verdict: view.verdict_of_point(index),
            findings: view.findings_of(index).map(|finding| said(&finding.rule)).collect(),
        }
    }
}

impl TrialForm {
    /// A trial that ended and counts.
    fn of(index: TrialIndex, trial: &TrialView) -> Option<Self> {
        let summary = trial.summary.clone().filter(|_| !trial.set_aside)?;
        Some(Self {
            point: trial.point,
            repeat: trial.repeat,
            summary,
            trial: Some(index),
            engine: trial.engine,
            started_ns: Some(trial.started_ns),
            ended_ns: trial.ended_ns,
        })
    }
}
