//! Owns the form that starts an engine by hand: the same fields of an engine as a new run has.
//! Must not know how an engine is started.

use crate::erased::{click, kept, live, spawn};
use crate::link::http;
use crate::model::App;
use crate::model::form::Form;
use crate::pages::plan_form::{Fields, engine_fields};
use crate::parts::{Card, ErrorBox, Loading};
use leptos::prelude::*;
use shared::plan::Plan;
use shared::wire::{ApiError, StartedEngine};

/// The card with the form, once the agent has told a plan to begin from.
#[component]
pub fn Start() -> impl IntoView {
    let app = App::get();
    // Whoever starts another one mostly changes a parameter of the last.
    let first = kept(move || {
        let mut plan = app.presets.with(|presets| presets.first().map(|preset| preset.plan.clone()))?;
        if let Some(last) = app.engines.started.with(|started| started.as_ref().map(|s| s.engine.clone())) {
            plan.engine = last;
        }
        Some(plan)
    });
    let form = move || match first.get() {
        Some(plan) => view! { <StartForm plan=plan/> }.into_any(),
        // Where it does not come, the error above the screen says it.
        None => app.missing.with(Option::is_none).then(|| view! { <Loading/> }).into_any(),
    };
    view! {
        <Card
            title="Start one by hand"
            about="It stays until you stop it: look at its log, try its parameters, and measure it as often as you like without waiting for a start."
        >
            {live(form)}
        </Card>
    }
    .into_any()
}

#[component]
fn StartForm(plan: Plan) -> impl IntoView {
    let app = App::get();
    let form = RwSignal::new(Form::of(&plan));
    let outcome = kept(move || form.with(|f| app.kinds.with(|kinds| f.plan(kinds))));
    let refused = kept(move || outcome.get().err());
    let error = RwSignal::new(None::<ApiError>);
    let busy = RwSignal::new(false);
    let start = move |_| {
        let Ok(plan) = outcome.get_untracked() else { return };
        busy.set(true);
        error.set(None);
        spawn(async move {
            let body = serde_json::to_string(&plan.engine).unwrap_or_default();
            match http::post::<StartedEngine>("/api/v1/engines", "application/json", &body).await {
                Ok(started) => app.engines.begun(started),
                Err(failure) => {
                    app.failed(&failure);
                    error.try_set(Some(failure.error()));
                }
            }
            busy.try_set(false);
        });
    };
    let f = Fields { form, refused, starts: true };
    view! {
        <form class="form" on:submit=|e| e.prevent_default()>
            <fieldset>{engine_fields(f)}</fieldset>
            {live(move || refused.get().map(|e| view! {
                <p class="error-line" role="alert" data-testid="start-refused"><span class="shape" aria-hidden="true">"✕ "</span>{e.sentence}</p>
            }))}
            <ErrorBox error=error/>
            <button
                type="button"
                class="button primary large"
                data-testid="start-engine"
                disabled=move || busy.get() || refused.with(Option::is_some)
                on:click=click(start)
            >
                {live(move || if busy.get() { "Starting…" } else { "Start engine" })}
            </button>
        </form>
    }
    .into_any()
}
