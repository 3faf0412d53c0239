//! Owns the start of engines by the agent, up to their first generated token: on this host or in a container.
//! Must not know load or runs.

mod begin;
mod docker;
mod native;
mod order;
mod question;
#[cfg(test)]
mod tests;

use super::adapter::{Adapter, Mark, Program, Serving, Version};
use super::builtin::Preset;
use super::shape::{self, Asked};
use super::{Engine, EngineError, Means, Onlooker, baseline, gpu, hub};
use crate::process::{Launch, ProcessError, port};
use crate::secret::Secret;
use begin::begin;
use clap::ValueEnum;
use docker::{Docker, cache_folder};
use native::Native;
use order::Order;
pub(super) use question::version_of;
use shared::engine::{EngineInfo, EngineKind, ImageInfo, Launch as How, ModelShape, ParamValue, builtin};
use shared::ids::ConfigurationIndex;
use shared::plan::{Configuration, EnginePlan, Plan};
use std::path::PathBuf;

/// Variable with the token for models that one must ask for; every engine gets it where the agent has it.
const MODEL_TOKEN: &str = "HF_TOKEN";
/// Its older name, which is still in use.
const OLD_MODEL_TOKEN: &str = "HUGGING_FACE_HUB_TOKEN";

/// A way to start engines.
trait Launcher {
    /// The version that would be started, where it can be told before.
    async fn version(&self, order: &Order<'_>) -> Result<Option<Version>, EngineError>;

    /// Program, arguments and environment.
    ///
    /// # Errors
    /// Where the version does not know an argument.
    fn command(&self, order: &Order<'_>, version: Option<Version>) -> Result<Launch, EngineError>;

    /// The image that runs, where there is one.
    async fn image(&self, order: &Order<'_>) -> Option<ImageInfo>;

    /// Lines of the launcher itself that begin a phase.
    fn marks(&self) -> &'static [Mark] {
        &[]
    }
}

/// Starts the plan's engine in one of its configurations.
pub(super) async fn start(
    plan: &Plan,
    index: ConfigurationIndex,
    configuration: &Configuration,
    means: &Means,
    onlooker: Onlooker,
) -> Result<Engine, EngineError> {
    let engine = &plan.engine;
    let adapter = Adapter::of(engine.kind).ok_or(EngineError::NotLaunched(engine.kind.label()))?;
    let devices = match engine.kind {
        EngineKind::Builtin => gpu::Devices::default(),
        _ => gpu::choose(engine.gpus.as_ref(), gpu::of_this_host().await, inherited_gpus(engine).as_deref())?,
    };
    let secrets = secrets(engine, means)?;
    let cache = model_cache(engine);
    let baseline = baseline_files(engine, adapter, means)?;
    let name = if engine.kind == EngineKind::Builtin { &engine.model } else { &engine.served_name };
    let order = Order {
        adapter,
        plan: engine,
        serving: Serving {
            model: engine.model.as_deref().unwrap_or_default(),
            name: name.as_deref(),
            params: &configuration.params,
            extra: &engine.extra_args,
            reuses_prefixes: plan.workload.reuses_prefixes(),
        },
        devices: &devices,
        secrets: &secrets,
        port: claimed(engine.port)?,
        cache: cache.as_deref(),
        baseline: baseline.as_deref(),
        versions: means.versions.as_deref(),
    };
    let mut engine = match engine.launch {
        Some(How::Docker) => {
            run(&Docker { container: means.host.container("docker") }, &order, means, onlooker).await?
        }
        Some(How::Native) | None => run(&Native, &order, means, onlooker).await?,
    };
    engine.info.configuration = index;
    engine.info.params.clone_from(&configuration.params);
    engine.info.gpus.clone_from(&devices.gpus);
    engine.info.driver.clone_from(&devices.driver);
    Ok(engine)
}

/// Starts an engine by a launcher and waits until it has generated a token.
async fn run(
    launcher: &impl Launcher,
    order: &Order<'_>,
    means: &Means,
    onlooker: Onlooker,
) -> Result<Engine, EngineError> {
    let version = launcher.version(order).await?;
    let launch = launcher.command(order, version)?;
    hub::check(order.wanted(), variable).await?;
    let command: Vec<String> = std::iter::once(launch.program.as_os_str())
        .chain(launch.args.iter().map(std::ffi::OsString::as_os_str))
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let onlooker = onlooker.knowing(EngineInfo {
        label: order.plan.kind.label().to_owned(),
        model: order.serving.model.to_owned(),
        version: version.map(|version| version.to_string()),
        command: command.clone(),
        gpus: order.devices.gpus.clone(),
        driver: order.devices.driver.clone(),
        ..EngineInfo::default()
    });
    let host = order.devices.own().map_or_else(|| means.host.clone(), |uuids| means.host.on_devices(uuids));
    let mut engine = begin(&host, launch, order, launcher.marks(), onlooker).await?;
    let info = &mut engine.info;
    info.command = command;
    info.image = launcher.image(order).await;
    info.version = info.version.take().or_else(|| version.map(|version| version.to_string()));
    info.dtype =
        info.dtype.take().or_else(|| order.adapter.value("dtype", &order.serving).map(|dtype| dtype.to_string()));
    shape::note(info, shape_of(order, info.dtype.as_deref()));
    let seed = ["seed", "random_seed"].iter().find_map(|key| order.adapter.value(key, &order.serving));
    info.seed = if let Some(ParamValue::Int(seed)) = seed { Some(seed) } else { None };
    info.other_work = order.adapter.other_work(&order.serving);
    info.may_keep_prompts = order.adapter.may_keep_prompts(&order.serving);
    info.gpus_used = order.adapter.gpus_used(&order.serving);
    let running = order.adapter.running.and_then(|key| order.adapter.value(key, &order.serving));
    if let Some(ParamValue::Int(running)) = running {
        info.capacity.max_running = u32::try_from(running).ok();
    }
    Ok(engine)
}

/// The shape of the model that was started; `dtype` is the precision that the engine tells, else what was asked for.
///
/// # Errors
/// Why it is unknown, as a sentence.
fn shape_of(order: &Order<'_>, dtype: Option<&str>) -> Result<ModelShape, String> {
    if order.adapter.program == Program::Ours {
        let preset = order.adapter.value(&builtin::PRESET.key, &order.serving).map(|preset| preset.to_string());
        let preset = Preset::from_str(preset.as_deref().unwrap_or(&builtin::PRESET.default), false)?;
        return Ok(preset.config().shape());
    }
    let mut precision = order.adapter.precision(&order.serving)?;
    if let (Asked::Nothing | Asked::Value(_), Some(dtype)) = (&precision.dtype, dtype) {
        precision.dtype = Asked::Value(dtype.to_owned());
    }
    shape::of(order.serving.model, order.cache, &precision)
}

/// The folder of this host that downloaded models are kept in, where there is one.
pub(super) fn model_cache(engine: &EnginePlan) -> Option<PathBuf> {
    cache_folder(engine.model_cache.as_deref(), variable("HF_HOME").as_deref(), variable("HOME").as_deref())
}

/// A variable of the agent's.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What a process inherits from the agent of which GPUs it sees; a container sees them all.
pub(in crate::engine) fn inherited_gpus(engine: &EnginePlan) -> Option<String> {
    variable("CUDA_VISIBLE_DEVICES").filter(|_| engine.launch != Some(How::Docker))
}

/// Whether it is the agent's `CUDA_VISIBLE_DEVICES` that says which GPUs the engine sees.
#[must_use]
pub fn inherits_a_mask(engine: &EnginePlan) -> bool {
    engine.url.is_none() && engine.gpus.is_none() && inherited_gpus(engine).is_some()
}

/// Variables that go to the engine alone.
fn secrets(engine: &EnginePlan, means: &Means) -> Result<Vec<(String, Secret)>, EngineError> {
    let mut secrets = Vec::new();
    if engine.kind != EngineKind::Builtin {
        let token =
            means.secrets.find(MODEL_TOKEN)?.map_or_else(|| means.secrets.find(OLD_MODEL_TOKEN), |t| Ok(Some(t)));
        secrets.extend(token?.map(|token| (MODEL_TOKEN.to_owned(), token)));
    }
    for name in engine.pass_env.iter().filter(|name| *name != MODEL_TOKEN) {
        secrets.push((name.clone(), means.secrets.require(name)?));
    }
    Ok(secrets)
}

/// The baseline's files where it is started as a process, and nothing of its program is the plan's.
fn baseline_files(engine: &EnginePlan, adapter: &Adapter, means: &Means) -> Result<Option<PathBuf>, EngineError> {
    if adapter.program != Program::Baseline || !engine.command.is_empty() {
        return Ok(None);
    }
    let folder = &means.programs;
    let written = baseline::unpack(folder).and_then(std::path::absolute);
    written.map(Some).map_err(|source| EngineError::BaselineFiles { folder: folder.clone(), source })
}

/// The port that the engine is to listen on: the plan's, where nobody else does, or a free one.
fn claimed(planned: Option<u16>) -> Result<u16, ProcessError> {
    match planned {
        Some(port) => port::refuse_taken(port).map(|()| port),
        None => port::free(),
    }
}
