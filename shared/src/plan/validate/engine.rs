//! Owns the rules of a plan's engine that the page checks, too: how it is reached, its GPUs, what varies.
//! Must not know how an engine is started, nor its parameters (the agent's `engine` has the rules of those).

use crate::engine::{EngineKind, ParamValue};
use crate::plan::error::refuse;
use crate::plan::{EnginePlan, Gpus, Order, Plan, PlanError};

/// Most GPUs that a plan may name.
const MAX_GPUS: u32 = 1024;
/// Most parameters, and most values of one that varies.
const MAX_PARAMS: usize = 64;
/// Most engine configurations of a plan.
const MAX_CONFIGURATIONS: usize = 64;
/// Most points of a plan: configurations × levels.
const MAX_POINTS: usize = 512;

impl Plan {
    pub(super) fn validate_engine(&self) -> Result<(), PlanError> {
        let engine = &self.engine;
        engine.validate_gpus()?;
        engine.validate_way()?;
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
        if !self.is_bounded() {
            return Err(refuse(
                "engine.vary",
                format!(
                    "makes more than {MAX_CONFIGURATIONS} configurations, or {MAX_POINTS} points: leave values out."
                ),
            ));
        }
        Ok(())
    }

    /// True where its configurations and points can be counted out: of a plan that came from elsewhere and was never
    /// validated, the product of its lists may be beyond that.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        let lists = || self.engine.vary.values();
        let product = lists().try_fold(1usize, |product, values| product.checked_mul(values.len()));
        let points = |n: usize| n.checked_mul(self.load.levels().len()).is_some_and(|points| points <= MAX_POINTS);
        product.is_some_and(|n| n <= MAX_CONFIGURATIONS && points(n))
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
        Ok(())
    }

    fn validate_params(&self) -> Result<(), PlanError> {
        if !self.vary.is_empty() && !self.is_started() {
            return Err(refuse("engine.vary", "needs an engine that the agent starts: remove it."));
        }
        if self.order != Order::default() && self.vary.is_empty() {
            return Err(refuse("engine.order", "needs an engine that varies: remove it."));
        }
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
