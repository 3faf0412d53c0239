//! Owns the engines of a study that is written: each with its label, changed in a form of its own, put in or taken out.
//! Must not know what an engine's fields are (`plan_form`), nor which studies take which engines.

use super::checked::Draft;
use crate::erased::{click, kept, live};
use crate::model::form::Form;
use crate::model::{App, StudyForm};
use crate::pages::plan_form::{Fields, engine_fields};
use crate::parts::Icon;
use leptos::prelude::*;
use shared::plan::EnginePlan;
use shared::study::StudyKind;

/// The engine that is being changed: its label before, none of a new one.
#[derive(Clone, Debug, PartialEq)]
struct Open {
    was: Option<String>,
    engine: EnginePlan,
}

/// What tells an engine from others besides its label.
fn about(engine: &EnginePlan) -> String {
    let where_ = engine.url.as_ref().or(engine.model.as_ref()).or(engine.image.as_ref());
    match where_ {
        Some(of) => format!("{} · {of}", engine.kind.label()),
        None => engine.kind.label().to_owned(),
    }
}

/// The engines.
#[component]
pub(super) fn Engines(form: RwSignal<StudyForm>, draft: Draft) -> impl IntoView {
    let app = App::get();
    let open = RwSignal::new(None::<Open>);
    let engines = kept(move || form.with(|form| form.plan.engines.clone()));
    let (names, takes) =
        (kept(move || form.with(StudyForm::names_engines)), kept(move || form.with(StudyForm::takes_another)));
    let line = move |(label, engine): (String, EnginePlan)| {
        let (change, remove, said) = (label.clone(), label.clone(), format!("Take {label} out"));
        let words = about(&engine);
        let edit = move |_| open.set(Some(Open { was: Some(change.clone()), engine: engine.clone() }));
        let take_out = move |_| {
            let label = remove.clone();
            draft.update(move |form| form.take_out(&label));
        };
        let removable = names.get() && engines.with(|engines| engines.len() > 1);
        view! {
            <li data-testid="study-engine">
                <span><b>{label}</b>" "<span class="quiet">{words}</span></span>
                <span class="row-actions">
                    <button type="button" class="button small" on:click=click(edit)>"Change"</button>
                    {removable.then(|| view! {
                        <button type="button" class="icon-button" title=said.clone() aria-label=said on:click=click(take_out)><Icon name="close"/></button>
                    })}
                </span>
            </li>
        }
        .into_any()
    };
    let add = move |_| {
        let engine = EnginePlan::of(shared::engine::EngineKind::OpenaiCompletions);
        open.set(Some(Open { was: None, engine }));
    };
    let editor = move || {
        let open_one = open.get()?;
        let presets = app.presets.get();
        let mut plan = presets.first()?.plan.clone();
        plan.engine = open_one.engine.clone();
        Some(view! { <Editor of=open_one form=form draft=draft open=open base=plan/> })
    };
    view! {
        <fieldset>
            <legend>"Engines"</legend>
            {live(move || form.with(|form| form.plan.kind == StudyKind::Ab).then(|| view! {
                <p class="help wide">"An A/B has one engine of which a parameter varies, or two engines: each round measures both sides."</p>
            }))}
            <ul class="engine-list wide">{live(move || engines.get().into_iter().map(line).collect_view())}</ul>
            {live(move || (takes.get() && open.with(Option::is_none)).then(|| view! {
                <button type="button" class="button small fit" data-testid="add-engine" on:click=click(add)><Icon name="new"/>"Another engine"</button>
            }))}
            {live(editor)}
        </fieldset>
    }
    .into_any()
}

/// The form of one engine.
#[component]
fn Editor(
    of: Open,
    form: RwSignal<StudyForm>,
    draft: Draft,
    open: RwSignal<Option<Open>>,
    /// A plan whose engine it is.
    base: shared::plan::Plan,
) -> impl IntoView {
    let app = App::get();
    let was = of.was.clone();
    let label = RwSignal::new(was.clone().unwrap_or_default());
    let fields = RwSignal::new(Form::of(&base));
    let outcome = kept(move || fields.with(|f| app.kinds.with(|kinds| f.engine_plan(kinds))));
    let refused = kept(move || outcome.get().err());
    // The steps of a ladder name their engines by these labels.
    let renames = form.with_untracked(StudyForm::names_engines);
    let done = move |_| {
        let Ok(engine) = outcome.get_untracked() else { return };
        let was = was.clone();
        let typed = label.get_untracked().trim().to_owned();
        draft.update(move |form| {
            let label = match (typed.is_empty(), &was) {
                (true, Some(was)) => was.clone(),
                (true, None) => form.free_label(engine.url.as_deref().unwrap_or(engine.kind.label())),
                (false, _) => typed,
            };
            match was {
                Some(was) => form.change(&was, &label, engine),
                None => form.add(&label, engine),
            }
        });
        open.set(None);
    };
    view! {
        <div class="wide engine-editor">
            <fieldset>
                {renames.then(|| view! {
                    <label class="field">
                        <span class="field-label">"Label"<span class="unit">"default its address or kind"</span></span>
                        <input type="text" name="study.engine.label" prop:value=move || label.get() on:input:target=move |e| label.set(e.target().value())/>
                        <span class="help">"What charts and tables call it."</span>
                    </label>
                })}
                {engine_fields(Fields { form: fields, refused, starts: false })}
            </fieldset>
            {live(move || refused.get().map(|e| view! {
                <p class="error-line" role="alert"><span class="shape" aria-hidden="true">"✕ "</span>{e.sentence}</p>
            }))}
            <span class="row-actions">
                <button type="button" class="button primary" data-testid="engine-done" disabled=move || refused.with(Option::is_some) on:click=click(done)>"Take it"</button>
                <button type="button" class="button" on:click=click(move |_| open.set(None))>"Leave it"</button>
            </span>
        </div>
    }
    .into_any()
}
