//! Owns the rules of a plan's engine.
//! Must not know how an engine is started.

use crate::plan::error::refuse;
use crate::plan::{EngineKind, ParamValue, Plan, PlanError};

/// Parameters of the built-in engine and the type of each.
const BUILTIN_PARAMS: [(&str, &str); 5] = [
    ("preset", "one of \"1m\", \"15m\", \"110m\""),
    ("kv_cache", "true or false"),
    ("batch", "a whole number from 1 to 64"),
    ("batch_wait_ms", "a whole number from 0 to 10000"),
    ("seed", "a whole number from 0"),
];

impl Plan {
    pub(super) fn validate_engine(&self) -> Result<(), PlanError> {
        let engine = &self.engine;
        if engine.gpus.is_some_and(|gpus| gpus == 0 || gpus > 1024) {
            return Err(refuse("engine.gpus", "must be from 1 to 1024; leave it out where the engine uses none."));
        }
        if engine.kind != EngineKind::Builtin {
            let Some(url) = engine.url.as_deref() else {
                return Err(refuse("engine.url", "is missing: this kind of engine is reached by its base URL."));
            };
            let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
            if rest.is_none_or(|host| host.is_empty() || host.starts_with('/')) || url.contains('@') {
                return Err(refuse(
                    "engine.url",
                    "must be http://HOST:PORT or https://HOST, without user name or password.",
                ));
            }
            if let Some(key) = engine.params.keys().next() {
                return Err(refuse(
                    "engine.params",
                    format!("has \"{key}\", but a server that is reached by URL takes none."),
                ));
            }
            return Ok(());
        }
        if engine.url.is_some() {
            return Err(refuse("engine.url", "is set, but the built-in engine is started by the agent: remove it."));
        }
        for (key, value) in &engine.params {
            let Some((_, expected)) = BUILTIN_PARAMS.iter().find(|(name, _)| name == key) else {
                let known: Vec<_> = BUILTIN_PARAMS.iter().map(|(name, _)| *name).collect();
                return Err(refuse(
                    "engine.params",
                    format!("has \"{key}\", which the built-in engine does not know; it knows {}.", known.join(", ")),
                ));
            };
            let fits = match (key.as_str(), value) {
                ("preset", ParamValue::Text(text)) => matches!(text.as_str(), "1m" | "15m" | "110m"),
                ("kv_cache", ParamValue::Bool(_)) => true,
                ("batch", ParamValue::Int(n)) => (1..=64).contains(n),
                ("batch_wait_ms", ParamValue::Int(n)) => (0..=10_000).contains(n),
                ("seed", ParamValue::Int(n)) => *n >= 0,
                _ => false,
            };
            if !fits {
                return Err(refuse("engine.params", format!("has \"{key}\", which must be {expected}.")));
            }
        }
        Ok(())
    }
}
