//! Owns the rules that a plan must keep.
//! Must not know how plans are executed.

use super::error::refuse;
use super::{EngineKind, ParamValue, Plan, PlanError, SCHEMA};

/// Most requests in flight that a plan may ask for.
const MAX_CONCURRENCY: u32 = 20_000;
/// Most points that a plan may have.
const MAX_POINTS: usize = 64;

/// Parameters of the built-in engine and the type of each.
const BUILTIN_PARAMS: [(&str, &str); 5] = [
    ("preset", "one of \"1m\", \"15m\", \"110m\""),
    ("kv_cache", "true or false"),
    ("batch", "a whole number from 1 to 64"),
    ("batch_wait_ms", "a whole number from 0 to 10000"),
    ("seed", "a whole number from 0"),
];

impl Plan {
    /// The plan itself where every rule is kept.
    ///
    /// # Errors
    /// The first rule that is broken, as a sentence.
    pub fn validated(self) -> Result<Self, PlanError> {
        if self.schema != SCHEMA {
            return Err(refuse("schema", format!("is {}, this version reads {SCHEMA}.", self.schema)));
        }
        if self.name.trim().is_empty() || self.name.chars().count() > 120 {
            return Err(refuse("name", "must have 1 to 120 characters."));
        }
        self.validate_engine()?;
        self.validate_workload()?;
        self.validate_load()?;
        if let Some(slo) = &self.slo {
            for (field, value) in [("slo.ttft_ms", slo.ttft_ms), ("slo.tpot_ms", slo.tpot_ms)] {
                if value.is_some_and(|v| !v.is_finite() || v <= 0.0) {
                    return Err(refuse(field, "must be a number of milliseconds above 0."));
                }
            }
        }
        if let Some(cost) = &self.cost
            && (!cost.usd_per_gpu_hour.0.is_finite() || cost.usd_per_gpu_hour.0 <= 0.0)
        {
            return Err(refuse("cost.usd_per_gpu_hour", "must be a price above 0; leave it out where none is known."));
        }
        Ok(self)
    }

    fn validate_engine(&self) -> Result<(), PlanError> {
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

    fn validate_workload(&self) -> Result<(), PlanError> {
        let workload = &self.workload;
        let sources = [workload.input_tokens.is_some(), workload.prompts.is_some(), workload.file.is_some()];
        if sources.iter().filter(|set| **set).count() != 1 {
            return Err(refuse("workload", "needs exactly one of input_tokens, prompts and file."));
        }
        if workload.input_tokens.is_some_and(|n| !(1..=1_000_000).contains(&n)) {
            return Err(refuse("workload.input_tokens", "must be from 1 to 1,000,000."));
        }
        if !(1..=1_000_000).contains(&workload.output_tokens) {
            return Err(refuse("workload.output_tokens", "must be from 1 to 1,000,000."));
        }
        Ok(())
    }

    fn validate_load(&self) -> Result<(), PlanError> {
        let load = &self.load;
        if load.concurrency.is_empty() || load.concurrency.len() > MAX_POINTS {
            return Err(refuse("load.concurrency", format!("needs 1 to {MAX_POINTS} levels, such as [1, 4, 16].")));
        }
        if load.concurrency.iter().any(|c| !(1..=MAX_CONCURRENCY).contains(c)) {
            return Err(refuse("load.concurrency", format!("must hold numbers from 1 to {MAX_CONCURRENCY}.")));
        }
        let mut levels = load.concurrency.clone();
        levels.sort_unstable();
        levels.dedup();
        if levels.len() != load.concurrency.len() {
            return Err(refuse("load.concurrency", "names a level twice: use load.trials to repeat points."));
        }
        match (load.requests, load.duration_s) {
            (Some(n), None) if (1..=10_000_000).contains(&n) => {}
            (Some(_), None) => return Err(refuse("load.requests", "must be from 1 to 10,000,000.")),
            (None, Some(s)) if s.is_finite() && (0.1..=86_400.0).contains(&s) => {}
            (None, Some(_)) => return Err(refuse("load.duration_s", "must be from 0.1 to 86,400 seconds.")),
            _ => return Err(refuse("load", "needs either requests or duration_s, one of them.")),
        }
        if !(0.0..=3600.0).contains(&load.warmup_s) {
            return Err(refuse("load.warmup_s", "must be from 0 to 3,600 seconds."));
        }
        if !(1..=100).contains(&load.trials) {
            return Err(refuse("load.trials", "must be from 1 to 100."));
        }
        for (field, value) in [("load.timeout_s", load.timeout_s), ("load.drain_s", load.drain_s)] {
            if !(0.1..=86_400.0).contains(&value) {
                return Err(refuse(field, "must be from 0.1 to 86,400 seconds."));
            }
        }
        Ok(())
    }
}
