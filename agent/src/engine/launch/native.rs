//! Owns the launch as a process of this host: program, environment, GPUs by UUID.
//! Must not know containers or what happens after the start.

use super::{Launcher, Order};
use crate::engine::EngineError;
use crate::engine::adapter::{Bind, Program, Version};
use crate::engine::baseline::python_of;
use crate::engine::builtin::child_environment;
use crate::engine::tool::ask;
use crate::process::Launch;
use crate::sync::lock;
use shared::engine::ImageInfo;
use std::path::Path;
use std::time::Duration;

/// How long an engine may take to tell its version: it may load all of its own code first.
const VERSION_LIMIT: Duration = Duration::from_secs(120);

/// Starts engines as processes of this host.
pub(super) struct Native;

impl Launcher for Native {
    async fn version(&self, order: &Order<'_>) -> Result<Option<Version>, EngineError> {
        let mut words = program(order)?;
        let question = order.adapter.version_arguments();
        if question.is_empty() {
            return Ok(None);
        }
        words.extend(question);
        if let Some(told) = order.versions.and_then(|told| lock(told).get(&words).copied()) {
            return Ok(told);
        }
        let (program, args) = words.split_first().ok_or(EngineError::NoProgram)?;
        let version = match ask(program, args, &environment(order), VERSION_LIMIT).await {
            Ok(answer) => order.adapter.version_in(&answer.text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(EngineError::NotInstalled { program: program.clone(), kind: order.plan.kind.label() });
            }
            Err(error) => {
                tracing::warn!(%error, program, "an engine did not tell its version");
                None
            }
        };
        if let Some(told) = order.versions {
            lock(told).insert(words, version);
        }
        Ok(version)
    }

    fn command(&self, order: &Order<'_>, version: Option<Version>) -> Result<Launch, EngineError> {
        let mut words = program(order)?;
        let bind = Bind { host: "127.0.0.1", port: order.port };
        let (args, variables) = order.adapter.passed(&order.serving, bind, version)?;
        words.extend(order.adapter.serve.iter().map(|word| (*word).to_owned()));
        words.extend(args);
        let mut env = environment(order);
        env.extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let mut words = words.into_iter();
        let program = words.next().ok_or(EngineError::NoProgram)?.into();
        let (args, secrets) = (words.map(Into::into).collect(), order.secrets.to_vec());
        Ok(Launch { program, args, env, secrets, port: order.port, container: None })
    }

    async fn image(&self, _order: &Order<'_>) -> Option<ImageInfo> {
        None
    }
}

/// The program: the plan's, which may have first arguments, else the kind's own, from the plan's environment where it
/// names one.
fn program(order: &Order<'_>) -> Result<Vec<String>, EngineError> {
    if !order.plan.command.is_empty() {
        return Ok(order.plan.command.clone());
    }
    let venv = order.plan.venv.as_deref().map(Path::new);
    let program = match order.adapter.program {
        Program::Ours => std::env::current_exe().map_err(EngineError::OwnProgram)?,
        Program::Named(name) => venv.map_or_else(|| name.into(), |venv| venv.join("bin").join(name)),
        Program::Baseline => python_of(venv),
    };
    Ok(vec![program.to_string_lossy().into_owned()])
}

/// Variables that are no secrets.
fn environment(order: &Order<'_>) -> Vec<(String, String)> {
    let mut env = order.variables();
    let mut set = |name: &str, value: String| env.push((name.to_owned(), value));
    if order.adapter.program != Program::Ours {
        // Else the engine numbers GPUs by speed, and its first is not the driver's first.
        set("CUDA_DEVICE_ORDER", "PCI_BUS_ID".to_owned());
    }
    if let Some(chosen) = &order.devices.chosen {
        set("CUDA_VISIBLE_DEVICES", chosen.join(","));
    }
    if let Some(cache) = &order.plan.model_cache {
        set("HF_HOME", cache.clone());
    }
    if let Some(venv) = &order.plan.venv {
        // Programs that the engine starts in its turn, such as a compiler's driver, lie there too.
        let bin = Path::new(venv).join("bin");
        let path = std::env::var("PATH").unwrap_or_default();
        set("VIRTUAL_ENV", venv.clone());
        set("PATH", format!("{}:{path}", bin.display()));
    }
    if let Some(folder) = order.baseline {
        // Ours alone: the packages that are measured are those of the environment.
        set("PYTHONPATH", folder.display().to_string());
    }
    if order.adapter.program == Program::Ours {
        // One core stays with the client, which must not be late.
        child_environment().into_iter().for_each(|(name, value)| set(name, value));
    }
    env
}
