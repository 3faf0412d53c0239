//! Owns the documented shapes of engines: kinds, parameters, what a host has, the one that was started by hand.
//! Must not be used for anything but documentation; tests hold each to the type that it describes.

use super::EnginePlan;
use serde_json::Value;
use utoipa::ToSchema;

/// One kind of engine.
#[derive(ToSchema)]
pub(in crate::http) struct EngineRow {
    /// Its word in a plan.
    kind: String,
    /// The words that name it.
    label: String,
    /// How the agent can start it: `native`, `docker`.
    launches: Vec<String>,
    /// A server of this kind that runs already can be measured.
    by_url: bool,
    /// Its parameters.
    parameters: Vec<Parameter>,
}

/// One parameter that an engine is started with.
#[derive(ToSchema)]
pub(in crate::http) struct Parameter {
    /// Its key in `[engine.params]`.
    key: String,
    /// What it may be: `"switch"`, `"text"`, `{"whole": {"min", "max"}}`, `{"number": {"min", "max"}}`, `{"choice": […]}`.
    values: Value,
    /// What holds where a plan says nothing, in words.
    default: String,
    /// What it does.
    meaning: String,
    /// Unit of a number, where it has one.
    #[schema(required)]
    unit: Option<String>,
    /// A change needs a new start of the engine.
    restarts: bool,
}

/// What there is to see of engines.
#[derive(ToSchema)]
pub(in crate::http) struct EnginesNow {
    /// What the host has.
    host: HostEngines,
    /// The engine that was started by hand last, also when it is over.
    #[schema(required)]
    started: Option<StartedEngine>,
    /// The last lines of its log.
    log: LogPart,
}

/// What the host has for engines.
#[derive(ToSchema)]
pub(in crate::http) struct HostEngines {
    /// Its GPUs.
    gpus: Vec<GpuRow>,
    /// Why there is no GPU in the list.
    #[schema(required)]
    no_gpus: Option<String>,
    /// Why nothing can be started in a container.
    #[schema(required)]
    no_docker: Option<String>,
    /// Each place where a kind of engine was looked for.
    found: Vec<FoundRow>,
    /// When that was looked for, Unix ms; absent where nobody has looked yet.
    #[schema(required)]
    looked_unix_ms: Option<u64>,
}

/// One GPU.
#[derive(ToSchema)]
pub(in crate::http) struct GpuRow {
    /// The driver's number for it.
    index: u32,
    /// Its type.
    #[schema(required)]
    name: Option<String>,
    /// All of its memory, bytes.
    #[schema(required)]
    memory_bytes: Option<u64>,
    /// Memory in use by anybody, bytes.
    #[schema(required)]
    used_bytes: Option<u64>,
}

/// A place where a kind of engine was looked for.
#[derive(ToSchema)]
pub(in crate::http) struct FoundRow {
    /// The kind.
    kind: String,
    /// `native` or `docker`.
    launch: String,
    /// The program with its path, the environment, or the image.
    place: String,
    /// `asked` while its version is asked for, or one of `found` (its version), `missing` and `unknown` (a sentence).
    presence: Value,
}

/// An engine that somebody started by hand.
#[derive(ToSchema)]
pub(in crate::http) struct StartedEngine {
    /// Counts the engines that this agent started by hand.
    number: u32,
    /// What was asked for.
    engine: EnginePlan,
    /// `starting`, `ready`, `stopping`, `stopped` or `failed`.
    state: String,
    /// When it was started, Unix ms.
    begun_unix_ms: u64,
    /// When it came to its state, Unix ms.
    since_unix_ms: u64,
    /// Where it is reached, once its process runs.
    #[schema(required)]
    url: Option<String>,
    /// What is known of it so far: command, version, phases of its start, GPUs.
    info: Value,
    /// The phase that its start is in.
    phase: String,
    /// How much of that phase is done, where its log says so.
    #[schema(required)]
    percent: Option<u8>,
    /// Memory of the host that its processes hold, bytes.
    #[schema(required)]
    memory_bytes: Option<u64>,
    /// Memory of devices that its processes hold, bytes.
    #[schema(required)]
    device_bytes: Option<u64>,
    /// Why it is gone, or what it left behind.
    #[schema(required)]
    reason: Option<String>,
}

/// A part of an engine's log.
#[derive(ToSchema)]
pub(in crate::http) struct LogPart {
    /// The engine's number.
    number: u32,
    /// Lines of it before these.
    before: u64,
    /// The lines, oldest first.
    lines: Vec<String>,
}
