//! Owns the rules of a plan's engine that concern its start: what belongs to which way, texts that become arguments,
//! secrets by name only, parameters of its own.
//! Must not know how it is started.

use super::adapter::{Adapter, parameters};
use shared::engine::{EngineKind, Launch, find_parameter};
use shared::plan::{EnginePlan, Plan, PlanError};

/// Most arguments of each list.
const MAX_ARGUMENTS: usize = 64;
/// Flags whose value would be a secret in the plan.
const SECRET_FLAGS: [&str; 3] = ["--api-key", "--hf-token", "--admin-api-key"];

/// Checks what the plan's own rules leave to those who know engines.
///
/// # Errors
/// The first field at fault, as a sentence.
pub fn check(plan: &Plan) -> Result<(), PlanError> {
    let engine = &plan.engine;
    strangers(engine)?;
    paths(engine)?;
    texts(engine)?;
    names(engine)?;
    params(engine)
}

fn refuse(field: &'static str, problem: impl Into<String>) -> PlanError {
    PlanError::Field { field, problem: problem.into() }
}

/// What belongs to another way of reaching an engine than the plan's.
fn strangers(engine: &EnginePlan) -> Result<(), PlanError> {
    let is_started = engine.launch.is_some() || engine.kind == EngineKind::Builtin;
    let is_native = engine.launch == Some(Launch::Native);
    let is_launched = engine.launch.is_some();
    let strangers = [
        ("engine.command", !engine.command.is_empty() && !is_native, "needs launch = \"native\""),
        ("engine.venv", engine.venv.is_some() && !is_native, "needs launch = \"native\""),
        ("engine.image", engine.image.is_some() && engine.launch != Some(Launch::Docker), "needs launch = \"docker\""),
        ("engine.served_name", engine.served_name.is_some() && !is_launched, "needs an engine that is launched"),
        ("engine.model_cache", engine.model_cache.is_some() && !is_launched, "needs an engine that is launched"),
        ("engine.port", engine.port.is_some() && !is_launched, "needs an engine that is launched"),
        ("engine.ready_limit_s", engine.ready_limit_s.is_some() && !is_launched, "needs an engine that is launched"),
        ("engine.extra_args", !engine.extra_args.is_empty() && !is_launched, "needs an engine that is launched"),
        ("engine.pass_env", !engine.pass_env.is_empty() && !is_launched, "needs an engine that is launched"),
        ("engine.gpu", engine.gpu.is_some() && is_started, "is for a server that runs already"),
        ("engine.api_key", engine.api_key.is_some() && is_started, "is for a server that runs already"),
        ("engine.headers", !engine.headers.is_empty() && is_started, "is for a server that runs already"),
    ];
    match strangers.iter().find(|(_, is_stranger, _)| *is_stranger) {
        Some((field, _, needs)) => Err(refuse(field, format!("{needs}: remove it."))),
        None => Ok(()),
    }
}

/// Paths, and what an image needs.
fn paths(engine: &EnginePlan) -> Result<(), PlanError> {
    if engine.launch == Some(Launch::Docker) && engine.image.is_none() {
        return Err(refuse("engine.image", "is missing: name the container's image with its tag or digest."));
    }
    let is_relative = |path: &Option<String>| path.as_ref().is_some_and(|path| path.starts_with('.'));
    if engine.launch == Some(Launch::Docker) && is_relative(&engine.model) {
        return Err(refuse("engine.model", "must be an id or an absolute path, which the container sees, too."));
    }
    if engine.model_cache.as_ref().is_some_and(|path| !path.starts_with('/')) {
        return Err(refuse("engine.model_cache", "must be an absolute path."));
    }
    if !engine.command.is_empty() && engine.venv.is_some() {
        return Err(refuse("engine.venv", "is set beside command, which names the program itself: remove one."));
    }
    Ok(())
}

/// Texts that become arguments of a command must not be taken for flags.
fn texts(engine: &EnginePlan) -> Result<(), PlanError> {
    let texts = [
        ("engine.model", engine.model.as_deref()),
        ("engine.served_name", engine.served_name.as_deref()),
        ("engine.image", engine.image.as_deref()),
        ("engine.venv", engine.venv.as_deref()),
        ("engine.model_cache", engine.model_cache.as_deref()),
        ("engine.gpu", engine.gpu.as_deref()),
    ];
    for (field, text) in texts {
        let fits = |text: &str| !text.starts_with('-') && !text.trim().is_empty() && text.len() <= 500;
        if text.is_some_and(|text| !fits(text) || text.contains(char::is_control)) {
            return Err(refuse(
                field,
                "must have 1 to 500 characters, none of them a line's end, and not begin with a dash.",
            ));
        }
    }
    for (field, list) in [("engine.command", &engine.command), ("engine.extra_args", &engine.extra_args)] {
        if list.len() > MAX_ARGUMENTS || list.iter().any(|text| text.is_empty() || text.contains('\0')) {
            return Err(refuse(field, format!("must be at most {MAX_ARGUMENTS} arguments, none of them empty.")));
        }
        let is_secret = |text: &String| SECRET_FLAGS.iter().any(|flag| text.split('=').next() == Some(flag));
        if let Some(flag) = list.iter().find(|text| is_secret(text)) {
            let flag = flag.split('=').next().unwrap_or_default();
            return Err(refuse(
                field,
                format!(
                    "has {flag}, which would show a secret to everybody: keep it in a variable, and name that in \
                         pass_env."
                ),
            ));
        }
    }
    if engine.ready_limit_s.is_some_and(|s| !(1.0..=86_400.0).contains(&s)) {
        return Err(refuse("engine.ready_limit_s", "must be from 1 to 86,400 seconds."));
    }
    if engine.port == Some(0) {
        return Err(refuse("engine.port", "must be from 1 to 65,535; leave it out for a free one."));
    }
    Ok(())
}

/// Secrets are named, never given.
fn names(engine: &EnginePlan) -> Result<(), PlanError> {
    let named = (engine.pass_env.iter().map(|name| ("engine.pass_env", name)))
        .chain(engine.api_key.iter().map(|name| ("engine.api_key", name)))
        .chain(engine.headers.values().map(|name| ("engine.headers", name)));
    for (field, name) in named {
        if !is_name(name) {
            return Err(refuse(
                field,
                "must be the NAME of an environment variable or secret, in capital letters, digits and underscores; its \
                 value never stands in a plan.",
            ));
        }
    }
    let is_token = |name: &String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if engine.headers.len() > MAX_ARGUMENTS || engine.headers.keys().any(|name| name.is_empty() || !is_token(name)) {
        return Err(refuse("engine.headers", "has a name that no header can have."));
    }
    Ok(())
}

/// Parameters as the engine has them, and a name for its model.
fn params(engine: &EnginePlan) -> Result<(), PlanError> {
    let is_started = engine.launch.is_some() || engine.kind == EngineKind::Builtin;
    let Some(adapter) = Adapter::of(engine.kind).filter(|_| is_started) else { return Ok(()) };
    let label = engine.kind.label();
    if engine.served_name.is_some() && adapter.name.is_none() {
        let problem = format!("is set, but {label} cannot give its model another name: remove it.");
        return Err(refuse("engine.served_name", problem));
    }
    let known = parameters(engine.kind);
    let given = (engine.params.iter().map(|(key, value)| ("engine.params", key, value)))
        .chain(engine.vary.iter().flat_map(|(key, values)| values.iter().map(move |v| ("engine.vary", key, v))));
    for (field, key, value) in given {
        find_parameter(known.iter().copied(), label, key, value).map_err(|problem| refuse(field, problem))?;
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests;
