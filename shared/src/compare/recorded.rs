//! Owns what of a run is compared: plan, engines, points and the figures of each trial.
//! Must not know whether it comes from a log or from a file that `run --json` wrote; it reads both.

use crate::caveat::{Caveat, Finding, Verdict};
use crate::engine::EngineInfo;
use crate::event::{Host, RunState};
use crate::ids::{ConfigurationIndex, PointIndex, RunId, StudyId};
use crate::plan::{Level, Plan};
use crate::source::Source;
use crate::summary::{Interval, Summary};
use crate::view::{EngineFailure, RunView};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A run as it is compared. An exported file has these fields and more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The run.
    pub run: RunId,
    /// The study whose rounds these are, where its runs were joined: the run is then that of the first round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds_of: Option<StudyId>,
    /// What it did.
    pub plan: Plan,
    /// The host it ran on; of an imported run the one that read its files.
    pub host: Host,
    /// The version whose definitions its figures have; of an imported run the one that read its files.
    pub agent_version: String,
    /// Where it comes from, where another tool measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// How far it came; absent where a file does not say.
    #[serde(default)]
    pub state: Option<RunState>,
    /// The sentence that came with the state.
    #[serde(default)]
    pub reason: Option<String>,
    /// Every engine that answered.
    #[serde(default)]
    pub engines: Vec<EngineInfo>,
    /// Engine configurations that could not be measured to their end.
    #[serde(default)]
    pub failures: Vec<EngineFailure>,
    /// Points in plan order.
    pub points: Vec<RecordedPoint>,
    /// Trials that ended and count, in execution order. A file of an earlier version has none.
    #[serde(default)]
    pub trials: Vec<RecordedTrial>,
    /// The verdict on all of it; absent before the rules looked.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// What the rules found; absent before they looked.
    #[serde(default)]
    pub findings: Option<Vec<Finding>>,
    /// What must be said beside its figures.
    #[serde(default)]
    pub caveats: Vec<Caveat>,
}

/// One point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedPoint {
    /// The engine's configuration.
    #[serde(default)]
    pub configuration: ConfigurationIndex,
    /// What tells that from the others.
    #[serde(default)]
    pub variant: String,
    /// How hard it asks.
    pub level: Level,
    /// Figures over all trials.
    pub summary: Option<Summary>,
    /// Intervals over trials by the figure's key.
    #[serde(default)]
    pub intervals: BTreeMap<String, Interval>,
    /// The engines that it was measured on, by their places.
    #[serde(default)]
    pub engines: Vec<u32>,
    /// What the rules say of it.
    pub verdict: Verdict,
}

/// One trial's own figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedTrial {
    /// The point it repeats.
    pub point: PointIndex,
    /// Which repeat, from 0.
    pub repeat: u32,
    /// Its figures.
    pub summary: Summary,
}

impl Recorded {
    /// What of a run is compared; nothing before its creation is known.
    #[must_use]
    pub fn of(view: &RunView) -> Option<Self> {
        let header = view.header.as_ref()?;
        let point = |(index, point): (PointIndex, &crate::view::PointView)| RecordedPoint {
            configuration: point.configuration,
            variant: point.variant.clone(),
            level: point.level,
            summary: point.summary.clone(),
            intervals: point.intervals.clone(),
            engines: point.engines.clone(),
            verdict: view.verdict_of_point(index),
        };
        let trial = |trial: &crate::view::TrialView| {
            let summary = trial.summary.clone().filter(|_| !trial.set_aside)?;
            Some(RecordedTrial { point: trial.point, repeat: trial.repeat, summary })
        };
        Some(Self {
            run: header.run.clone(),
            rounds_of: None,
            plan: header.plan.clone(),
            host: header.host.clone(),
            agent_version: header.agent_version.clone(),
            source: view.source.clone(),
            state: Some(view.run_state()),
            reason: view.reason.clone(),
            engines: view.engines.clone(),
            failures: view.failures.clone(),
            points: (0..).zip(&view.points).map(point).collect(),
            trials: view.trials.iter().filter_map(trial).collect(),
            verdict: view.verdict(),
            findings: view.findings.clone(),
            caveats: view.caveats.clone(),
        })
    }

    /// True where another tool measured it.
    #[must_use]
    pub fn is_others(&self) -> bool {
        self.source.as_ref().is_some_and(|source| !source.is_own())
    }

    /// Trials of a point.
    pub fn trials_of(&self, point: PointIndex) -> impl Iterator<Item = &RecordedTrial> {
        self.trials.iter().filter(move |trial| trial.point == point)
    }

    /// The engine that a point was measured on first.
    #[must_use]
    pub fn engine_of(&self, point: &RecordedPoint) -> Option<&EngineInfo> {
        self.engines.get(*point.engines.first()? as usize)
    }
}
