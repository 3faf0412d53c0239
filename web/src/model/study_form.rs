//! Owns a study while it is written: engines put in and taken out, tasks, levels and repeats.
//! Must not know input elements, nor what makes a study valid: the agent checks it.

use super::form::{FormError, list, listed, whole};
use shared::plan::EnginePlan;
use shared::study::{StudyKind, StudyPlan};

/// The tasks of the shipped prompts.
pub const TASKS: [&str; 4] = ["Factual recall", "Simple reasoning", "Sentiment classification", "Summarisation"];

/// A study, and what is typed of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyForm {
    /// The study as far as it could be read.
    pub plan: StudyPlan,
    /// Load levels as text.
    pub levels: String,
    /// Repeats as text.
    pub trials: String,
    /// The engine of an A/B before another was put beside it: alone again, it varies as it did.
    alone: Option<(String, EnginePlan)>,
}

impl StudyForm {
    /// The form of a study.
    pub fn of(plan: StudyPlan) -> Self {
        let levels = if plan.load.arrival.is_open() { listed(&plan.load.rate) } else { listed(&plan.load.concurrency) };
        Self { levels, trials: plan.load.trials.to_string(), plan, alone: None }
    }

    /// The study with what is typed.
    ///
    /// # Errors
    /// The first text at fault.
    pub fn study(&self) -> Result<StudyPlan, FormError> {
        let mut plan = self.plan.clone();
        if plan.load.arrival.is_open() {
            plan.load.rate = list("load.rate", &self.levels)?;
        } else {
            plan.load.concurrency = list("load.concurrency", &self.levels)?;
        }
        plan.load.trials = whole("load.trials", &self.trials)?;
        Ok(plan)
    }

    /// True where engines have labels of their own: the steps of a ladder name theirs.
    pub fn names_engines(&self) -> bool {
        self.plan.kind != StudyKind::Decomposition
    }

    /// True where another engine can be put in. An A/B has two sides at most.
    pub fn takes_another(&self) -> bool {
        match self.plan.kind {
            StudyKind::Curves => true,
            StudyKind::Ab => self.plan.engines.len() < 2,
            StudyKind::Decomposition => false,
        }
    }

    /// Puts an engine beside those that there are. Beside another, the one of an A/B varies no longer: the two are its sides.
    pub fn add(&mut self, label: &str, mut engine: EnginePlan) {
        if self.plan.kind == StudyKind::Ab {
            if let Some((label, before)) = self.plan.engines.iter_mut().next() {
                self.alone = Some((label.clone(), before.clone()));
                stop_varying(before);
            }
            stop_varying(&mut engine);
        }
        self.plan.engines.insert(label.trim().to_owned(), engine);
    }

    /// Puts an engine in the place of the one of a label, under a label that may be another.
    pub fn change(&mut self, was: &str, label: &str, mut engine: EnginePlan) {
        let before = self.plan.engines.remove(was);
        if self.plan.kind == StudyKind::Ab {
            if self.plan.engines.is_empty() {
                // What varied still does, where the new one has nothing that does.
                let before = before.unwrap_or_else(|| engine.clone());
                if engine.vary.is_empty() {
                    engine.params.retain(|key, _| !before.vary.contains_key(key));
                    engine.vary = before.vary;
                }
                engine.order = before.order;
            } else {
                stop_varying(&mut engine);
            }
        }
        self.alone.take_if(|(label, _)| label == was);
        self.plan.engines.insert(label.trim().to_owned(), engine);
    }

    /// Takes an engine out.
    pub fn take_out(&mut self, label: &str) {
        self.plan.engines.remove(label);
        if let Some((label, engine)) = self.alone.take()
            && let Some(left) = self.plan.engines.get_mut(&label)
        {
            *left = engine;
        }
    }

    /// A label that no engine has yet, like this one.
    pub fn free_label(&self, like: &str) -> String {
        let taken = |label: &str| self.plan.engines.contains_key(label);
        let numbered = (2..).map(|n| format!("{like} {n}"));
        std::iter::once(like.to_owned()).chain(numbered).find(|label| !taken(label)).unwrap_or_default()
    }

    /// Measures a task of the shipped prompts, or no longer. With tasks each engine has a run for each; without any, the
    /// engines are asked all shipped prompts, unless the study says something else.
    pub fn choose_task(&mut self, task: &str, on: bool) {
        let (tasks, work) = (&mut self.plan.tasks, &mut self.plan.workload);
        tasks.retain(|of| of != task);
        if on {
            tasks.push(task.to_owned());
            let place = |of: &String| TASKS.iter().position(|task| task == of);
            tasks.sort_by_key(place);
            (work.prompts, work.input_tokens, work.file, work.prefix, work.sessions) = (None, None, None, None, None);
        } else if tasks.is_empty() && work.input_tokens.is_none() && work.file.is_none() && work.prompts.is_none() {
            work.prompts = Some("all".to_owned());
        }
    }
}

/// Of two sides that are engines neither varies.
fn stop_varying(engine: &mut EnginePlan) {
    (engine.vary, engine.order) = Default::default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::engine::{EngineKind, ParamValue};
    use shared::study::{PRESETS, find};

    fn form(key: &str) -> StudyForm {
        StudyForm::of(find(key).unwrap())
    }

    #[test]
    fn every_preset_survives() {
        for preset in PRESETS {
            let form = form(preset.key);
            assert_eq!(form.study().unwrap(), form.plan, "{}", preset.key);
        }
    }

    #[test]
    fn engines_come_and_go() {
        let mut form = form("throughput");
        form.add("theirs", EnginePlan::of(EngineKind::OpenaiChat));
        assert_eq!(form.plan.engines.keys().collect::<Vec<_>>(), ["Built-in", "theirs"]);
        assert_eq!(form.free_label("theirs"), "theirs 2");
        form.take_out("Built-in");
        assert_eq!(form.plan.engines.len(), 1);
    }

    #[test]
    fn an_ab_keeps_what_varies() {
        let mut form = form("ab");
        let (before, order) = form.plan.engines.values().next().map(|e| (e.vary.clone(), e.order)).unwrap();
        form.change("Built-in", "other", EnginePlan::of(EngineKind::Builtin));
        let other = &form.plan.engines["other"];
        assert_eq!((&other.vary, other.order, form.plan.engines.len()), (&before, order, 1));
        let mut own = EnginePlan::of(EngineKind::Builtin);
        own.vary = [("kv_cache".to_owned(), vec![ParamValue::Bool(true), ParamValue::Bool(false)])].into();
        form.change("other", "own", own.clone());
        assert_eq!(form.plan.engines["own"].vary, own.vary);
        assert!(form.study().unwrap().validated().is_ok());
    }

    #[test]
    fn the_sides_of_an_ab_can_be_two_engines() {
        let mut form = form("ab");
        let alone = form.plan.clone();
        let mut theirs = EnginePlan::of(EngineKind::OpenaiChat);
        theirs.url = Some("http://127.0.0.1:8000".to_owned());
        form.add("theirs", theirs.clone());
        assert!(form.plan.is_of_two_engines() && !form.takes_another());
        assert!(form.study().unwrap().validated().is_ok(), "{:?}", form.study().unwrap().validated());
        // Taken out again, nothing is lost of what varied.
        form.take_out("theirs");
        assert_eq!((&form.plan, form.takes_another()), (&alone, true));
        // Changed meanwhile, it is as it was changed, and nothing of it varies: the form says what is missing.
        form.add("theirs", theirs);
        form.change("Built-in", "Built-in", EnginePlan::of(EngineKind::Builtin));
        form.take_out("theirs");
        let refused = form.study().unwrap().validated().unwrap_err().to_string();
        assert!(refused.contains("two values in vary"), "{refused}");
    }

    #[test]
    fn tasks_take_the_place_of_prompts() {
        let mut form = form("throughput");
        form.choose_task("Summarisation", true);
        form.choose_task("Factual recall", true);
        assert_eq!(form.plan.tasks, ["Factual recall", "Summarisation"]);
        assert!(form.study().unwrap().validated().is_ok());
        form.choose_task("Factual recall", false);
        form.choose_task("Summarisation", false);
        assert_eq!(form.plan.workload.prompts.as_deref(), Some("all"));
        assert!(form.study().unwrap().validated().is_ok());
    }

    #[test]
    fn what_is_no_number_is_a_sentence() {
        let wrong = StudyForm { levels: "1, x".to_owned(), ..form("latency") };
        assert_eq!(wrong.study().unwrap_err().field, "load.concurrency");
        let wrong = StudyForm { trials: String::new(), ..form("latency") };
        assert_eq!(wrong.study().unwrap_err().field, "load.trials");
    }
}
