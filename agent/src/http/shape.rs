//! Owns the documented shapes of what `shared` sends and takes, which itself knows no OpenAPI.
//! Must not be used for anything but documentation; tests hold each to the type that it describes.
#![allow(dead_code, reason = "read by the derive only")]

mod engines;
mod history;
mod people;
mod queue;
mod retention;
mod schedules;
mod studies;

pub(super) use engines::{EngineRow, EnginesNow, StartedEngine};
pub(super) use history::{BinRow, Done, Facets, Marked, Marks};
pub(super) use people::{AuditRow, Me, NewShare, NewToken, ShareRow, TokenRow};
pub(super) use queue::QueueNow;
pub(super) use retention::{Disk, Preview, Retention, Swept};
pub(super) use schedules::ScheduleRow;
pub(super) use studies::{Compared, StudyPlan, StudyRow, StudyView};

use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An error: what happened, where, and what to do.
#[derive(ToSchema)]
pub(super) struct ApiError {
    /// The sentence.
    error: String,
    /// Technical detail, where there is any.
    #[schema(nullable = false)]
    detail: Option<String>,
}

/// What one GPU costs.
#[derive(ToSchema)]
pub(super) struct Price {
    /// USD for an hour.
    usd_per_gpu_hour: f64,
    /// `"plan"`, or `{"edited": …}` and `{"table": …}` with `gpu` (words of the name), `source` and `date`.
    origin: Value,
}

/// States of a run.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum RunState {
    Queued,
    Starting,
    Running,
    Done,
    Failed,
    Cancelled,
    Interrupted,
}

/// One run in a list.
#[derive(ToSchema)]
pub(super) struct RunRow {
    /// The run's id.
    run: String,
    /// Its name.
    name: String,
    /// Words that name the engine.
    engine: String,
    /// The model, once known.
    #[schema(required)]
    model: Option<String>,
    /// State.
    state: RunState,
    /// The sentence that came with the state.
    #[schema(required)]
    reason: Option<String>,
    /// Creation, Unix ms of the host.
    created_unix_ms: u64,
    /// Length so far, ns.
    elapsed_ns: u64,
    /// When its turn came, ns since its creation; absent while it waits.
    begun_ns: Option<u64>,
    /// Trials that ended.
    trials_done: u32,
    /// Trials that the run will have; absent while a search decides that.
    #[schema(required)]
    trials: Option<u32>,
    /// Greatest output throughput of its points, tokens/s.
    #[schema(required)]
    best_output_throughput: Option<f64>,
    /// Verdict, once judged.
    #[schema(required)]
    verdict: Option<Value>,
    /// Number of its last event.
    seq: u64,
    /// The tool that measured it, where that was another one.
    #[schema(nullable = false)]
    source: Option<String>,
    /// The study that it is part of: `study`, `index`, `label`.
    study: Option<Value>,
    /// Types of the GPUs that its engine may use, each once; none where none is known.
    gpus: Vec<String>,
    /// What people put on it.
    marks: Marks,
}

/// Where an imported run comes from.
#[derive(ToSchema)]
pub(super) struct Source {
    /// The tool that measured.
    tool: String,
    /// Its version, where the files say.
    #[schema(nullable = false)]
    version: Option<String>,
    /// What the files call the engine.
    #[schema(nullable = false)]
    engine: Option<String>,
    /// The files: `name`, `bytes`, `sha256`.
    files: Vec<Value>,
    /// Figures that follow another definition than ours: `metric` (a key, or `percentiles`), `says`.
    #[schema(required = false)]
    definitions: Vec<Value>,
}

/// What became of the files of an import.
#[derive(ToSchema)]
pub(super) struct ImportReport {
    /// The files, in the order of their names.
    files: Vec<ImportedFile>,
}

/// One file of an import.
#[derive(ToSchema)]
pub(super) struct ImportedFile {
    /// Its name as it was handed in, folders included.
    name: String,
    /// `{"imported": {"runs": […]}}`, `{"known": {"runs": […]}}` where it was imported before, or
    /// `{"refused": {"why": "…"}}`.
    fate: Value,
}

/// One request in a list; times in ns of run time.
#[derive(ToSchema)]
pub(super) struct RequestRow {
    /// Its number within the run.
    id: u64,
    /// When its first byte was sent; when it was due where it never was.
    sent_ns: u64,
    /// When it ended.
    end_ns: u64,
    /// Time to first token, ns.
    #[schema(required)]
    ttft_ns: Option<u64>,
    /// Time per output token, ns.
    #[schema(required)]
    tpot_ns: Option<u64>,
    /// Output tokens.
    #[schema(required)]
    output_tokens: Option<u32>,
    /// How it ended: `ok`, `ok_short`, `timed_out`, …
    outcome: String,
    /// What went wrong, as a sentence.
    #[schema(required)]
    error: Option<String>,
}

/// One request's timeline; stamps in ns since it was sent.
#[derive(ToSchema)]
pub(super) struct RequestTimeline {
    /// The live figures.
    sample: Value,
    /// From due to sent, ns.
    queue_client_ns: u64,
    /// Time to open the connection, where one was opened, ns.
    #[schema(required)]
    connect_ns: Option<u64>,
    /// Response head.
    #[schema(required)]
    head_ns: Option<u64>,
    /// End of stream.
    close_ns: u64,
    /// Prompt tokens.
    #[schema(required)]
    prompt_tokens: Option<u32>,
    /// Output chunks: arrival, and tokens where known.
    chunks: Vec<Vec<Option<u64>>>,
    /// What went wrong, as a sentence.
    #[schema(required)]
    error: Option<String>,
}

/// What of a point's requests kept the limits, over all its trials that ended.
#[derive(ToSchema)]
pub(super) struct PointGoodput {
    /// The point, from 0.
    point: u32,
    /// Its level: `{"concurrency": 16}`, `{"rate": 2.5}`, …
    level: Value,
    /// Level and engine configuration in words.
    words: String,
    /// Requests that kept every limit; absent where a limit per token meets requests whose tokens nobody counted.
    #[schema(required)]
    met: Option<u64>,
    /// Requests of the windows; those that failed are misses.
    of: u64,
    /// Requests that kept every limit, per second of the windows.
    #[schema(required)]
    requests_per_s: Option<f64>,
    /// Their output tokens per second; absent where tokens are unknown.
    #[schema(required)]
    tokens_per_s: Option<f64>,
}

/// A latency's exact distribution over all trials of a point that ended.
#[derive(ToSchema)]
pub(super) struct PointDistribution {
    /// The metric's key.
    metric: String,
    /// Samples with a value.
    n: u64,
    /// Requests of which only a lower bound is known: they reached a limit.
    at_least: u64,
    /// Value in ms, and the share of all samples up to it; ends where lower bounds make ranks uncertain.
    ecdf: Vec<Vec<f64>>,
    /// From and to in ms (the last bin holds its end), and how many samples.
    bins: Vec<Vec<f64>>,
}

/// A run as the fold over its events.
#[derive(ToSchema)]
pub(super) struct RunView {
    /// Number of the last event folded.
    seq: u64,
    /// Time of the latest event, ns of run time.
    last_ns: u64,
    /// Run, plan, wall-clock anchor, host, agent version.
    #[schema(required)]
    header: Option<Value>,
    /// Where it comes from, where another tool measured it.
    #[schema(nullable = false)]
    source: Option<Source>,
    /// The study that it is part of: `study`, `index`, `label`.
    study: Option<Value>,
    /// State, and since when (ns of run time).
    #[schema(required)]
    state: Option<Vec<Value>>,
    /// When its turn came, ns of run time; absent while it waits.
    begun_ns: Option<u64>,
    /// The sentence that came with the state.
    #[schema(required)]
    reason: Option<String>,
    /// The engine that answered last.
    #[schema(required)]
    engine: Option<Value>,
    /// Every engine that answered, in order of start: version, command, image, GPUs, driver, seed, parameters, and which
    /// configuration it ran. Each trial has its place here as `engine`, each point those of its trials as `engines`.
    engines: Vec<Value>,
    /// How far the engine's start is: `phase` and `percent`; absent while none starts.
    #[schema(required)]
    starting: Option<Value>,
    /// Each time that the run went on after it had ended: run time, wall clock, host, agent version.
    resumptions: Vec<Value>,
    /// Configurations whose engine failed while the run went on.
    failures: Vec<Value>,
    /// Points in plan order.
    points: Vec<Value>,
    /// Trials in execution order.
    trials: Vec<Value>,
    /// What a search came to.
    #[schema(required)]
    search: Option<Value>,
    /// Requests in flight at the last batch.
    in_flight: u32,
    /// Requests that were due and waited at the last batch; open loop only.
    waiting: u32,
    /// Requests that ended well and that did not.
    ended: Value,
    /// What it has cost so far: each `lives` of the engine with when it was ready and gone, GPUs, price and its origin.
    spending: Value,
    /// Live series on the run's time axis.
    series: Value,
    /// A sample of requests.
    scatter: Value,
    /// GPUs, host and the engine's own metrics on the run's time axis.
    telemetry: Value,
    /// The engine's last log lines.
    engine_log: Vec<String>,
    /// Lines of the engine's log that are no longer here.
    engine_log_dropped: u64,
    /// What the rules found; absent before they looked.
    #[schema(required)]
    findings: Option<Vec<Value>>,
    /// What must be said beside the run's figures.
    caveats: Vec<Value>,
    /// Events of kinds that this version does not know.
    unknown_events: u64,
}

/// What a run will do. Unknown fields are refused.
#[derive(ToSchema)]
pub(super) struct Plan {
    /// 1.
    schema: u32,
    /// Name that people read.
    name: String,
    /// The engine that is measured.
    engine: EnginePlan,
    /// What it is asked.
    workload: WorkloadPlan,
    /// How hard it is asked.
    load: LoadPlan,
    /// Limits that goodput is judged by.
    slo: Option<SloPlan>,
    /// What a GPU hour costs.
    cost: Option<CostPlan>,
    /// How often the run looks at GPUs, host and the engine's own metrics.
    telemetry: Option<TelemetryPlan>,
}

/// Which engine, and how it is reached.
#[derive(ToSchema)]
pub(super) struct EnginePlan {
    /// `builtin`, `vllm`, `sglang`, `tgi`, `transformers`, `llama_server`, `openai_completions`, `openai_chat`,
    /// `generate_stream`.
    kind: String,
    /// How the agent starts it: `native` or `docker`; absent for a server that runs already.
    launch: Option<String>,
    /// Base URL of a server that the agent does not start, without `/v1`.
    url: Option<String>,
    /// Model id, or a folder on the agent's host; by default the first one that a running server lists.
    model: Option<String>,
    /// Name that a started server gives the model.
    served_name: Option<String>,
    /// Program and first arguments in place of the kind's own.
    #[schema(required = false)]
    command: Vec<String>,
    /// Folder of the virtual environment that the engine is installed in.
    venv: Option<String>,
    /// The container's image, with a tag or digest.
    image: Option<String>,
    /// Folder on the agent's host that downloaded models are kept in.
    model_cache: Option<String>,
    /// Port on 127.0.0.1 that a started engine serves on; a free one by default.
    port: Option<u16>,
    /// How long a start may take until the first generated token, s.
    ready_limit_s: Option<f64>,
    /// GPUs that the engine uses: a number, a list of indices, or a list of UUIDs; needed for cost.
    gpus: Option<Value>,
    /// Type of the GPUs of a server that is not started by the agent.
    gpu: Option<String>,
    /// Parameters of the engine's own: truth values, numbers, texts.
    #[schema(required = false)]
    params: BTreeMap<String, Value>,
    /// Parameters that vary, each with its values: their product gives the engine's configurations.
    #[schema(required = false)]
    vary: BTreeMap<String, Vec<Value>>,
    /// `blocked` (default) or `interleaved`.
    #[schema(required = false)]
    order: String,
    /// Arguments that follow all others, as they are.
    #[schema(required = false)]
    extra_args: Vec<String>,
    /// Names of variables or secrets that a started engine gets beside `HF_TOKEN`.
    #[schema(required = false)]
    pass_env: Vec<String>,
    /// Name of the variable or secret that holds the API key of a running server.
    api_key: Option<String>,
    /// Headers for a running server, each with the name of the variable or secret that holds its value.
    #[schema(required = false)]
    headers: BTreeMap<String, String>,
}

/// What the engine is asked.
#[derive(ToSchema)]
pub(super) struct WorkloadPlan {
    /// Length of synthetic prompts, tokens: a number, or a table with `distribution`. One of this, `prompts` and `file`.
    input_tokens: Option<Value>,
    /// Shipped prompts: `all`, or the name of a task.
    prompts: Option<String>,
    /// A prompts file on the agent's host: `.txt`, `.jsonl`, or `.json` in ShareGPT's form.
    file: Option<String>,
    /// Tokens asked for: a number, or a table with `distribution`. Absent where a trace is played.
    output_tokens: Option<Value>,
    /// Tokens that groups of synthetic prompts begin with in common: `groups`, `tokens`.
    prefix: Option<Value>,
    /// Conversations: `turns`, `think_s`.
    sessions: Option<Value>,
    /// Equal work: the engine goes on past its end-of-sequence token. True by default.
    #[schema(required = false)]
    ignore_eos: bool,
    /// A nonce a request, so that no prefix cache helps. True by default.
    #[schema(required = false)]
    nonce: bool,
    /// Seed of everything random in prompts and order.
    #[schema(required = false)]
    seed: u64,
}

/// How hard the engine is asked.
#[derive(ToSchema)]
pub(super) struct LoadPlan {
    /// `closed`, `burst`, `constant`, `poisson`, `gamma`, `ramp` or `trace`.
    #[schema(required = false)]
    arrival: String,
    /// Requests in flight, or in a burst, one point each.
    #[schema(required = false)]
    concurrency: Vec<u32>,
    /// Requests per second, one point each.
    #[schema(required = false)]
    rate: Vec<f64>,
    /// Shape of the gamma distribution of the gaps.
    burstiness: Option<f64>,
    /// The ramp: `from_rate`, `to_rate`, `curve` (`linear` or `exponential`).
    ramp: Option<Value>,
    /// The trace: `file`, `speed_up`.
    trace: Option<Value>,
    /// What an open loop has in flight at most.
    max_in_flight: Option<u32>,
    /// Finds the levels itself: `goal` (`saturation` or `slo`), `from`, `to`, `attainment`.
    search: Option<Value>,
    /// Requests of a trial's window. Either this or `duration_s`.
    requests: Option<u32>,
    /// At least this many requests for each that is in flight.
    requests_per_slot: Option<u32>,
    /// Length of a trial's window, s.
    duration_s: Option<f64>,
    /// Load before the window, s; its requests are extra.
    #[schema(required = false)]
    warmup_s: f64,
    /// Repeats of each point.
    #[schema(required = false)]
    trials: u32,
    /// Limit for one request, s.
    #[schema(required = false)]
    timeout_s: f64,
    /// Limit for the rest to end after the window, s.
    #[schema(required = false)]
    drain_s: f64,
}

/// Limits that goodput is judged by.
#[derive(ToSchema)]
pub(super) struct SloPlan {
    /// Most time to first token, ms.
    ttft_ms: Option<f64>,
    /// Most time per output token, ms.
    tpot_ms: Option<f64>,
    /// Most time from first byte sent to last output, ms.
    e2e_ms: Option<f64>,
}

/// What a GPU hour costs.
#[derive(ToSchema)]
pub(super) struct CostPlan {
    /// US dollars for one GPU for one hour.
    usd_per_gpu_hour: f64,
}

/// How often a run looks at its machine.
#[derive(ToSchema)]
pub(super) struct TelemetryPlan {
    /// Reads per second of what is cheap to read, 0.1 to 20; 1 where absent.
    #[schema(required = false)]
    rate_hz: f64,
}
