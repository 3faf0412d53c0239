//! Owns the runs of a study: which plans follow from it, in which order, and the part each has in it.
//! Must not know how a run is executed.

use super::plan::{StudyKind, StudyPlan};
use crate::plan::{EnginePlan, Plan};
use serde::{Deserialize, Serialize};

/// One run of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyRun {
    /// What tells it from the others.
    pub label: String,
    /// Its part in the study.
    pub role: Role,
    /// Its plan.
    pub plan: Plan,
}

/// A run's part in its study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An engine, on one task where the study has tasks.
    Engine {
        /// The engine's label.
        engine: String,
        /// The task.
        task: Option<String>,
    },
    /// A step of the ladder.
    Step {
        /// Its place, from 0.
        step: u32,
    },
    /// The full configuration without what a step switched on.
    Without {
        /// The step's place.
        step: u32,
    },
}

impl StudyPlan {
    /// Its runs in the order in which they are measured. Plans are not checked here.
    #[must_use]
    pub fn expand(&self) -> Vec<StudyRun> {
        match self.kind {
            StudyKind::Curves | StudyKind::Ab => self.engines_and_tasks(),
            StudyKind::Decomposition => self.steps_and_options(),
        }
    }

    fn engines_and_tasks(&self) -> Vec<StudyRun> {
        let tasks: Vec<Option<&String>> = match self.tasks.as_slice() {
            [] => vec![None],
            tasks => tasks.iter().map(Some).collect(),
        };
        let of_engine = |(label, engine): (&String, &EnginePlan)| {
            let (label, engine) = (label.clone(), engine.clone());
            tasks.clone().into_iter().map(move |task| {
                let words = task.map_or_else(|| label.clone(), |task| format!("{label}, {task}"));
                let role = Role::Engine { engine: label.clone(), task: task.cloned() };
                self.run(words, role, engine.clone())
            })
        };
        self.engines.iter().flat_map(of_engine).collect()
    }

    fn steps_and_options(&self) -> Vec<StudyRun> {
        let steps = (0..).zip(&self.steps).zip(self.rigs());
        let ladder = steps.filter_map(|((place, step), rig)| {
            Some(self.run(step.label.clone(), Role::Step { step: place }, rig?.plan))
        });
        let options = self.options().into_iter().filter(|option| option.same_as.is_none());
        let less = options.map(|option| {
            let label = format!("All but: {}", self.steps[option.step as usize].label);
            self.run(label, Role::Without { step: option.step }, option.plan)
        });
        ladder.chain(less).collect()
    }

    fn run(&self, label: String, role: Role, engine: EnginePlan) -> StudyRun {
        let mut workload = self.workload.clone();
        if let Role::Engine { task: Some(task), .. } = &role {
            workload.prompts = Some(task.clone());
        }
        let name: String = format!("{}: {label}", self.name).chars().take(120).collect();
        let plan = Plan {
            schema: self.schema,
            name,
            engine,
            workload,
            load: self.load.clone(),
            slo: self.slo.clone(),
            cost: self.cost.clone(),
            telemetry: self.telemetry.clone(),
        };
        StudyRun { label, role, plan }
    }
}
