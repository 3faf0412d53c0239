//! Owns the screen that starts a run: presets, the form, the plan as TOML, Start.
//! Must not know how a run is executed.

use super::plan_form::PlanForm;
use crate::erased::{click, kept, live, spawn};
use crate::link::http;
use crate::model::App;
use crate::model::form::{Form, FormError};
use crate::parts::{Card, CopyButton, ErrorBox, Loading};
use crate::route::{Place, Route};
use leptos::prelude::*;
use serde::Deserialize;
use shared::ids::RunId;
use shared::plan::Plan;
use shared::preset::{PRESETS, Preset};
use shared::wire::ApiError;

/// Presets that are in view at once; the others are one click away.
const FIRST: usize = 4;

/// The agent's answer to a new run.
#[derive(Deserialize)]
struct Created {
    run: RunId,
}

/// The presets as cards; each leads to the form filled with it.
#[component]
pub fn PresetCards() -> impl IntoView {
    let preset = Place::get().query("preset");
    let card = move |p: &'static Preset| {
        let chosen = move || (preset.get().as_deref() == Some(p.key)).to_string();
        view! {
            <a href=format!("/new?preset={}", p.key) class="preset" data-testid=format!("preset-{}", p.key) data-chosen=chosen>
                <strong>{p.title}</strong>
                <span class="quiet">{p.about}</span>
            </a>
        }
    };
    let (first, others) = PRESETS.split_at(FIRST);
    let open = preset.with_untracked(|key| others.iter().any(|p| key.as_deref() == Some(p.key)));
    view! {
        <div class="presets">{first.iter().map(card).collect_view()}</div>
        <details class="more-presets" prop:open=open>
            <summary>{format!("{} more: a published study, and KV caches", others.len())}</summary>
            <div class="presets">{others.iter().map(card).collect_view()}</div>
        </details>
    }
    .into_any()
}

/// The plan that a visit begins with: a draft, the preset of the address, else the first; nothing while the agent's
/// presets are on their way.
fn begin(app: App, key: Option<&str>) -> Option<Plan> {
    let preset = |key: &str| app.presets.with(|p| p.iter().find(|p| p.key == key).map(|p| p.plan.clone()));
    let draft = (key == Some("again")).then(|| app.draft.get_untracked()).flatten();
    draft.or_else(|| preset(key?)).or_else(|| preset(PRESETS[0].key))
}

/// The screen.
#[component]
pub fn NewRun() -> impl IntoView {
    let app = App::get();
    let key = Place::get().query("preset");
    live(move || {
        let key = key.get();
        match begin(app, key.as_deref()) {
            Some(plan) => view! { <Editor plan=plan/> }.into_any(),
            None => {
                // Where they do not come, the error above says it.
                let waits = move || app.missing.with(Option::is_none).then(|| view! { <Loading/> });
                view! { <h1>"New run"</h1>{live(waits)} }.into_any()
            }
        }
    })
}

/// Form, plan and Start for one beginning.
#[component]
fn Editor(plan: Plan) -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let form = RwSignal::new(Form::of(&plan));
    let outcome = kept(move || form.with(|f| app.kinds.with(|kinds| f.plan(kinds))));
    let refused = kept(move || outcome.get().err());
    // The last plan that was valid stays in view while somebody types.
    let last = RwSignal::new(String::new());
    let toml = kept(move || {
        if let Ok(plan) = outcome.get() {
            last.update_untracked(|last| *last = plan.to_toml());
        }
        last.get_untracked()
    });
    let error = RwSignal::new(None::<ApiError>);
    let busy = RwSignal::new(false);
    let start = move |_| {
        if refused.with_untracked(Option::is_some) || busy.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        app.started.ask();
        let body = toml.get_untracked();
        spawn(async move {
            match http::post::<Created>("/api/v1/runs", "application/toml", &body).await {
                Ok(created) => {
                    place.go(&Route::Run(created.run.to_string()).path());
                    app.started.began(created.run.to_string());
                }
                Err(failure) => {
                    app.failed(&failure);
                    error.try_set(Some(failure.error()));
                }
            }
            busy.try_set(false);
        });
    };
    let trials = move || match outcome.get() {
        Ok(plan) => match plan.trial_count() {
            Some(trials) => format!("{} points, {trials} trials", plan.points().len()),
            None => "levels found by measuring".to_owned(),
        },
        Err(_) => String::new(),
    };
    view! {
        <header class="page-head">
            <h1>"New run"</h1>
            <span class="quiet">{live(trials)}</span>
            <button
                class="button primary large"
                data-testid="start-run"
                disabled=move || busy.get() || refused.with(Option::is_some)
                on:click=click(start)
            >
                {live(move || if busy.get() { "Starting…" } else { "Start" })}
            </button>
        </header>
        {live(move || refused.get().map(|e: FormError| view! {
            <p class="error-line" role="alert" data-testid="plan-error"><span class="shape" aria-hidden="true">"✕ "</span>{e.sentence}</p>
        }))}
        <ErrorBox error=error/>
        <PresetCards/>
        <p class="quiet below">"Several engines, tasks or steps that are read together are "<a href="/studies/new">"a study"</a>"."</p>
        <div class="columns form-columns">
            <PlanForm form=form refused=refused/>
            <div class="sticky-column">
                <Card title="The plan" about="The same file that the command line takes.">
                    <pre class="code" data-testid="plan-toml" tabindex="0" aria-label="Plan as TOML">{toml}</pre>
                    <CopyButton text=toml label="Copy plan" testid="copy-plan"/>
                    <p class="quiet">"Save it as plan.toml; without a browser it runs as"</p>
                    <pre class="code">"tokenprism run plan.toml"</pre>
                    <CopyButton text=Signal::stored("tokenprism run plan.toml".to_owned()) label="Copy command"/>
                </Card>
            </div>
        </div>
    }
    .into_any()
}
