//! Owns a study that is being written as the agent sees it: checked a moment after each change, with its runs and how long
//! they take.
//! Must not know how it is written.

use crate::erased::spawn;
use crate::link::http;
use crate::model::{App, StudyForm};
use leptos::prelude::*;
use serde::Deserialize;
use shared::study::StudyPlan;
use std::time::Duration;

/// From the last change to the check, ms: nobody wants an answer to half a word.
const PAUSE_MS: u64 = 300;

/// A study that could be begun.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Checked {
    plan: StudyPlan,
    toml: String,
    runs: Vec<String>,
    estimate_words: String,
}

/// The draft. Copies share it.
#[derive(Clone, Copy)]
pub(super) struct Draft {
    app: App,
    form: RwSignal<StudyForm>,
    /// The plan as TOML, as the agent wrote it or as somebody types it.
    pub text: RwSignal<String>,
    /// Why it cannot be begun.
    pub refused: RwSignal<Option<String>>,
    /// What the agent said of the last text that it took; none while it has not looked at the latest one.
    checked: RwSignal<Option<Checked>>,
    /// Counts changes: the answer to an earlier one is of no use.
    change: StoredValue<u64>,
}

/// What was changed last.
enum Changed {
    Form(Box<StudyPlan>),
    Text(String),
}

impl Draft {
    /// The draft of a form, which is checked at once.
    pub fn of(app: App, form: RwSignal<StudyForm>) -> Self {
        let draft = Self {
            app,
            form,
            text: RwSignal::new(form.with_untracked(|form| form.plan.to_toml())),
            refused: RwSignal::new(None),
            checked: RwSignal::new(None),
            change: StoredValue::new(0),
        };
        draft.changed();
        draft
    }

    /// True where the agent would take it as it is.
    pub fn is_checked(self) -> bool {
        self.checked.with(Option::is_some)
    }

    /// The plan that the agent took.
    pub fn toml(self) -> Option<String> {
        self.checked.with_untracked(|checked| checked.as_ref().map(|checked| checked.toml.clone()))
    }

    /// How many runs, and how long.
    pub fn words(self) -> String {
        self.checked.with(|checked| match checked {
            Some(checked) if checked.runs.len() == 1 => format!("One run. {}", checked.estimate_words),
            Some(checked) => format!("{} runs. {}", checked.runs.len(), checked.estimate_words),
            None => String::new(),
        })
    }

    /// Changes the form, and has it checked.
    pub fn update(self, change: impl FnOnce(&mut StudyForm)) {
        self.form.update(change);
        self.changed();
    }

    fn changed(self) {
        match self.form.with_untracked(StudyForm::study) {
            Ok(plan) => self.check(Changed::Form(Box::new(plan))),
            Err(error) => {
                self.forget();
                self.refused.set(Some(error.sentence));
            }
        }
    }

    /// Takes a text that somebody writes; the form follows where the agent can read it.
    pub fn write(self, text: String) {
        self.text.set(text.clone());
        self.check(Changed::Text(text));
    }

    /// A new change, whose answer is awaited.
    fn forget(self) -> u64 {
        self.checked.set(None);
        self.change
            .try_update_value(|n| {
                *n += 1;
                *n
            })
            .unwrap_or_default()
    }

    fn check(self, changed: Changed) {
        let this = self.forget();
        let is_latest = move || self.change.try_get_value() == Some(this);
        let ask = move || {
            if !is_latest() {
                return;
            }
            spawn(async move {
                let (kind, body) = match &changed {
                    Changed::Form(plan) => ("application/json", serde_json::to_string(plan).unwrap_or_default()),
                    Changed::Text(text) => ("application/toml", text.clone()),
                };
                let answer = http::post::<Checked>("/api/v1/studies/check", kind, &body).await;
                if is_latest() {
                    self.take(&changed, answer);
                }
            });
        };
        set_timeout(ask, Duration::from_millis(PAUSE_MS));
    }

    fn take(self, changed: &Changed, answer: Result<Checked, http::Failure>) {
        match answer {
            Ok(checked) => {
                match changed {
                    Changed::Form(_) => self.text.set(checked.toml.clone()),
                    Changed::Text(_) => self.form.set(StudyForm::of(checked.plan.clone())),
                }
                self.refused.set(None);
                self.checked.set(Some(checked));
            }
            Err(failure) => {
                self.app.failed(&failure);
                self.refused.set(Some(failure.error().error));
                // What is refused is shown all the same: the sentence names a place in it.
                if let Changed::Form(plan) = changed {
                    self.text.set(plan.to_toml());
                }
            }
        }
    }
}
