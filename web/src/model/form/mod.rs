//! Owns the plan while it is written: the form's texts, and the plan or the sentence that they amount to.
//! Must not know input elements.

mod engine;
mod lengths;
mod load;
mod params;
mod parse;
mod work;

pub use engine::{EngineForm, Way};
pub use lengths::Shape;
pub use load::LoadForm;
pub use work::{Source, WorkForm};

pub use parse::{list, listed, whole};
use parse::{number, optional, shown};
use shared::cost::UsdPerGpuHour;
use shared::engine::{EngineKind, Parameter};
use shared::plan::{Arrival, CostPlan, EnginePlan, Plan, PlanError, SloPlan, TelemetryPlan};
use shared::wire::EngineRow;

/// The form as texts, as people type them.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// What the form does not show is kept from here.
    base: Plan,
    pub name: String,
    pub engine: EngineForm,
    pub work: WorkForm,
    pub load: LoadForm,
    pub slo_ttft_ms: String,
    pub slo_tpot_ms: String,
    pub slo_e2e_ms: String,
    pub price: String,
    pub rate_hz: String,
}

/// Why the form is no plan: the field at fault, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormError {
    /// Path of the field, `load.concurrency`.
    pub field: String,
    /// What is wrong and what to do.
    pub sentence: String,
}

impl Form {
    /// The form of a plan.
    pub fn of(plan: &Plan) -> Self {
        let slo = plan.slo.clone().unwrap_or_default();
        Self {
            name: plan.name.clone(),
            engine: EngineForm::of(&plan.engine),
            work: WorkForm::of(&plan.workload),
            load: LoadForm::of(&plan.load),
            slo_ttft_ms: shown(slo.ttft_ms),
            slo_tpot_ms: shown(slo.tpot_ms),
            slo_e2e_ms: shown(slo.e2e_ms),
            rate_hz: shown(plan.telemetry.as_ref().map(|t| t.rate_hz)),
            price: shown(plan.cost.as_ref().map(|c| c.usd_per_gpu_hour.0)),
            base: plan.clone(),
        }
    }

    /// The plan that the form amounts to, by the rules of plans and the parameters of these kinds of engine.
    ///
    /// # Errors
    /// The first field at fault.
    pub fn plan(&self, kinds: &[EngineRow]) -> Result<Plan, FormError> {
        let price = optional("cost.usd_per_gpu_hour", &self.price, number)?;
        let rate_hz = optional("telemetry.rate_hz", &self.rate_hz, number)?;
        let plan = Plan {
            schema: self.base.schema,
            name: self.name.clone(),
            engine: self.engine_plan(kinds)?,
            workload: self.work.plan(self.load.arrival == Arrival::Trace)?,
            load: self.load.plan()?,
            slo: self.slo()?,
            cost: price.map(|price| CostPlan { usd_per_gpu_hour: UsdPerGpuHour(price) }),
            telemetry: rate_hz.map(|rate_hz| TelemetryPlan { rate_hz }),
        };
        plan.validated().map_err(|error| match &error {
            PlanError::Field { field, .. } => FormError { field: (*field).to_owned(), sentence: error.to_string() },
            _ => FormError { field: String::new(), sentence: error.to_string() },
        })
    }

    /// The engine alone.
    ///
    /// # Errors
    /// The first field at fault.
    pub fn engine_plan(&self, kinds: &[EngineRow]) -> Result<EnginePlan, FormError> {
        self.engine.plan(&self.base.engine, parameters_of(kinds, self.engine.kind))
    }

    fn slo(&self) -> Result<Option<SloPlan>, FormError> {
        let slo = SloPlan {
            ttft_ms: optional("slo.ttft_ms", &self.slo_ttft_ms, number)?,
            tpot_ms: optional("slo.tpot_ms", &self.slo_tpot_ms, number)?,
            e2e_ms: optional("slo.e2e_ms", &self.slo_e2e_ms, number)?,
        };
        Ok(Some(slo).filter(|slo| self.base.slo.is_some() || *slo != SloPlan::default()))
    }
}

/// The parameters of a kind; none before the agent has told them.
pub fn parameters_of(kinds: &[EngineRow], kind: EngineKind) -> &[Parameter] {
    kinds.iter().find(|row| row.kind == kind).map_or(&[], |row| row.parameters.as_slice())
}

#[cfg(test)]
mod tests;
