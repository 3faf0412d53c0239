//! Owns the rules of a plan's engine that need no knowledge of the engine itself.
//! Must not know how an engine is started; what its parameters may be, only of the built-in one.

use crate::engine::{EngineKind, Launch, ParamValue, builtin, find_parameter};
use crate::plan::error::refuse;
use crate::plan::{EnginePlan, Gpus, Order, Plan, PlanError};

/// Most GPUs that a plan may name.
const MAX_GPUS: u32 = 1024;
/// Most parameters, and most values of one that varies.
const MAX_PARAMS: usize = 64;
/// Most arguments of each list.
const MAX_ARGUMENTS: usize = 64;
/// Most engine configurations of a plan.
const MAX_CONFIGURATIONS: usize = 64;
/// Most points of a plan: configurations × levels.
const MAX_POINTS: usize = 512;
/// Flags whose value would be a secret in the plan.
const SECRET_FLAGS: [&str; 3] = ["--api-key", "--hf-token", "--admin-api-key"];

impl Plan {
    pub(super) fn validate_engine(&self) -> Result<(), PlanError> {
        let engine = &self.engine;
        engine.validate_gpus()?;
        engine.validate_way()?;
        engine.validate_texts()?;
        engine.validate_names()?;
        engine.validate_params()?;
        if engine.vary.is_empty() {
            return Ok(());
        }
        if self.load.search.is_some() {
            return Err(refuse(
                "engine.vary",
                "cannot stand beside load.search, whose levels would differ from one configuration to the next: name the \
                 levels, or search in a run for each configuration.",
            ));
        }
        // Lists are bounded above, but their product may be beyond what can be counted out.
        let product = engine.vary.values().try_fold(1usize, |product, values| product.checked_mul(values.len()));
        if product.is_none_or(|n| n > MAX_CONFIGURATIONS || n * self.load.levels().len() > MAX_POINTS) {
            return Err(refuse(
                "engine.vary",
                format!(
                    "makes more than {MAX_CONFIGURATIONS} configurations, or {MAX_POINTS} points: leave values out."
                ),
            ));
        }
        Ok(())
    }
}

impl EnginePlan {
    /// True where the agent starts it.
    fn is_started(&self) -> bool {
        self.launch.is_some() || self.kind == EngineKind::Builtin
    }

    fn validate_gpus(&self) -> Result<(), PlanError> {
        let gpus = |problem: &str| Err(refuse("engine.gpus", problem));
        match &self.gpus {
            Some(gpus_named) if !(1..=MAX_GPUS).contains(&gpus_named.count()) => {
                gpus("must be from 1 to 1024; leave it out where the engine uses none.")
            }
            Some(Gpus::Indices(list)) if has_twice(list) => gpus("names a GPU twice."),
            Some(Gpus::Uuids(list)) if has_twice(list) => gpus("names a GPU twice."),
            Some(Gpus::Uuids(list)) if list.iter().any(|uuid| !is_uuid(uuid)) => {
                gpus("must be a number, a list of indices, or a list of UUIDs as `nvidia-smi -L` shows them.")
            }
            _ => Ok(()),
        }
    }

    /// How it is reached: started or attached, and nothing in the plan that belongs to the other way.
    fn validate_way(&self) -> Result<(), PlanError> {
        let label = self.kind.label();
        if self.kind == EngineKind::Builtin {
            if self.url.is_some() {
                return Err(refuse(
                    "engine.url",
                    "is set, but the built-in engine is started by the agent: remove it.",
                ));
            }
            if self.launch.is_some() {
                return Err(refuse(
                    "engine.launch",
                    "is set, but the built-in engine starts in one way only: remove it.",
                ));
            }
        } else {
            match (self.launch, &self.url) {
                (Some(launch), _) if !self.kind.launches().contains(&launch) => {
                    let ways: Vec<&str> = self.kind.launches().iter().map(|launch| launch.key()).collect();
                    let what_to_do = match ways.as_slice() {
                        [] => "a server of this kind is reached by its url".to_owned(),
                        ways => format!("it can be started as {}, or reached by its url", ways.join(" or ")),
                    };
                    return Err(refuse(
                        "engine.launch",
                        format!("is \"{}\", which {label} cannot be: {what_to_do}.", launch.key()),
                    ));
                }
                (Some(_), Some(_)) => {
                    return Err(refuse("engine.url", "is set beside launch: the agent starts it, or it runs already."));
                }
                (Some(_), None) if self.model.is_none() => {
                    return Err(refuse("engine.model", "is missing: say which model the engine is to serve."));
                }
                (None, Some(url)) => check_url(url)?,
                (None, None) if self.kind.launches().is_empty() => {
                    return Err(refuse("engine.url", "is missing: this kind of engine is reached by its base URL."));
                }
                (None, None) => {
                    return Err(refuse(
                        "engine.launch",
                        format!(
                            "is missing: say how {label} is started, or give the url of a server that runs already."
                        ),
                    ));
                }
                (Some(_), None) => {}
            }
        }
        if self.launch == Some(Launch::Docker) && self.image.is_none() {
            return Err(refuse("engine.image", "is missing: name the container's image with its tag or digest."));
        }
        let is_relative = |path: &Option<String>| path.as_ref().is_some_and(|path| path.starts_with('.'));
        if self.launch == Some(Launch::Docker) && is_relative(&self.model) {
            return Err(refuse("engine.model", "must be an id or an absolute path, which the container sees, too."));
        }
        if self.model_cache.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return Err(refuse("engine.model_cache", "must be an absolute path."));
        }
        if !self.command.is_empty() && self.venv.is_some() {
            return Err(refuse("engine.venv", "is set beside command, which names the program itself: remove one."));
        }
        let is_native = self.launch == Some(Launch::Native);
        let is_launched = self.launch.is_some();
        let strangers = [
            ("engine.command", !self.command.is_empty() && !is_native, "needs launch = \"native\""),
            ("engine.venv", self.venv.is_some() && !is_native, "needs launch = \"native\""),
            ("engine.image", self.image.is_some() && self.launch != Some(Launch::Docker), "needs launch = \"docker\""),
            ("engine.served_name", self.served_name.is_some() && !is_launched, "needs an engine that is launched"),
            ("engine.model_cache", self.model_cache.is_some() && !is_launched, "needs an engine that is launched"),
            ("engine.port", self.port.is_some() && !is_launched, "needs an engine that is launched"),
            ("engine.ready_limit_s", self.ready_limit_s.is_some() && !is_launched, "needs an engine that is launched"),
            ("engine.extra_args", !self.extra_args.is_empty() && !is_launched, "needs an engine that is launched"),
            ("engine.pass_env", !self.pass_env.is_empty() && !is_launched, "needs an engine that is launched"),
            ("engine.vary", !self.vary.is_empty() && !self.is_started(), "needs an engine that the agent starts"),
            ("engine.order", self.order != Order::default() && self.vary.is_empty(), "needs an engine that varies"),
            ("engine.gpu", self.gpu.is_some() && self.is_started(), "is for a server that runs already"),
            ("engine.api_key", self.api_key.is_some() && self.is_started(), "is for a server that runs already"),
            ("engine.headers", !self.headers.is_empty() && self.is_started(), "is for a server that runs already"),
        ];
        match strangers.iter().find(|(_, is_stranger, _)| *is_stranger) {
            Some((field, _, needs)) => Err(refuse(field, format!("{needs}: remove it."))),
            None => Ok(()),
        }
    }

    /// Texts that become arguments of a command must not be taken for flags.
    fn validate_texts(&self) -> Result<(), PlanError> {
        let texts = [
            ("engine.model", self.model.as_deref()),
            ("engine.served_name", self.served_name.as_deref()),
            ("engine.image", self.image.as_deref()),
            ("engine.venv", self.venv.as_deref()),
            ("engine.model_cache", self.model_cache.as_deref()),
            ("engine.gpu", self.gpu.as_deref()),
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
        for (field, list) in [("engine.command", &self.command), ("engine.extra_args", &self.extra_args)] {
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
        if self.ready_limit_s.is_some_and(|s| !(1.0..=86_400.0).contains(&s)) {
            return Err(refuse("engine.ready_limit_s", "must be from 1 to 86,400 seconds."));
        }
        if self.port == Some(0) {
            return Err(refuse("engine.port", "must be from 1 to 65,535; leave it out for a free one."));
        }
        Ok(())
    }

    /// Secrets are named, never given.
    fn validate_names(&self) -> Result<(), PlanError> {
        let named = (self.pass_env.iter().map(|name| ("engine.pass_env", name)))
            .chain(self.api_key.iter().map(|name| ("engine.api_key", name)))
            .chain(self.headers.values().map(|name| ("engine.headers", name)));
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
        if self.headers.len() > MAX_ARGUMENTS || self.headers.keys().any(|name| name.is_empty() || !is_token(name)) {
            return Err(refuse("engine.headers", "has a name that no header can have."));
        }
        Ok(())
    }

    fn validate_params(&self) -> Result<(), PlanError> {
        if !self.is_started()
            && let Some(key) = self.params.keys().next()
        {
            return Err(refuse(
                "engine.params",
                format!("has \"{key}\", but a server that is reached by URL takes none."),
            ));
        }
        if self.params.len() > MAX_PARAMS || self.vary.len() > MAX_PARAMS {
            return Err(refuse("engine.params", format!("are more than {MAX_PARAMS}.")));
        }
        for (key, values) in &self.vary {
            if self.params.contains_key(key) {
                return Err(refuse("engine.vary", format!("has \"{key}\", and so has engine.params: remove one.")));
            }
            if values.is_empty() || values.len() > MAX_PARAMS || has_twice(values) {
                let problem = format!("needs 1 to {MAX_PARAMS} values of \"{key}\", no two of them alike.");
                return Err(refuse("engine.vary", problem));
            }
        }
        let given = (self.params.iter().map(|(key, value)| ("engine.params", key, value)))
            .chain(self.vary.iter().flat_map(|(key, values)| values.iter().map(move |v| ("engine.vary", key, v))));
        for (field, key, value) in given {
            if matches!(value, ParamValue::Float(n) if !n.is_finite()) {
                return Err(refuse(field, format!("has \"{key}\", which is no number.")));
            }
            if self.kind == EngineKind::Builtin
                && let Err(problem) = find_parameter(builtin::PARAMETERS.iter(), "the built-in engine", key, value)
            {
                return Err(refuse(field, problem));
            }
        }
        Ok(())
    }
}

fn check_url(url: &str) -> Result<(), PlanError> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    if rest.is_none_or(|host| host.is_empty() || host.starts_with('/')) || url.contains('@') {
        return Err(refuse("engine.url", "must be http://HOST:PORT or https://HOST, without user name or password."));
    }
    Ok(())
}

fn has_twice<T: PartialEq>(list: &[T]) -> bool {
    list.iter().enumerate().any(|(place, one)| list[..place].contains(one))
}

fn is_uuid(text: &str) -> bool {
    (text.starts_with("GPU-") || text.starts_with("MIG-"))
        && text.len() <= 80
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}
