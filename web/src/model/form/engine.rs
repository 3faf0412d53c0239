//! Owns the engine while it is written: which kind, where, and its own parameters.
//! Must not know how an engine is started.

use super::FormError;
use super::parse::{optional, shown, text, whole};
use shared::plan::{EngineKind, EnginePlan, ParamValue, Plan};

/// Size that the built-in engine has where the plan says nothing.
const PRESET: &str = "1m";

/// The engine as texts.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineForm {
    pub kind: EngineKind,
    pub url: String,
    pub model: String,
    pub gpus: String,
    pub preset: String,
    pub batch: String,
    pub kv_cache: bool,
}

impl EngineForm {
    /// The form of a plan's engine.
    pub fn of(plan: &Plan) -> Self {
        Self {
            kind: plan.engine.kind,
            url: plan.engine.url.clone().unwrap_or_default(),
            model: plan.engine.model.clone().unwrap_or_default(),
            gpus: shown(plan.engine.gpus),
            preset: plan.param_text("preset").unwrap_or(PRESET).to_owned(),
            batch: shown(plan.param_int("batch")),
            kv_cache: plan.param_bool("kv_cache").unwrap_or(true),
        }
    }

    /// The engine that the texts amount to; what the form does not show of this kind is kept from `base`.
    ///
    /// # Errors
    /// The first text at fault.
    pub fn plan(&self, base: &EnginePlan) -> Result<EnginePlan, FormError> {
        if self.kind != EngineKind::Builtin {
            return Ok(EnginePlan {
                kind: self.kind,
                url: text(&self.url),
                model: text(&self.model),
                gpus: optional("engine.gpus", &self.gpus, whole)?,
                params: Default::default(),
            });
        }
        let mut plan = match base.kind {
            EngineKind::Builtin => base.clone(),
            _ => EnginePlan { kind: self.kind, url: None, model: None, gpus: None, params: Default::default() },
        };
        // Left out where it is the default, so that the plan stays as short as its author left it.
        let mut set = |key: &str, value: Option<ParamValue>, default: bool| match value {
            Some(value) if !default || plan.params.contains_key(key) => drop(plan.params.insert(key.to_owned(), value)),
            _ => drop(plan.params.remove(key)),
        };
        set("preset", Some(ParamValue::Text(self.preset.clone())), self.preset == PRESET);
        set("batch", optional("engine.params", &self.batch, whole)?.map(ParamValue::Int), false);
        set("kv_cache", Some(ParamValue::Bool(self.kv_cache)), self.kv_cache);
        Ok(plan)
    }
}
