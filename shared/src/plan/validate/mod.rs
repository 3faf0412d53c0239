//! Owns the rules that a plan must keep.
//! Must not know how plans are executed.

mod engine;
mod load;
mod workload;

use super::error::refuse;
use super::{Plan, PlanError, SCHEMA, TelemetryPlan};

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
            for (field, value) in
                [("slo.ttft_ms", slo.ttft_ms), ("slo.tpot_ms", slo.tpot_ms), ("slo.e2e_ms", slo.e2e_ms)]
            {
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
        if !(TelemetryPlan::MIN_RATE_HZ..=TelemetryPlan::MAX_RATE_HZ).contains(&self.telemetry_hz()) {
            return Err(refuse("telemetry.rate_hz", "must be from 0.1 to 20 reads per second."));
        }
        Ok(self)
    }
}
