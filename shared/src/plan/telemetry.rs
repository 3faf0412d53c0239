//! Owns how often a run looks at GPUs, host and the engine's own metrics.
//! Must not know how any of them is read.

use serde::{Deserialize, Serialize};

/// How often a run looks at its machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TelemetryPlan {
    /// How often what is cheap to read is read, Hz. What is slow (PCIe counters, memory errors, processes) is read once a
    /// second at most.
    #[serde(default = "usual_rate")]
    pub rate_hz: f64,
}

impl TelemetryPlan {
    /// Without a word in the plan.
    pub const USUAL_RATE_HZ: f64 = 1.0;
    /// The highest rate.
    pub const MAX_RATE_HZ: f64 = 20.0;
    /// The lowest.
    pub const MIN_RATE_HZ: f64 = 0.1;
}

fn usual_rate() -> f64 {
    TelemetryPlan::USUAL_RATE_HZ
}
