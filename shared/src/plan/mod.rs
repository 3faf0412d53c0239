//! Owns the plan: what a run will do, as TOML or JSON, validated before anything starts.
//! Must not know how a plan is executed.

mod error;
mod validate;

pub use error::PlanError;

use crate::cost::UsdPerGpuHour;
use crate::units::s_to_ns;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Schema number that this version reads and writes.
pub const SCHEMA: u32 = 1;
/// Longest plan that is read, bytes.
pub const MAX_PLAN_BYTES: usize = 64 << 10;

/// What a run will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Schema number, [`SCHEMA`].
    pub schema: u32,
    /// Name that people read.
    pub name: String,
    /// The engine that is measured.
    pub engine: EnginePlan,
    /// What it is asked.
    pub workload: WorkloadPlan,
    /// How hard it is asked.
    pub load: LoadPlan,
    /// Limits that goodput is judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<SloPlan>,
    /// What a GPU hour costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostPlan>,
}

/// Which engine, and how it is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnginePlan {
    /// Which kind.
    pub kind: EngineKind,
    /// Base URL of a server that is not started by us, without `/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Model id; by default the first one that the server lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// GPUs that the engine uses; needed for cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// Parameters of the engine's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, ParamValue>,
}

/// The kinds of engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// The small Llama in this binary: random weights on the CPU.
    Builtin,
    /// Any server with OpenAI's completions.
    OpenaiCompletions,
    /// Any server with OpenAI's chat completions.
    OpenaiChat,
    /// A server with the `generate_stream` route.
    GenerateStream,
}

impl EngineKind {
    /// The words that pages and tables show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            EngineKind::Builtin => "built-in (random weights, CPU)",
            EngineKind::OpenaiCompletions => "OpenAI completions",
            EngineKind::OpenaiChat => "OpenAI chat",
            EngineKind::GenerateStream => "generate_stream",
        }
    }
}

/// A value of an engine parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// true or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

/// What the engine is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadPlan {
    /// Length of synthetic prompts, tokens. Either this, `prompts` or `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u32>,
    /// Shipped prompts: `all`, or the name of a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<String>,
    /// A prompts file on the agent's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Tokens asked for.
    pub output_tokens: u32,
    /// Equal work: the engine goes on past its end-of-sequence token.
    #[serde(default = "yes")]
    pub ignore_eos: bool,
    /// A nonce a request, so that no prefix cache helps.
    #[serde(default = "yes")]
    pub nonce: bool,
    /// Seed of everything random in prompts and order.
    #[serde(default)]
    pub seed: u64,
}

/// How hard the engine is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadPlan {
    /// How requests arrive.
    #[serde(default)]
    pub arrival: Arrival,
    /// Requests in flight, one point each.
    pub concurrency: Vec<u32>,
    /// Requests of a trial's window. Either this or `duration_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// Length of a trial's window, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// Load before the window, s; its requests are extra.
    #[serde(default)]
    pub warmup_s: f64,
    /// Repeats of each point.
    #[serde(default = "one")]
    pub trials: u32,
    /// Limit for one request, s.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: f64,
    /// Limit for the rest to end after the window, s.
    #[serde(default = "default_drain_s")]
    pub drain_s: f64,
}

impl LoadPlan {
    /// Length of a trial without its drain, ns; absent where requests end it.
    #[must_use]
    pub fn trial_ns(&self) -> Option<u64> {
        Some(s_to_ns(self.warmup_s + self.duration_s?))
    }
}

/// How requests arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// A new request as soon as one ends.
    #[default]
    Closed,
}

/// Limits that goodput is judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SloPlan {
    /// Most time to first token, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_ms: Option<f64>,
    /// Most time per output token, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot_ms: Option<f64>,
}

/// What a GPU hour costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostPlan {
    /// US dollars for one GPU for one hour.
    pub usd_per_gpu_hour: UsdPerGpuHour,
}

fn yes() -> bool {
    true
}
fn one() -> u32 {
    1
}
fn default_timeout_s() -> f64 {
    300.0
}
fn default_drain_s() -> f64 {
    60.0
}

impl Plan {
    /// Reads and validates a plan in TOML.
    ///
    /// # Errors
    /// [`PlanError`] with a sentence that names the field and what to do.
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        error::check_size(text)?;
        let plan: Plan = toml::from_str(text).map_err(|e| PlanError::Syntax(e.to_string()))?;
        plan.validated()
    }

    /// Reads and validates a plan in JSON.
    ///
    /// # Errors
    /// [`PlanError`] with a sentence that names the field and what to do.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        error::check_size(text)?;
        let plan: Plan = serde_json::from_str(text).map_err(|e| PlanError::Syntax(e.to_string()))?;
        plan.validated()
    }

    /// The plan as TOML, the same file that the command line takes.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Serialising these types cannot fail: no map has a key that is not a text.
        toml::to_string(self).unwrap_or_default()
    }

    /// Trials that the run will have.
    #[must_use]
    pub fn trial_count(&self) -> u32 {
        self.load.concurrency.len() as u32 * self.load.trials
    }

    /// An integer parameter of the engine.
    #[must_use]
    pub fn param_int(&self, key: &str) -> Option<i64> {
        if let Some(ParamValue::Int(value)) = self.engine.params.get(key) { Some(*value) } else { None }
    }

    /// A true-or-false parameter of the engine.
    #[must_use]
    pub fn param_bool(&self, key: &str) -> Option<bool> {
        if let Some(ParamValue::Bool(value)) = self.engine.params.get(key) { Some(*value) } else { None }
    }

    /// A text parameter of the engine.
    #[must_use]
    pub fn param_text(&self, key: &str) -> Option<&str> {
        if let Some(ParamValue::Text(value)) = self.engine.params.get(key) { Some(value) } else { None }
    }
}
