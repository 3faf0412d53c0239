//! Owns the screen that starts a study: presets, engines, tasks, levels, the plan as TOML, how long it takes, Start.
//! Must not know how a study is executed, nor what makes one valid: the agent checks it.

mod checked;
mod engines;
mod work;

use crate::erased::{click, kept, live, spawn};
use crate::link::http;
use crate::model::{App, Retry, StudyForm};
use crate::parts::{Awaited, Card, CopyButton, ErrorBox};
use crate::route::{Place, Route};
use checked::Draft;
use leptos::prelude::*;
use serde::Deserialize;
use shared::ids::StudyId;
use shared::study::{PRESETS, StudyPlan, StudyPreset};
use shared::wire::ApiError;

/// The agent's answer to a new study.
#[derive(Deserialize)]
struct Created {
    study: StudyId,
}

/// A preset with its plan, as the agent gives it.
#[derive(Clone, PartialEq, Deserialize)]
struct PresetStudy {
    key: String,
    plan: Option<StudyPlan>,
}

/// The presets as cards; each leads to the form filled with it.
#[component]
pub fn StudyCards() -> impl IntoView {
    let preset = Place::get().query("preset");
    let card = move |p: &'static StudyPreset| {
        let chosen = move || (preset.get().as_deref() == Some(p.key)).to_string();
        view! {
            <a href=format!("/studies/new?preset={}", p.key) class="preset" data-testid=format!("study-{}", p.key) data-chosen=chosen>
                <strong>{p.title}</strong>
                <span class="quiet">{p.about}</span>
            </a>
        }
    };
    view! { <div class="presets">{PRESETS.iter().map(card).collect_view()}</div> }.into_any()
}

/// A study's plan, as the agent gives it with everything else.
#[derive(Deserialize)]
struct Earlier {
    plan: StudyPlan,
}

/// The plan that a visit begins with: that of the study in the address, else the preset's, else the first preset's.
async fn beginning(of: Option<String>, preset: Option<String>) -> Result<Option<StudyPlan>, http::Failure> {
    if let Some(of) = of {
        let path = format!("/api/v1/studies/{}", js_sys::encode_uri_component(&of));
        return http::get::<Earlier>(&path).await.map(|earlier| Some(earlier.plan));
    }
    let presets = http::get::<Vec<PresetStudy>>("/api/v1/studies/presets").await?;
    let find = |key: &str| presets.iter().find(|preset| preset.key == key).and_then(|preset| preset.plan.clone());
    Ok(preset.and_then(|key| find(&key)).or_else(|| find(PRESETS[0].key)))
}

/// The screen.
#[component]
pub fn NewStudy() -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let (of, preset) = (place.query("of"), place.query("preset"));
    let plan = RwSignal::new(None::<StudyPlan>);
    let error = RwSignal::new(None::<ApiError>);
    let retry = Retry::of(error);
    Effect::new(move |_| {
        retry.track();
        let (of, preset) = (of.get(), preset.get());
        spawn(async move {
            match beginning(of, preset).await {
                Ok(begins) => {
                    error.try_set(None);
                    plan.try_set(begins);
                }
                Err(failure) => {
                    app.failed(&failure);
                    error.try_set(Some(failure.error()));
                }
            }
        });
    });
    live(move || match plan.get() {
        Some(plan) => view! { <Editor plan=plan/> }.into_any(),
        None => view! {
            <h1>"New study"</h1>
            <Awaited known=Signal::stored(false) error=error again=retry.again()/>
        }
        .into_any(),
    })
}

/// Form, plan and Start for one beginning.
#[component]
fn Editor(plan: StudyPlan) -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let form = RwSignal::new(StudyForm::of(plan));
    let draft = Draft::of(app, form);
    let error = RwSignal::new(None::<ApiError>);
    let busy = RwSignal::new(false);
    let start = move |_| {
        let Some(toml) = draft.toml() else { return };
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        app.started.ask();
        spawn(async move {
            match http::post::<Created>("/api/v1/studies", "application/toml", &toml).await {
                Ok(created) => {
                    place.go(&Route::Study(created.study.to_string()).path());
                    app.started.began(created.study.to_string());
                }
                Err(failure) => {
                    app.failed(&failure);
                    error.try_set(Some(failure.error()));
                }
            }
            busy.try_set(false);
        });
    };
    let ready = kept(move || draft.is_checked());
    let words = kept(move || draft.words());
    view! {
        <header class="page-head">
            <h1>"New study"</h1>
            <span class="quiet" data-testid="estimate" aria-live="polite">{words}</span>
            <button
                class="button primary large"
                data-testid="start-study"
                disabled=move || busy.get() || !ready.get()
                on:click=click(start)
            >
                {live(move || if busy.get() { "Starting…" } else { "Start" })}
            </button>
        </header>
        {live(move || draft.refused.get().map(|sentence| view! {
            <p class="error-line" role="alert" data-testid="study-error"><span class="shape" aria-hidden="true">"✕ "</span>{sentence}</p>
        }))}
        <ErrorBox error=error/>
        <StudyCards/>
        <div class="columns form-columns">
            <Card title="Custom">
                <form class="form" on:submit=|e| e.prevent_default()>
                    <engines::Engines form=form draft=draft/>
                    <work::Work form=form draft=draft/>
                </form>
            </Card>
            <div class="sticky-column">
                <Card title="The plan" about="The same file that the command line takes. Write in it what the form does not show.">
                    <textarea
                        class="code toml"
                        rows="24"
                        spellcheck="false"
                        aria-label="Plan as TOML"
                        data-testid="study-toml"
                        prop:value=move || draft.text.get()
                        on:input:target=move |e| draft.write(e.target().value())
                    ></textarea>
                    <CopyButton text=draft.text label="Copy plan"/>
                    <p class="quiet">"Save it as study.toml; without a browser it runs as"</p>
                    <pre class="code">"tokenprism study study.toml"</pre>
                </Card>
            </div>
        </div>
    }
    .into_any()
}
