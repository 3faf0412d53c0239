//! Owns what agent and browser say over the socket and the list rows of the API.
//! Must not know sockets.

mod engines;
mod figures;
mod import;
mod machine;

pub use engines::{
    EngineRow, EnginesNow, FoundRow, GpuRow, HostEngines, KeptLog, LogPart, MAX_TOLD_LINES, Presence, StartedEngine,
    StartedState,
};
pub use figures::{PointDistribution, PointGoodput};
pub use import::{FileFate, ImportReport, ImportedFile};
pub use machine::MachineTold;

use crate::caveat::Verdict;
use crate::event::{Event, RunState};
use crate::history::Marks;
use crate::ids::RunId;
use crate::study::StudyPlace;
use crate::view::RunView;
use serde::{Deserialize, Serialize};

/// Version of these messages; a page and an agent that differ say so instead of guessing.
pub const PROTOCOL_VERSION: u32 = 1;
/// Longest message that a client may send, bytes.
pub const MAX_CLIENT_MESSAGE_BYTES: usize = 4 << 10;

/// What a viewer says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientMessage {
    /// First message: the protocol that it speaks.
    Hello {
        /// [`PROTOCOL_VERSION`].
        protocol: u32,
    },
    /// Follow a run. With `after_seq`, events after it; without, or where it cannot be served, a snapshot first.
    Follow {
        /// The run.
        run: RunId,
        /// Last event that the viewer has folded.
        after_seq: Option<u64>,
    },
    /// Follow no run.
    Unfollow,
    /// Lead the viewers of the run that this one follows, who may follow its zoom; or no longer.
    Lead {
        /// The run.
        run: RunId,
        /// What to show; nothing leads no longer.
        lead: Option<Lead>,
    },
    /// Hear of engines from now on, or no longer.
    Engines {
        /// True: from now on.
        watch: bool,
    },
    /// Hear of the host's GPUs and of the host from now on, or no longer. They are read while somebody hears of them.
    Machine {
        /// True: from now on.
        watch: bool,
    },
}

/// What the agent says.
pub type ServerMessage = ServerSays<RunView, Event, MachineTold>;

/// What the agent says, with views, events and the machine in a form that who hears it may choose, to read them later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerSays<V, E, M> {
    /// First message.
    Hello {
        /// [`PROTOCOL_VERSION`].
        protocol: u32,
        /// The agent's version.
        agent_version: String,
        /// The agent's wall clock, Unix ms.
        now_unix_ms: u64,
    },
    /// A run as of `view.seq`; replaces what the viewer had.
    Snapshot {
        /// The run.
        run: RunId,
        /// The fold.
        view: Box<V>,
        /// The agent's run time now, ns; absent for a run that ended.
        now_ns: Option<u64>,
    },
    /// Events that follow what was sent before, in order.
    Events {
        /// The run.
        run: RunId,
        /// The events.
        events: Vec<E>,
    },
    /// The viewer was too slow: this many events were not sent; a snapshot follows.
    Gap {
        /// The run.
        run: RunId,
        /// Events left out.
        missed: u64,
    },
    /// Rows of the list of runs that are new or changed.
    Rows {
        /// The rows.
        rows: Vec<RunRow>,
    },
    /// A run was deleted.
    Deleted {
        /// The run.
        run: RunId,
    },
    /// How many sockets follow the run.
    Viewers {
        /// The run.
        run: RunId,
        /// The count.
        count: u32,
    },
    /// What somebody who leads shows of the run; nothing once nobody leads. Of this moment only: no event of the log.
    Led {
        /// The run.
        run: RunId,
        /// What is shown.
        lead: Option<Lead>,
    },
    /// What there is to see of engines, to whoever asked to hear of them.
    Engines(Box<EnginesNow>),
    /// What the host's GPUs and the host tell of themselves, to whoever asked to hear of them.
    Machine(M),
    /// Something was refused, as a sentence.
    Refused {
        /// The sentence.
        sentence: String,
    },
}

/// What somebody who leads shows of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// The stretch of run time that is zoomed to, ns; nothing shows the whole run.
    pub zoom_ns: Option<(u64, u64)>,
}

/// One run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// Words that name the engine.
    pub engine: String,
    /// The model, once known.
    pub model: Option<String>,
    /// State.
    pub state: RunState,
    /// The sentence that came with the state.
    pub reason: Option<String>,
    /// Creation, Unix ms of the host.
    pub created_unix_ms: u64,
    /// Length so far, ns.
    pub elapsed_ns: u64,
    /// When its turn came, ns since its creation; absent while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_ns: Option<u64>,
    /// Trials that ended.
    pub trials_done: u32,
    /// Trials that the run will have; absent while a search decides that.
    pub trials: Option<u32>,
    /// Greatest output throughput of its points, tokens/s.
    pub best_output_throughput: Option<f64>,
    /// Verdict, once judged.
    pub verdict: Option<Verdict>,
    /// Its last event.
    pub seq: u64,
    /// The tool that measured it, where that was another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The study that it is part of: who shows that study asks anew when the row changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyPlace>,
    /// Types of the GPUs that its engine may use, each once; none where none is known.
    #[serde(default)]
    pub gpus: Vec<String>,
    /// What people put on it. The log adds it: no event of the run tells.
    #[serde(default)]
    pub marks: Marks,
}

/// Types of the GPUs that a run's engine may use: as they were found, or as the plan of a server elsewhere says.
fn gpu_types(view: &RunView) -> Vec<String> {
    let found = view.engine.iter().flat_map(|engine| &engine.gpus).filter_map(|gpu| gpu.name.clone());
    let mut types: Vec<String> = found.collect();
    if types.is_empty() {
        types.extend(view.header.as_ref().and_then(|header| header.plan.engine.gpu.clone()));
    }
    types.sort_unstable();
    types.dedup();
    types
}

impl RunRow {
    /// The row of a view; nothing before its first event.
    #[must_use]
    pub fn of(view: &RunView) -> Option<Self> {
        let header = view.header.as_ref()?;
        let (name, engine) = (header.plan.name.clone(), header.plan.engine.kind.label().to_owned());
        let row = Self::named(header.run.clone(), name, engine, header.anchor_unix_ms, view);
        let throughputs = view.points.iter().filter_map(|p| p.summary.as_ref()?.output_throughput);
        Some(Self {
            model: row.model.or_else(|| header.plan.engine.model.clone()),
            best_output_throughput: throughputs.reduce(f64::max),
            ..row
        })
    }

    /// The row of a run of which the first event is not there, or cannot be read: what the others and its id tell.
    #[must_use]
    pub fn without_header(run: &RunId, view: &RunView) -> Self {
        // The first 12 digits of the id are the creation time.
        let created_unix_ms = run.as_str().get(1..13).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
        Self::named(run.clone(), format!("unreadable run {run}"), "unknown".to_owned(), created_unix_ms, view)
    }

    fn named(run: RunId, name: String, engine: String, created_unix_ms: u64, view: &RunView) -> Self {
        let (trials_done, trials) = view.progress();
        Self {
            run,
            name,
            engine,
            model: view.engine.as_ref().map(|e| e.model.clone()),
            state: view.run_state(),
            reason: view.reason.clone(),
            created_unix_ms,
            elapsed_ns: view.last_ns,
            begun_ns: view.begun_ns,
            trials_done,
            trials,
            best_output_throughput: None,
            verdict: view.verdict(),
            seq: view.seq,
            source: view.source.as_ref().map(|source| source.tool.clone()),
            study: view.study.clone(),
            gpus: gpu_types(view),
            marks: Marks::default(),
        }
    }
}

/// The shape of every error of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// What happened, where, and what to do.
    pub error: String,
    /// Technical detail, where there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// One request's record as the API gives it: stamps in ns since `sent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestTimeline {
    /// The live figures.
    pub sample: crate::event::RequestSample,
    /// From due to sent, ns.
    pub queue_client_ns: u64,
    /// Time to open the connection, where one was opened, ns.
    pub connect_ns: Option<u64>,
    /// Response head, ns since sent.
    pub head_ns: Option<u64>,
    /// End of stream, ns since sent.
    pub close_ns: u64,
    /// Prompt tokens.
    pub prompt_tokens: Option<u32>,
    /// Output chunks: arrival in ns since sent, and tokens where known.
    pub chunks: Vec<(u64, Option<u32>)>,
    /// What went wrong, as a sentence.
    pub error: Option<String>,
}
