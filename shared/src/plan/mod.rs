//! Owns the plan: what a run will do, as TOML or JSON, validated before anything starts.
//! Must not know how a plan is executed.

mod configuration;
mod engine;
mod error;
mod lengths;
mod level;
mod load;
mod telemetry;
mod validate;
mod workload;

pub use configuration::{Configuration, PlannedPoint};
pub use engine::{EnginePlan, Gpus, Order};
pub use error::PlanError;
pub use lengths::{Lengths, Spread};
pub use level::Level;
pub use load::{Arrival, Curve, Goal, LoadPlan, RampPlan, SearchPlan, TracePlan};
pub use telemetry::TelemetryPlan;
pub use workload::{PrefixPlan, SessionPlan, WorkloadPlan};

use crate::cost::UsdPerGpuHour;
use crate::engine::ParamValue;
use serde::{Deserialize, Serialize};

/// Schema number that this version reads and writes.
pub const SCHEMA: u32 = 1;
/// Longest plan that is read, bytes.
pub const MAX_PLAN_BYTES: usize = 64 << 10;

/// What a run will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// How often the run looks at GPUs, host and the engine's own metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<TelemetryPlan>,
}

/// Limits that goodput is judged by. TTFT is counted as the arrival's headline: from due under an open loop, from sent
/// else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SloPlan {
    /// Most time to first token, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_ms: Option<f64>,
    /// Most time per output token, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot_ms: Option<f64>,
    /// Most time from first byte sent to last output, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e_ms: Option<f64>,
}

/// What a GPU hour costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CostPlan {
    /// US dollars for one GPU for one hour.
    pub usd_per_gpu_hour: UsdPerGpuHour,
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

    /// Trials that the run will have; absent where a search decides it.
    #[must_use]
    pub fn trial_count(&self) -> Option<u32> {
        self.load.search.is_none().then(|| self.points().len() as u32 * self.load.trials)
    }

    /// How many GPUs the engine uses, where the plan says.
    #[must_use]
    pub fn gpu_count(&self) -> Option<u32> {
        self.engine.gpus.as_ref().map(Gpus::count)
    }

    /// How often GPUs, host and the engine's own metrics are looked at, Hz.
    #[must_use]
    pub fn telemetry_hz(&self) -> f64 {
        self.telemetry.as_ref().map_or(TelemetryPlan::USUAL_RATE_HZ, |telemetry| telemetry.rate_hz)
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

#[cfg(test)]
mod engine_tests;
#[cfg(test)]
mod tests;
