//! Owns the engine while it is written: which kind, where, and its own parameters.
//! Must not know how an engine is started.

use super::FormError;
use super::parse::{optional, shown, text, whole};
use shared::engine::{EngineKind, ParamValue};
use shared::plan::{EnginePlan, Gpus, Plan};

/// Size that the built-in engine has where the plan says nothing.
const PRESET: &str = "1m";

/// The engine as texts.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineForm {
    pub kind: EngineKind,
    /// The kind that the plan starts, of which the form shows nothing.
    launched: Option<EngineKind>,
    pub url: String,
    pub model: String,
    pub gpus: String,
    pub gpu: String,
    pub preset: String,
    pub batch: String,
    pub kv_cache: bool,
}

/// What the form shows of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The built-in engine's parameters.
    Builtin,
    /// Nothing: it is started as its plan says.
    Launched,
    /// Where it runs.
    ByUrl,
}

impl EngineForm {
    /// The form of a plan's engine.
    pub fn of(plan: &Plan) -> Self {
        Self {
            kind: plan.engine.kind,
            launched: plan.engine.launch.map(|_| plan.engine.kind),
            url: plan.engine.url.clone().unwrap_or_default(),
            model: plan.engine.model.clone().unwrap_or_default(),
            gpus: shown(plan.gpu_count()),
            gpu: plan.engine.gpu.clone().unwrap_or_default(),
            preset: plan.param_text("preset").unwrap_or(PRESET).to_owned(),
            batch: shown(plan.param_int("batch")),
            kv_cache: plan.param_bool("kv_cache").unwrap_or(true),
        }
    }

    /// What is to be shown.
    pub fn shown(&self) -> Shown {
        match self.kind {
            EngineKind::Builtin => Shown::Builtin,
            kind if self.launched == Some(kind) => Shown::Launched,
            _ => Shown::ByUrl,
        }
    }

    /// The engine that the texts amount to; what the form does not show of this kind is kept from `base`.
    ///
    /// # Errors
    /// The first text at fault.
    pub fn plan(&self, base: &EnginePlan) -> Result<EnginePlan, FormError> {
        let mut plan = if base.kind == self.kind { base.clone() } else { EnginePlan::of(self.kind) };
        match self.shown() {
            Shown::Builtin => self.set_params(&mut plan)?,
            Shown::Launched => {}
            Shown::ByUrl => {
                let gpus = optional("engine.gpus", &self.gpus, whole)?;
                if plan.gpus.as_ref().map(Gpus::count) != gpus {
                    plan.gpus = gpus.map(Gpus::Count);
                }
                (plan.url, plan.model, plan.gpu) = (text(&self.url), text(&self.model), text(&self.gpu));
            }
        }
        Ok(plan)
    }

    fn set_params(&self, plan: &mut EnginePlan) -> Result<(), FormError> {
        // Left out where it is the default, so that the plan stays as short as its author left it.
        let mut set = |key: &str, value: Option<ParamValue>, default: bool| match value {
            Some(value) if !default || plan.params.contains_key(key) => drop(plan.params.insert(key.to_owned(), value)),
            _ => drop(plan.params.remove(key)),
        };
        set("preset", Some(ParamValue::Text(self.preset.clone())), self.preset == PRESET);
        set("batch", optional("engine.params", &self.batch, whole)?.map(ParamValue::Int), false);
        set("kv_cache", Some(ParamValue::Bool(self.kv_cache)), self.kv_cache);
        Ok(())
    }
}
