//! Owns the events of a run: everything that anyone ever sees of it is a fold over these.
//! Must not know how events are stored, sent or drawn. Fields are only added, never renamed.

mod batch;

pub use batch::{Batch, RequestColumns, RequestSample, RestBin, TokenBin};

use crate::caveat::{Caveat, Finding};
use crate::cost::Pricing;
use crate::engine::{EngineInfo, Starting};
use crate::ids::{ConfigurationIndex, PointIndex, RunId, TrialIndex};
use crate::plan::{Level, Plan};
use crate::search::SearchEnd;
use crate::source::Source;
use crate::study::StudyPlace;
use crate::summary::{Interval, Summary};
use crate::telemetry::{Began, Look, Observer, Samples, Trouble};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One event: its number in the run's stream, its time, and what happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Sequence number within the run, from 1 without gaps.
    pub seq: u64,
    /// Host monotonic time since the run was created, ns.
    pub t_ns: u64,
    /// What happened.
    pub body: Body,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The run exists and waits.
    Created {
        /// The run.
        run: RunId,
        /// What it will do.
        plan: Box<Plan>,
        /// Wall clock at `t_ns` 0, Unix ms: the one anchor of the run.
        anchor_unix_ms: u64,
        /// The host it runs on.
        host: Host,
        /// The agent's version.
        agent_version: String,
    },
    /// Another tool measured it: what follows was read from its files. The host and version of the creation are those of
    /// the agent that read them.
    Imported(Source),
    /// The run is part of a study; comes with its creation.
    OfStudy(StudyPlace),
    /// A run that had ended before its end goes on. Run time goes on from its last event, whatever time lies between.
    Resumed {
        /// Wall clock at this event's `t_ns`, Unix ms: the anchor of what follows.
        anchor_unix_ms: u64,
        /// The host it goes on on.
        host: Host,
        /// The version of the agent that goes on.
        agent_version: String,
        /// The points that are measured now, each from its first trial on: what they had is set aside.
        points: Vec<PointIndex>,
    },
    /// The run's state changed.
    State {
        /// The new state.
        state: RunState,
        /// Why, as a sentence, where there is more to say.
        reason: Option<String>,
    },
    /// The engine's start has come to this.
    EngineStarting(Starting),
    /// The engine answered with a generated token.
    EngineReady(Box<EngineInfo>),
    /// What the time of the engine that is ready is priced at.
    Priced(Pricing),
    /// The engine did not start, or died, in one of several configurations; the run goes on with the next.
    EngineFailed {
        /// The configuration, of which no further point is measured.
        configuration: ConfigurationIndex,
        /// Why, as a sentence.
        reason: String,
        /// The last lines of its log, oldest first, where it died.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lines: Vec<String>,
    },
    /// Lines of the engine's own log.
    EngineLog {
        /// The lines, oldest first.
        lines: Vec<String>,
    },
    /// A trial began.
    TrialStarted {
        /// Its index in execution order.
        trial: TrialIndex,
        /// The point it repeats.
        point: PointIndex,
        /// Which repeat of the point, from 0.
        repeat: u32,
    },
    /// Warm-up is over and the load level was reached: the trial's window opened.
    WindowOpened {
        /// The trial.
        trial: TrialIndex,
    },
    /// What the load generator saw in about 100 ms.
    Batch(Batch),
    /// A trial ended; its records are in the blob.
    TrialDone {
        /// The trial.
        trial: TrialIndex,
        /// Its exact figures.
        summary: Box<Summary>,
        /// Name of the blob that holds its records; absent where writing it failed.
        blob: Option<String>,
    },
    /// All trials of a point ended; figures over their pooled samples.
    PointDone {
        /// The point.
        point: PointIndex,
        /// Exact figures over all trials.
        summary: Box<Summary>,
        /// Intervals over trials by the metric's key, for a latency with what of it (`ttft.mean`, `ttft.p99`); none
        /// for a single trial.
        #[serde(default)]
        intervals: BTreeMap<String, Interval>,
    },
    /// A search decided on its next level.
    PointAdded {
        /// The new point, after those there are.
        point: PointIndex,
        /// Its level.
        level: Level,
    },
    /// A search came to its end.
    SearchDone(SearchEnd),
    /// The rules looked at the run.
    Judged {
        /// Every objection.
        findings: Vec<Finding>,
        /// What must be said beside the run's figures.
        caveats: Vec<Caveat>,
    },
    /// Sampling of GPUs, host and engine began.
    TelemetryBegan(Began),
    /// What one source of it said.
    Samples(Samples),
    /// Who uses a source, and how, now.
    Look(Look),
    /// Something happened to a GPU.
    Trouble(Trouble),
    /// What looking at the machine cost since the last event that told.
    Observer(Observer),
    /// A kind of event that this version does not know; it is counted, and the raw body is not kept.
    #[serde(other)]
    Unknown,
}

/// States of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waits for its turn.
    Queued,
    /// The engine starts or is probed.
    Starting,
    /// Load is on.
    Running,
    /// All points are done.
    Done,
    /// It could not go on.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// The agent died in the middle.
    Interrupted,
}

impl RunState {
    /// All of them, in the order in which a run comes to them.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Starting, Self::Running, Self::Done, Self::Failed, Self::Cancelled, Self::Interrupted];

    /// True where nothing more will happen.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, RunState::Done | RunState::Failed | RunState::Cancelled | RunState::Interrupted)
    }

    /// The words that pages and tables show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            RunState::Queued => "queued",
            RunState::Starting => "starting",
            RunState::Running => "running",
            RunState::Done => "done",
            RunState::Failed => "failed",
            RunState::Cancelled => "cancelled",
            RunState::Interrupted => "interrupted",
        }
    }
}

/// The host that an agent runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Host {
    /// Host name.
    pub name: String,
    /// Cores that the agent may use.
    pub cores: u32,
    /// Processor model, where the system tells.
    pub cpu: Option<String>,
}
