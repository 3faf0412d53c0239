//! Owns what of a study's work and load its form shows: name, tasks, levels, repeats.
//! Must not know what makes them valid.

use super::checked::Draft;
use crate::erased::{kept, live};
use crate::model::{StudyForm, TASKS};
use leptos::prelude::*;
use shared::study::StudyKind;

/// What a field says of itself.
struct About {
    label: &'static str,
    name: &'static str,
    unit: &'static str,
    help: &'static str,
}

fn field(
    form: RwSignal<StudyForm>,
    draft: Draft,
    about: About,
    read: fn(&StudyForm) -> &String,
    write: fn(&mut StudyForm) -> &mut String,
) -> AnyView {
    view! {
        <label class="field">
            <span class="field-label">{about.label}<span class="unit">{about.unit}</span></span>
            <input
                type="text"
                autocomplete="off"
                name=about.name
                prop:value=move || form.with(|form| read(form).clone())
                on:input:target=move |e| {
                    let text = e.target().value();
                    draft.update(|form| *write(form) = text);
                }
            />
            <span class="help">{about.help}</span>
        </label>
    }
    .into_any()
}

/// The fields.
#[component]
pub(super) fn Work(form: RwSignal<StudyForm>, draft: Draft) -> impl IntoView {
    let kind = kept(move || form.with(|form| form.plan.kind));
    let task = move |task: &'static str| {
        let is_on = move || form.with(|form| form.plan.tasks.iter().any(|of| of == task));
        view! {
            <label class="chip">
                <input
                    type="checkbox"
                    data-task=task
                    prop:checked=is_on
                    on:change:target=move |e| {
                        let on = e.target().checked();
                        draft.update(|form| form.choose_task(task, on));
                    }
                />
                {task}
            </label>
        }
        .into_any()
    };
    let tasks = move || {
        (kind.get() == StudyKind::Curves).then(|| {
            view! {
                <div class="field wide" role="group" aria-label="Tasks">
                    <span class="field-label">"Tasks"<span class="unit">"default one run with all prompts"</span></span>
                    <div class="chips">{TASKS.into_iter().map(task).collect_view()}</div>
                    <span class="help">"A run for each engine and task, on the shipped prompts."</span>
                </div>
            }
        })
    };
    view! {
        <fieldset>
            <legend>"Work and load"</legend>
            {field(form, draft, About { label: "Name", name: "study.name", unit: "1 to 80 characters", help: "What the list of studies calls it." },
                |f| &f.plan.name, |f| &mut f.plan.name)}
            {field(form, draft, About { label: "Repeats", name: "study.trials", unit: "trials of each level", help: "Five tell two apart; a ladder and an A/B may need more." },
                |f| &f.trials, |f| &mut f.trials)}
            {field(form, draft, About { label: "Levels", name: "study.levels", unit: "requests in flight, or a second", help: "One point for each number; a ladder has two." },
                |f| &f.levels, |f| &mut f.levels)}
            {live(tasks)}
        </fieldset>
    }
    .into_any()
}
