//! Owns the form of a study's plan: engines, what they are asked, and for a ladder its steps.
//! Must not know which runs follow from it.

use crate::engine::ParamValue;
use crate::plan::{CostPlan, EnginePlan, LoadPlan, MAX_PLAN_BYTES, PlanError, SloPlan, TelemetryPlan, WorkloadPlan};
use crate::study::Assumption;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a study will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StudyPlan {
    /// Schema number, [`crate::plan::SCHEMA`].
    pub schema: u32,
    /// Name that people read.
    pub name: String,
    /// What it is.
    pub kind: StudyKind,
    /// Tasks of the shipped prompts, a run for each engine and task; `workload` then has no prompts of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// Each optimisation is also measured switched off alone from the full configuration. Of a ladder only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub leave_one_out: bool,
    /// The engines by their labels.
    pub engines: BTreeMap<String, EnginePlan>,
    /// The steps of a ladder, each one change from the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepPlan>,
    /// What every engine is asked: equal work.
    pub workload: WorkloadPlan,
    /// How hard, and how often. Of a ladder two levels: latency-bound and throughput-bound.
    pub load: LoadPlan,
    /// Limits that goodput is judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<SloPlan>,
    /// What a GPU hour costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostPlan>,
    /// How often the runs look at GPUs, host and the engine's own metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<TelemetryPlan>,
    /// What an estimate of the time may assume where no like run is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume: Option<Assumption>,
}

/// What a study is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StudyKind {
    /// Curves of figures against load, an engine each.
    Curves,
    /// A ladder of configurations: what each step is worth.
    Decomposition,
    /// Two configurations of one engine, measured in turns.
    Ab,
}

impl StudyKind {
    /// The words that pages and tables show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            StudyKind::Curves => "curves",
            StudyKind::Decomposition => "decomposition",
            StudyKind::Ab => "A/B",
        }
    }
}

/// One step of a ladder: another engine, or one parameter of the same one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StepPlan {
    /// What it switches on, in a few words.
    pub label: String,
    /// The engine by its label; that of the step before where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The one parameter that it changes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, ParamValue>,
}

/// Why a study was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StudyError {
    /// The study's own plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan of one of its runs.
    #[error("The run \"{label}\" of the study is refused: {why}")]
    Run {
        /// Which run.
        label: String,
        /// Why.
        why: PlanError,
    },
}

impl StudyPlan {
    /// Reads and checks a study in TOML.
    ///
    /// # Errors
    /// [`StudyError`] with a sentence that names the field and what to do.
    pub fn from_toml(text: &str) -> Result<Self, StudyError> {
        let plan: Self = toml::from_str(sized(text)?).map_err(|e| PlanError::Syntax(e.to_string()))?;
        plan.validated()
    }

    /// Reads and checks a study in JSON.
    ///
    /// # Errors
    /// [`StudyError`] with a sentence that names the field and what to do.
    pub fn from_json(text: &str) -> Result<Self, StudyError> {
        let plan: Self = serde_json::from_str(sized(text)?).map_err(|e| PlanError::Syntax(e.to_string()))?;
        plan.validated()
    }

    /// The study as TOML, the same file that the command line takes.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Serialising these types cannot fail: no map has a key that is not a text.
        toml::to_string(self).unwrap_or_default()
    }
}

/// A text that is not too long to be parsed.
fn sized(text: &str) -> Result<&str, PlanError> {
    if text.len() > MAX_PLAN_BYTES { Err(PlanError::TooLarge(text.len())) } else { Ok(text) }
}

fn is_false(value: &bool) -> bool {
    !value
}
