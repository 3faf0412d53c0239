//! Owns the documented shapes of studies and comparisons.
//! Must not be used for anything but documentation; tests hold each to the type that it describes.

use super::{CostPlan, LoadPlan, Marks, SloPlan, TelemetryPlan, WorkloadPlan};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a study will do. Unknown fields are refused.
#[derive(ToSchema)]
pub(in crate::http) struct StudyPlan {
    /// 1.
    schema: u32,
    /// Name that people read.
    name: String,
    /// `curves`, `decomposition` or `ab`.
    kind: String,
    /// Tasks of the shipped prompts, a run for each engine and task.
    #[schema(required = false)]
    tasks: Vec<String>,
    /// Each optimisation is also measured switched off alone. Of a decomposition only.
    #[schema(required = false)]
    leave_one_out: bool,
    /// The engines by their labels, each as in a run's plan.
    engines: BTreeMap<String, Value>,
    /// The steps of a decomposition: `label`, and either `engine` or one parameter in `set`.
    #[schema(required = false)]
    steps: Vec<Value>,
    /// What every engine is asked.
    workload: WorkloadPlan,
    /// How hard, and how often.
    load: LoadPlan,
    /// Limits that goodput is judged by.
    slo: Option<SloPlan>,
    /// What a GPU hour costs.
    cost: Option<CostPlan>,
    /// How often the runs look at GPUs, host and the engine's own metrics.
    telemetry: Option<TelemetryPlan>,
    /// What an estimate of the time may assume: `tokens_per_s` of each request in flight, `start_s` of an engine.
    assume: Option<Value>,
}

/// One study in a list.
#[derive(ToSchema)]
pub(in crate::http) struct StudyRow {
    /// The study's id.
    study: String,
    /// Its name.
    name: String,
    /// `curves`, `decomposition` or `ab`.
    kind: String,
    /// Creation, Unix ms of the host.
    created_unix_ms: u64,
    /// Runs that it has.
    runs: u32,
    /// Runs that are done.
    done: u32,
    /// `waiting`, `running`, `done` or `incomplete`.
    state: String,
    /// What people put on it.
    marks: Marks,
}

/// A study, and what its runs come to so far.
#[derive(ToSchema)]
pub(in crate::http) struct StudyView {
    /// The study's id.
    study: String,
    /// Its plan.
    plan: StudyPlan,
    /// Creation, Unix ms of the host.
    created_unix_ms: u64,
    /// `waiting`, `running`, `done` or `incomplete`.
    state: String,
    /// Time left, ns; absent before a run has ended.
    #[schema(required)]
    eta_ns: Option<u64>,
    /// Its runs in their order: `label`, `role`, `run` and `row`, which are absent where the run was deleted.
    runs: Vec<Value>,
    /// Curves and comparisons of what has ended; absent of a decomposition.
    #[schema(required)]
    compared: Option<Compared>,
    /// The ladder so far: `cases` with `name`, `level`, `steps` and `without`; absent of others.
    #[schema(required)]
    decomposition: Option<Value>,
}

/// Runs beside one another.
#[derive(ToSchema)]
pub(in crate::http) struct Compared {
    /// A curve for each engine configuration: `label`, `engine`, `points` with `level`, `figures` and `intervals`.
    curves: Vec<Value>,
    /// Each point against the base's at the same level, figure by figure.
    rows: Vec<ComparedRow>,
    /// The price that costs were worked out at where no run has one of its own, USD an hour; absent where none was given.
    price: Option<f64>,
}

/// One point against the base's at the same level.
#[derive(ToSchema)]
pub(in crate::http) struct ComparedRow {
    /// Place of the curve that is compared.
    curve: u32,
    /// Place of the curve that it is compared with: the first, in a study the first engine's on the same task.
    base: u32,
    /// The level: `{"concurrency": 16}`, …
    level: Value,
    /// The comparison.
    comparison: Comparison,
}

/// Two points by one figure.
#[derive(ToSchema)]
pub(in crate::http) struct Comparison {
    /// The figure's key.
    figure: String,
    /// What is compared with: `value`, `interval`, and each trial's own value in `trials`.
    base: Value,
    /// What is compared.
    other: Value,
    /// `other − base` over trials, with the ends of its interval at 95 %.
    #[schema(required)]
    difference: Option<Value>,
    /// `other / base` over trials, with the ends of its interval at 95 %.
    #[schema(required)]
    ratio: Option<Value>,
    /// The permutation test: `p`, `least_p` that so many repeats can have, `ways`.
    #[schema(required)]
    test: Option<Value>,
    /// p as it counts among all comparisons that are read together (Holm).
    #[schema(required)]
    adjusted_p: Option<f64>,
    /// How many are read together.
    family: u32,
    /// The two were measured in turns: labels are exchanged within a round only.
    in_turns: bool,
    /// Hedges' g.
    #[schema(required)]
    effect: Option<f64>,
    /// The least true difference found with a probability of 0.8: `difference` and `share`.
    #[schema(required)]
    detectable: Option<Value>,
    /// `better`, `worse`, `other`, `within_noise`, `{"not_enough_repeats": …}` or `{"no_figure": …}`.
    judgement: Value,
    /// What is unlike besides: `what`, `base`, `other`.
    unlike: Vec<Value>,
}
