//! Owns the one reducer: events in, everything that anyone sees of a run out.
//! Must not know where events come from; the same code runs in the agent and in the browser.

mod energy;
mod fate;
mod machine;
mod resume;
mod scatter;
mod series;
mod sources;
mod spending;
mod telemetry;

pub use energy::EnergySoFar;
pub use fate::Fate;
pub use machine::MachineView;
pub use resume::Resumption;
pub use scatter::Scatter;
pub use series::{Bin, Series};
pub use sources::GpuSeen;
pub use spending::{PaidLife, Spending};
pub use telemetry::{Telemetry, Track, TrackBin};

use crate::caveat::{Caveat, Finding, Verdict, verdict_of};
use crate::engine::{EngineInfo, Starting};
use crate::event::{Batch, Body, Event, Host, RunState};
use crate::ids::{ConfigurationIndex, PointIndex, RunId, TrialIndex};
use crate::outcome::Ended;
use crate::plan::{Configuration, Level, Plan, PlannedPoint};
use crate::search::SearchEnd;
use crate::source::Source;
use crate::study::StudyPlace;
use crate::summary::{Interval, Summary};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most lines of the engine's log that a view keeps; the event log has them all.
const MAX_LOG_LINES: usize = 200;

/// A run as a fold over its events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// Number of the last event folded; 0 before the first.
    pub seq: u64,
    /// Time of the latest event folded, ns of run time.
    pub last_ns: u64,
    /// Facts of the creation event.
    pub header: Option<Header>,
    /// Where it comes from, where another tool measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The study that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyPlace>,
    /// State, and since when (ns of run time).
    pub state: Option<(RunState, u64)>,
    /// When its turn came, ns of run time; absent while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_ns: Option<u64>,
    /// The sentence that came with the state.
    pub reason: Option<String>,
    /// The engine that answered last.
    pub engine: Option<EngineInfo>,
    /// Every engine that answered, in order of start; trials and points say which of them they were measured on.
    #[serde(default)]
    pub engines: Vec<EngineInfo>,
    /// How far the engine's start is; absent while none starts.
    #[serde(default)]
    pub starting: Option<Starting>,
    /// Each time that the run went on after it had ended before its end, oldest first.
    #[serde(default)]
    pub resumptions: Vec<Resumption>,
    /// Configurations whose engine failed while the run went on.
    #[serde(default)]
    pub failures: Vec<EngineFailure>,
    /// Points in plan order.
    pub points: Vec<PointView>,
    /// Trials in execution order.
    pub trials: Vec<TrialView>,
    /// What a search came to.
    #[serde(default)]
    pub search: Option<SearchEnd>,
    /// Requests in flight at the last batch.
    pub in_flight: u32,
    /// Requests that were due and waited at the last batch; open loop only.
    #[serde(default)]
    pub waiting: u32,
    /// Requests that ended well and that did not, over the whole run.
    pub ended: Ended,
    /// What it has cost so far.
    #[serde(default)]
    pub spending: Spending,
    /// Live series on the run's time axis.
    pub series: Series,
    /// A sample of requests.
    pub scatter: Scatter,
    /// GPUs, host and the engine's own metrics on the run's time axis.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// The engine's last log lines.
    pub engine_log: Vec<String>,
    /// Lines of the engine's log that are no longer in the view.
    pub engine_log_dropped: u64,
    /// What the rules found; absent before they looked.
    pub findings: Option<Vec<Finding>>,
    /// What must be said beside the run's figures.
    pub caveats: Vec<Caveat>,
    /// Events of kinds that this version does not know.
    pub unknown_events: u64,
}

/// Facts of the creation event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The run.
    pub run: RunId,
    /// What it does.
    pub plan: Plan,
    /// Wall clock at run time 0, Unix ms.
    pub anchor_unix_ms: u64,
    /// The host it runs on; of an imported run the one that read its files.
    pub host: Host,
    /// The agent's version.
    pub agent_version: String,
}

/// An engine configuration that could not be measured to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EngineFailure {
    /// Which.
    pub configuration: ConfigurationIndex,
    /// Why, as a sentence.
    pub reason: String,
    /// The last lines of its log, oldest first, where it died.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

/// One point: an engine configuration, a load level, and figures so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointView {
    /// The engine's configuration.
    #[serde(default)]
    pub configuration: ConfigurationIndex,
    /// What tells that from the others, in words; empty where nothing varies.
    #[serde(default)]
    pub variant: String,
    /// How hard it asks.
    pub level: Level,
    /// Figures over all trials, once all ended.
    pub summary: Option<Summary>,
    /// Intervals over trials by the metric's key.
    #[serde(default)]
    pub intervals: BTreeMap<String, Interval>,
    /// The engines that its trials were measured on, by their places in [`RunView::engines`].
    #[serde(default)]
    pub engines: Vec<u32>,
}

impl PointView {
    /// A point that nothing is known of yet.
    #[must_use]
    pub fn at(level: Level) -> Self {
        Self {
            configuration: 0,
            variant: String::new(),
            level,
            summary: None,
            intervals: BTreeMap::new(),
            engines: Vec::new(),
        }
    }

    /// The points of a plan.
    fn planned(plan: &Plan) -> Vec<Self> {
        let variants: Vec<String> = plan.configurations().iter().map(Configuration::words).collect();
        let point = |PlannedPoint { configuration, level }| {
            let variant = variants.get(configuration as usize).cloned().unwrap_or_default();
            Self { configuration, variant, ..Self::at(level) }
        };
        plan.points().into_iter().map(point).collect()
    }

    /// Level and configuration with their units: "batch 8: 16 in flight".
    #[must_use]
    pub fn words(&self) -> String {
        self.of_variant(self.level.words())
    }

    /// Level and configuration for a column that names the level: "batch 8: 16".
    #[must_use]
    pub fn short(&self) -> String {
        self.of_variant(self.level.short())
    }

    fn of_variant(&self, level: String) -> String {
        if self.variant.is_empty() { level } else { format!("{}: {level}", self.variant) }
    }
}

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialView {
    /// The point it repeats.
    pub point: PointIndex,
    /// Which repeat, from 0.
    pub repeat: u32,
    /// When it began, ns of run time.
    pub started_ns: u64,
    /// When its window opened, ns of run time.
    pub window_ns: Option<u64>,
    /// When it ended, ns of run time.
    pub ended_ns: Option<u64>,
    /// Requests of it that ended, warm-up included.
    pub ended: Ended,
    /// Exact figures, once it ended.
    pub summary: Option<Summary>,
    /// Name of the blob with its records.
    pub blob: Option<String>,
    /// The engine that it was measured on, by its place in [`RunView::engines`].
    #[serde(default)]
    pub engine: Option<u32>,
    /// Its point was begun again after it: it stays to be looked at, and no figure of its point has it.
    #[serde(default)]
    pub set_aside: bool,
}

impl RunView {
    /// Folds one event. An event that was folded already (by its number) changes nothing.
    pub fn apply(&mut self, event: &Event) {
        if event.seq <= self.seq {
            return;
        }
        self.seq = event.seq;
        self.last_ns = self.last_ns.max(event.t_ns);
        match &event.body {
            Body::Created { run, plan, anchor_unix_ms, host, agent_version } => {
                self.points = PointView::planned(plan);
                self.header = Some(Header {
                    run: run.clone(),
                    plan: (**plan).clone(),
                    anchor_unix_ms: *anchor_unix_ms,
                    host: host.clone(),
                    agent_version: agent_version.clone(),
                });
                self.state = Some((RunState::Queued, event.t_ns));
            }
            Body::Imported(source) => self.source = Some(source.clone()),
            Body::OfStudy(place) => self.study = Some(place.clone()),
            Body::Resumed { anchor_unix_ms, host, agent_version, points } => {
                let (host, agent_version) = (host.clone(), agent_version.clone());
                let resumption = Resumption { t_ns: event.t_ns, anchor_unix_ms: *anchor_unix_ms, host, agent_version };
                self.resume(resumption, points);
            }
            Body::State { state, reason } => {
                self.state = Some((*state, event.t_ns));
                self.begun_ns = self.begun_ns.or((*state == RunState::Starting).then_some(event.t_ns));
                self.reason.clone_from(reason);
                self.starting = None;
                if *state != RunState::Running {
                    self.spending.end(event.t_ns);
                }
                if state.is_final() {
                    self.in_flight = 0;
                    self.waiting = 0;
                }
            }
            Body::EngineStarting(starting) => self.starting = Some(*starting),
            Body::EngineReady(info) => {
                self.starting = None;
                self.engines.push((**info).clone());
                self.engine = Some((**info).clone());
            }
            Body::Priced(pricing) => self.spending.begin(event.t_ns, pricing),
            Body::EngineFailed { configuration, reason, lines } => {
                let (reason, lines) = (reason.clone(), lines.clone());
                self.spending.end(event.t_ns);
                self.failures.push(EngineFailure { configuration: *configuration, reason, lines });
                self.starting = None;
                // It failed before a trial, or in the middle of one.
                if let Some(trial) = self.trials.last_mut() {
                    trial.ended_ns = trial.ended_ns.or(Some(event.t_ns));
                }
                self.in_flight = 0;
                self.waiting = 0;
            }
            Body::EngineLog { lines } => self.log(lines),
            Body::TrialStarted { trial, point, repeat } => {
                // Trials are numbered in execution order; a gap cannot happen but must not panic either.
                self.trials.truncate(*trial as usize);
                self.trials.push(TrialView {
                    point: *point,
                    repeat: *repeat,
                    started_ns: event.t_ns,
                    window_ns: None,
                    ended_ns: None,
                    ended: Ended::default(),
                    summary: None,
                    blob: None,
                    engine: (self.engines.len() as u32).checked_sub(1),
                    set_aside: false,
                });
            }
            Body::WindowOpened { trial } => {
                if let Some(trial) = self.trials.get_mut(*trial as usize) {
                    trial.window_ns = Some(event.t_ns);
                }
            }
            Body::Batch(batch) => self.batch(batch),
            Body::TrialDone { trial, summary, blob } => {
                if let Some(trial) = self.trials.get_mut(*trial as usize) {
                    trial.ended_ns = Some(event.t_ns);
                    trial.summary = Some((**summary).clone());
                    trial.blob.clone_from(blob);
                }
                self.in_flight = 0;
                self.waiting = 0;
            }
            Body::PointDone { point, summary, intervals } => {
                let measured = self.trials_of(*point).filter(|(_, trial)| trial.summary.is_some());
                let engines: BTreeSet<u32> = measured.filter_map(|(_, trial)| trial.engine).collect();
                if let Some(point) = self.points.get_mut(*point as usize) {
                    point.summary = Some((**summary).clone());
                    point.intervals.clone_from(intervals);
                    point.engines = engines.into_iter().collect();
                }
            }
            Body::PointAdded { point, level } => {
                self.points.truncate(*point as usize);
                self.points.push(PointView::at(*level));
            }
            Body::SearchDone(end) => self.search = Some(end.clone()),
            Body::Judged { findings, caveats } => {
                self.findings = Some(findings.clone());
                self.caveats.clone_from(caveats);
            }
            body @ (Body::TelemetryBegan(_)
            | Body::Samples(_)
            | Body::Look(_)
            | Body::Trouble(_)
            | Body::Observer(_)) => {
                self.telemetry.apply(body);
            }
            Body::Unknown => self.unknown_events += 1,
        }
    }

    fn batch(&mut self, batch: &Batch) {
        self.in_flight = batch.in_flight;
        self.waiting = batch.waiting;
        let mut ended = Ended::default();
        for sample in batch.requests.iter() {
            ended.count(sample.outcome);
            self.scatter.add(&sample);
            self.series.add_request(&sample);
        }
        for rest in &batch.rest {
            ended += rest.ended;
            self.series.add_rest(rest);
        }
        for bin in &batch.bins {
            self.series.add_load(bin);
        }
        self.ended += ended;
        if let Some(trial) = self.trials.get_mut(batch.trial as usize) {
            trial.ended += ended;
        }
    }

    fn log(&mut self, lines: &[String]) {
        self.engine_log.extend_from_slice(lines);
        let over = self.engine_log.len().saturating_sub(MAX_LOG_LINES);
        self.engine_log.drain(..over);
        self.engine_log_dropped += over as u64;
    }

    /// The verdict so far; absent before the rules looked. Without a finding, only a run that came to its end is valid, and
    /// only one of our own: of another tool's the rules see little.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        let findings = self.findings.as_ref()?;
        let judged = (self.run_state() == RunState::Done && self.is_ours()) || !findings.is_empty();
        Some(if judged { verdict_of(findings) } else { Verdict::NotJudged })
    }

    /// True where the figures are our own, measured here or exported elsewhere.
    fn is_ours(&self) -> bool {
        self.source.as_ref().is_none_or(Source::is_own)
    }

    /// What the rules found in a point.
    pub fn findings_of(&self, point: PointIndex) -> impl Iterator<Item = &Finding> {
        self.findings.iter().flatten().filter(move |finding| finding.point == point)
    }

    /// The verdict on a point: not judged until all its trials ended, nor where another tool measured and no rule objects.
    #[must_use]
    pub fn verdict_of_point(&self, point: PointIndex) -> Verdict {
        let measured = self.points.get(point as usize).is_some_and(|p| p.summary.is_some());
        let judged = measured && (self.is_ours() || self.findings_of(point).next().is_some());
        if judged { verdict_of(self.findings_of(point)) } else { Verdict::NotJudged }
    }

    /// The state, `Queued` before anything is known.
    #[must_use]
    pub fn run_state(&self) -> RunState {
        self.state.map_or(RunState::Queued, |(state, _)| state)
    }

    /// Trials of a point that its figures are of, with their indices: none that was set aside.
    pub fn trials_of(&self, point: PointIndex) -> impl Iterator<Item = (TrialIndex, &TrialView)> {
        (0..).zip(&self.trials).filter(move |(_, trial)| trial.point == point && !trial.set_aside)
    }

    /// The trial that is under way.
    #[must_use]
    pub fn current_trial(&self) -> Option<(TrialIndex, &TrialView)> {
        let (index, trial) = self.trials.iter().enumerate().next_back()?;
        trial.ended_ns.is_none().then_some((index as TrialIndex, trial))
    }

    /// Trials that ended, and trials that the run will have; absent while a search decides that.
    #[must_use]
    pub fn progress(&self) -> (u32, Option<u32>) {
        let done = self.trials.iter().filter(|t| t.ended_ns.is_some() && !t.set_aside).count() as u32;
        let planned = self.header.as_ref().and_then(|h| h.plan.trial_count());
        (done, planned.or_else(|| self.search.as_ref().map(|_| self.trials.len() as u32)))
    }

    /// Time left, ns: by the mean length of the trials that ended, before that by the length that the plan gives a
    /// trial; absent while neither is known.
    #[must_use]
    pub fn eta_ns(&self) -> Option<u64> {
        if self.run_state().is_final() {
            return None;
        }
        let (done, total) = self.progress();
        let total = total?;
        let counted = self.trials.iter().filter(|t| !t.set_aside);
        let ended = counted.filter_map(|t| Some(t.ended_ns?.saturating_sub(t.started_ns)));
        let each = match done {
            0 => self.header.as_ref()?.plan.load.trial_ns()?,
            _ => ended.sum::<u64>() / u64::from(done),
        };
        let under_way = self.current_trial().map_or(0, |(_, t)| self.last_ns.saturating_sub(t.started_ns));
        Some((each * u64::from(total.saturating_sub(done))).saturating_sub(under_way.min(each)))
    }
}

#[cfg(test)]
mod tests;
