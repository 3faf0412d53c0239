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
    /// A round of an A/B of two engines: one repeat of one of them.
    Round {
        /// The engine's label.
        engine: String,
        /// The task.
        task: Option<String>,
        /// Which round, from 0.
        round: u32,
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

impl Role {
    /// The task of the shipped prompts that it is asked, where the study has tasks.
    #[must_use]
    pub fn task(&self) -> Option<&String> {
        match self {
            Role::Engine { task, .. } | Role::Round { task, .. } => task.as_ref(),
            Role::Step { .. } | Role::Without { .. } => None,
        }
    }
}

impl StudyPlan {
    /// Its runs in the order in which they are measured. Plans are not checked here.
    #[must_use]
    pub fn expand(&self) -> Vec<StudyRun> {
        match self.kind {
            StudyKind::Ab if self.is_of_two_engines() => self.rounds(),
            StudyKind::Curves | StudyKind::Ab => self.engines_and_tasks(),
            StudyKind::Decomposition => self.steps_and_options(),
        }
    }

    /// True of an A/B whose two sides are engines, each a run a round, and not two configurations of one engine's runs.
    #[must_use]
    pub fn is_of_two_engines(&self) -> bool {
        self.kind == StudyKind::Ab && self.engines.len() > 1
    }

    fn each_task(&self) -> Vec<Option<&String>> {
        match self.tasks.as_slice() {
            [] => vec![None],
            tasks => tasks.iter().map(Some).collect(),
        }
    }

    /// Both engines in every round. Every other round goes the other way round, so that what drifts favours neither.
    fn rounds(&self) -> Vec<StudyRun> {
        let there: Vec<_> = self.engines.iter().collect();
        let back: Vec<_> = there.iter().rev().copied().collect();
        let mut runs = Vec::new();
        for round in 0..self.load.trials {
            for task in self.each_task() {
                for (label, engine) in if round % 2 == 0 { &there } else { &back } {
                    let of_task = task.map(|task| format!(", {task}")).unwrap_or_default();
                    let role = Role::Round { engine: (*label).clone(), task: task.cloned(), round };
                    runs.push(self.run(format!("{label}{of_task}, round {}", round + 1), role, (*engine).clone()));
                }
            }
        }
        runs
    }

    fn engines_and_tasks(&self) -> Vec<StudyRun> {
        let tasks = self.each_task();
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
        let (mut workload, mut load) = (self.workload.clone(), self.load.clone());
        if let Some(task) = role.task() {
            workload.prompts = Some(task.clone());
        }
        if let Role::Round { round, .. } = &role {
            load.trials = 1;
            // Both engines of a round are asked the same, and each round something else, as repeats of one run are.
            workload.seed = workload.seed.wrapping_add(u64::from(*round));
        }
        let name: String = format!("{}: {label}", self.name).chars().take(120).collect();
        let plan = Plan {
            schema: self.schema,
            name,
            engine,
            workload,
            load,
            slo: self.slo.clone(),
            cost: self.cost.clone(),
            telemetry: self.telemetry.clone(),
        };
        StudyRun { label, role, plan }
    }
}
