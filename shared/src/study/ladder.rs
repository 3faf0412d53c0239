//! Owns the configurations of a ladder: what each step's engine is started with, and the full one less each option.
//! Must not know which options an engine has.

use super::plan::{StepPlan, StudyPlan};
use crate::engine::ParamValue;
use crate::plan::EnginePlan;
use std::collections::BTreeMap;

/// A step's engine as it is started.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rig {
    /// The engine's label.
    pub engine: String,
    /// All of it, its parameters changed by the steps so far.
    pub plan: EnginePlan,
}

/// The full configuration without one option.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LeftOut {
    /// The step that switched the option on.
    pub step: u32,
    /// The engine without it.
    pub plan: EnginePlan,
    /// What stands in the option's place: "kv_cache off", or that the engine's default does.
    pub instead: String,
    /// A step that is this configuration, whose run serves: without the last option it is the step before.
    pub same_as: Option<u32>,
}

impl StudyPlan {
    /// The engine of each step; nothing for a step whose engine is not there.
    pub(super) fn rigs(&self) -> Vec<Option<Rig>> {
        let mut last: Option<Rig> = None;
        let rig = |step: &StepPlan| {
            if let Some(label) = &step.engine {
                last = self.engines.get(label).map(|plan| Rig { engine: label.clone(), plan: plan.clone() });
            }
            if let Some(rig) = &mut last {
                rig.plan.params.extend(step.set.clone());
            }
            last.clone()
        };
        self.steps.iter().map(rig).collect()
    }

    /// The full configuration with one of its engine's options as it was before the step that switched it on, for each
    /// such step. None where that was not asked for.
    pub(super) fn options(&self) -> Vec<LeftOut> {
        let rigs = self.rigs();
        let Some(Some(full)) = rigs.last().filter(|_| self.leave_one_out) else { return Vec::new() };
        let before = |step: usize| -> &BTreeMap<String, ParamValue> {
            match step.checked_sub(1).and_then(|before| rigs[before].as_ref()) {
                Some(rig) if rig.engine == full.engine => &rig.plan.params,
                _ => &full.plan.params,
            }
        };
        let less = |(place, step): (usize, &StepPlan)| {
            let is_option = step.engine.is_none() && rigs[place].as_ref().is_some_and(|rig| rig.engine == full.engine);
            let key = step.set.keys().next().filter(|_| is_option)?;
            let mut plan = full.plan.clone();
            let instead = match before(place).get(key) {
                Some(value) => {
                    plan.params.insert(key.clone(), value.clone());
                    format!("{key} {value}")
                }
                None => {
                    plan.params.remove(key);
                    format!("{key} by default")
                }
            };
            let same = rigs.iter().position(|rig| rig.as_ref().is_some_and(|rig| rig.plan == plan));
            Some(LeftOut { step: place as u32, plan, instead, same_as: same.map(|step| step as u32) })
        };
        self.steps.iter().enumerate().filter_map(less).collect()
    }
}
