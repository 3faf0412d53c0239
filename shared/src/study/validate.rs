//! Owns the rules that a study must keep, beside those of each of its runs' plans.
//! Must not know how plans are executed.

use super::plan::{StepPlan, StudyError, StudyKind, StudyPlan};
use crate::compare::{Terms, needed};
use crate::plan::{Arrival, EnginePlan, Order, PlanError, SCHEMA};
use std::collections::BTreeSet;

/// Most runs of a study.
const MAX_RUNS: usize = 64;
/// Most characters of a label.
const MAX_LABEL: usize = 60;

fn refuse(field: &'static str, problem: impl Into<String>) -> StudyError {
    StudyError::Plan(PlanError::Field { field, problem: problem.into() })
}

/// Two configurations of one engine, measured in turns.
fn validate_pair(engine: &EnginePlan) -> Result<(), StudyError> {
    let configurations: usize = engine.vary.values().map(Vec::len).product();
    if engine.vary.is_empty() || configurations != 2 || engine.order != Order::Interleaved {
        return Err(refuse(
            "engines",
            "of an A/B needs one parameter with two values in vary, and order = \"interleaved\".",
        ));
    }
    Ok(())
}

impl StudyPlan {
    /// The study itself where every rule is kept, and every plan that follows from it is one.
    ///
    /// # Errors
    /// The first rule that is broken, as a sentence.
    pub fn validated(self) -> Result<Self, StudyError> {
        if self.schema != SCHEMA {
            return Err(refuse("schema", format!("is {}, this version reads {SCHEMA}.", self.schema)));
        }
        if self.name.trim().is_empty() || self.name.chars().count() > 80 {
            return Err(refuse("name", "must have 1 to 80 characters."));
        }
        if self.engines.is_empty() {
            return Err(refuse("engines", "is empty: name at least one engine, such as [engines.mine]."));
        }
        let labels = self.engines.keys().chain(self.steps.iter().map(|step| &step.label));
        if labels.clone().any(|label| label.trim().is_empty() || label.chars().count() > MAX_LABEL) {
            return Err(refuse("engines", format!("and steps need labels of 1 to {MAX_LABEL} characters.")));
        }
        match self.kind {
            StudyKind::Curves => self.validate_curves()?,
            StudyKind::Decomposition => self.validate_ladder()?,
            StudyKind::Ab => self.validate_ab()?,
        }
        let runs = self.expand();
        if runs.len() > MAX_RUNS {
            return Err(refuse("engines", format!("and tasks make {} runs, more than {MAX_RUNS}.", runs.len())));
        }
        for run in runs {
            run.plan.validated().map_err(|why| StudyError::Run { label: run.label, why })?;
        }
        Ok(self)
    }

    fn validate_curves(&self) -> Result<(), StudyError> {
        self.refuse_steps()?;
        if !self.tasks.is_empty() && self.workload.prompts.is_some() {
            return Err(refuse("tasks", "stand beside workload.prompts: name tasks in one of the two."));
        }
        let tasks: BTreeSet<&String> = self.tasks.iter().collect();
        if tasks.len() < self.tasks.len() {
            return Err(refuse("tasks", "name one twice."));
        }
        Ok(())
    }

    fn validate_ab(&self) -> Result<(), StudyError> {
        self.refuse_steps()?;
        match self.engines.values().collect::<Vec<_>>().as_slice() {
            [engine] => validate_pair(engine)?,
            [one, other] => self.validate_rounds([one, other])?,
            _ => {
                let problem = "of an A/B must be two, or one of which a parameter has two values in vary.";
                return Err(refuse("engines", problem));
            }
        }
        // Every level of every task is read together.
        let family = self.load.levels().len() * self.tasks.len().max(1);
        self.needs_trials(needed(family as u32, true), "an A/B of so many levels and tasks")
    }

    fn validate_rounds(&self, engines: [&EnginePlan; 2]) -> Result<(), StudyError> {
        if engines.iter().any(|engine| !engine.vary.is_empty() || engine.order != Order::default()) {
            let problem =
                "of an A/B that are two cannot vary and have no order: each has a run of its own in every round.";
            return Err(refuse("engines", problem));
        }
        if self.load.search.is_some() {
            let problem = "finds other levels in each round, which cannot be compared: name levels of an A/B.";
            return Err(refuse("load.search", problem));
        }
        // Counted and not expanded: repeats are whatever somebody writes, and each is two runs of every task.
        let runs = u64::from(self.load.trials) * 2 * self.tasks.len().max(1) as u64;
        if runs > MAX_RUNS as u64 {
            let trials = self.load.trials;
            let problem = format!("is {trials}, which with two engines makes {runs} runs, more than {MAX_RUNS}.");
            return Err(refuse("load.trials", problem));
        }
        Ok(())
    }

    fn validate_ladder(&self) -> Result<(), StudyError> {
        if !self.tasks.is_empty() {
            return Err(refuse("tasks", "cannot be several in a ladder: name one in workload.prompts."));
        }
        let levels = &self.load.concurrency;
        if self.load.arrival != Arrival::Closed || levels.len() != 2 || levels[0] >= levels[1] {
            return Err(refuse(
                "load.concurrency",
                "of a ladder needs a closed loop and two levels: the latency-bound one, then the throughput-bound one.",
            ));
        }
        if self.steps.len() < 2 {
            return Err(refuse("steps", "of a ladder need to be two at least."));
        }
        let labels: BTreeSet<&String> = self.steps.iter().map(|step| &step.label).collect();
        if labels.len() < self.steps.len() {
            return Err(refuse("steps", "have two of one label."));
        }
        if self.engines.values().any(|engine| !engine.vary.is_empty()) {
            return Err(refuse("engines", "of a ladder cannot vary: its steps are what varies."));
        }
        let rigs = self.rigs();
        for (place, step) in self.steps.iter().enumerate() {
            let before = place.checked_sub(1).and_then(|before| rigs[before].as_ref());
            if let Some(problem) = self.problem(step, before) {
                return Err(refuse("steps", format!("has \"{}\", which {problem}", step.label)));
            }
        }
        let used: BTreeSet<&String> = self.steps.iter().filter_map(|step| step.engine.as_ref()).collect();
        if let Some(idle) = self.engines.keys().find(|label| !used.contains(label)) {
            return Err(refuse("engines", format!("has \"{idle}\", which no step names: remove it.")));
        }
        let family = (self.steps.len() - 1).max(self.options().len()) as u32;
        self.needs_trials(needed(family, false), "a ladder of so many steps")
    }

    /// What is wrong with a step, to follow its label.
    fn problem(&self, step: &StepPlan, before: Option<&super::ladder::Rig>) -> Option<String> {
        if let Some(engine) = &step.engine
            && !self.engines.contains_key(engine)
        {
            return Some(format!("names the engine \"{engine}\", but there is none of that label."));
        }
        let Some(before) = before else {
            return step.engine.is_none().then(|| "is the first one: say its engine.".to_owned());
        };
        match (&step.engine, step.set.len()) {
            (Some(engine), 0) if *engine != before.engine => None,
            (Some(engine), 0) => Some(format!("goes on with \"{engine}\" and changes nothing.")),
            (None, 1) => {
                let (key, value) = step.set.iter().next()?;
                let same = before.plan.params.get(key) == Some(value);
                same.then(|| format!("sets {key} to {value}, which it is already."))
            }
            _ => Some("must be one change from the last: another engine, or one parameter in set.".to_owned()),
        }
    }

    fn refuse_steps(&self) -> Result<(), StudyError> {
        if !self.steps.is_empty() || self.leave_one_out {
            return Err(refuse("steps", "and leave_one_out belong to a decomposition: remove them."));
        }
        Ok(())
    }

    /// Fewer repeats could not tell anything apart, however far it lies apart.
    fn needs_trials(&self, needed: u32, what: &str) -> Result<(), StudyError> {
        let least = needed.max(Terms::STRICT);
        if self.load.trials >= least {
            return Ok(());
        }
        let trials = self.load.trials;
        let problem = format!("is {trials}, but {what} needs {least}: with fewer no difference could be significant.");
        Err(refuse("load.trials", problem))
    }
}
