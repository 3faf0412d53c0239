//! Owns the card of the engine that was started by hand: state, figures, phases of its start, log, and its end.
//! Must not know how any of it is found out.

use super::fact;
use crate::erased::{Kept, click, kept, live, spawn};
use crate::format;
use crate::link::http;
use crate::model::App;
use crate::pages::runs::When;
use crate::parts::{CopyButton, ErrorBox, Figure, Icon, PhaseLine, phase_words};
use crate::route::Place;
use leptos::html::Pre;
use leptos::prelude::*;
use shared::engine::EngineKind;
use shared::people::Role;
use shared::plan::EnginePlan;
use shared::wire::{ApiError, StartedEngine, StartedState};

/// Distance from the log's end within which it goes on by itself, px.
const NEAR_END: i32 = 40;

/// The card.
#[component]
pub fn Started() -> impl IntoView {
    let app = App::get();
    let state = fact(app, |s| s.state);
    let is_over = kept(move || state.get().is_some_and(StartedState::is_over));
    let may_change = kept(move || app.reader.may(Role::Operator));
    let title = fact(app, |s| s.info.label.clone());
    let begun = fact(app, |s| s.begun_unix_ms);
    let failure = fact(app, |s| (s.state == StartedState::Failed).then(|| s.reason.clone()).flatten());
    let left = fact(app, |s| (s.state == StartedState::Stopped).then(|| s.reason.clone()).flatten());
    let error = Signal::derive(move || {
        let sentence = failure.get().flatten()?;
        Some(ApiError { error: sentence, detail: None })
    });
    view! {
        <section class="card engine-card" aria-label="Engine started by hand" data-testid="started-engine">
            <header class="run-title">
                <h2>{live(move || title.get())}</h2>
                <StateBadge state=state/>
                <span class="quiet">"started by hand "{live(move || begun.get().map(|ms| view! { <When unix_ms=ms/> }))}</span>
                <span class="run-actions">
                    {live(move || (state.get() == Some(StartedState::Ready) && may_change.get()).then(|| view! { <Measure/> }))}
                    {live(move || (!is_over.get() && may_change.get()).then(|| view! { <Stop/> }))}
                </span>
            </header>
            <ErrorBox error=error/>
            {live(move || left.get().flatten().map(|reason| view! { <p class="notice">{reason}</p> }))}
            <Figures/>
            <Phases/>
            <Log/>
        </section>
    }
    .into_any()
}

#[component]
fn StateBadge(state: Kept<Option<StartedState>>) -> impl IntoView {
    // The words of runs' states colour it; each has a shape of its own besides.
    let look = move || match state.get() {
        Some(StartedState::Starting) | None => ("◔", "starting"),
        Some(StartedState::Ready) => ("●", "running"),
        Some(StartedState::Stopping) => ("◔", "interrupted"),
        Some(StartedState::Stopped) => ("■", "cancelled"),
        Some(StartedState::Failed) => ("✕", "failed"),
    };
    view! {
        <span class="badge" data-state=move || look().1 data-testid="engine-state">
            <span class="shape" aria-hidden="true">{live(move || look().0)}</span>
            {live(move || state.get().map(StartedState::label))}
        </span>
    }
    .into_any()
}

#[component]
fn Stop() -> impl IntoView {
    let app = App::get();
    let stop = move |_| {
        spawn(async move {
            if let Err(failure) = http::delete("/api/v1/engines/started").await {
                app.tell(&failure);
            }
        });
    };
    view! {
        <button class="button danger" data-testid="stop-engine" on:click=click(stop)><Icon name="stop"/>"Stop"</button>
    }
    .into_any()
}

/// Leads to a new run that measures it by its URL.
#[component]
fn Measure() -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let measure = move |_| {
        let engine = app.engines.started.with_untracked(|s| s.as_ref().map(by_url));
        let plan = app.presets.with_untracked(|presets| presets.first().map(|preset| preset.plan.clone()));
        if let Some((mut plan, engine)) = plan.zip(engine) {
            plan.name = format!("By hand: {}", engine.model.as_deref().unwrap_or_default());
            plan.engine = engine;
            app.draft.set(Some(plan));
            place.go("/new?preset=again");
        }
    };
    view! { <button class="button primary" data-testid="measure-engine" on:click=click(measure)>"Measure it"</button> }
        .into_any()
}

/// The engine as a run reaches it.
fn by_url(started: &StartedEngine) -> EnginePlan {
    let kind = match started.engine.kind {
        EngineKind::Builtin => EngineKind::OpenaiCompletions,
        kind => kind,
    };
    EnginePlan {
        url: started.url.clone(),
        model: Some(started.info.model.clone()),
        gpus: started.engine.gpus.clone(),
        ..EnginePlan::of(kind)
    }
}

#[component]
fn Figures() -> impl IntoView {
    let app = App::get();
    let text = move |read: fn(&StartedEngine) -> String| {
        let memo = fact(app, read);
        Signal::derive(move || memo.get().unwrap_or_default())
    };
    let note = move |read: fn(&StartedEngine) -> Option<&'static str>| {
        let memo = fact(app, read);
        Signal::derive(move || memo.get().flatten().map(str::to_owned))
    };
    let url = text(|s| s.url.clone().unwrap_or_default());
    let command = text(|s| format::command(&s.info.command));
    view! {
        <div class="figures">
            <Figure label="Model" value=text(|s| name_or_absent(&s.info.model))/>
            <Figure label="Version" value=text(|s| format::or_absent(s.info.version.clone(), |v| v))/>
            <Figure label="URL" value=text(|s| format::or_absent(s.url.clone(), |u| u)) testid="engine-url"/>
            <Figure label="First token after" value=text(|s| format::figure(s.info.start_ms.map(|ms| ms / 1000.0), "s"))/>
            <Figure
                label="Host memory"
                testid="engine-memory"
                value=text(|s| format::or_absent(s.memory_bytes, format::bytes))
                note=note(|s| (s.memory_bytes.is_none() && s.engine.image.is_some()).then_some("docker's, not told"))
            />
            <Figure
                label="GPU memory"
                value=text(|s| format::or_absent(s.device_bytes, format::bytes))
                note=note(|s| (s.device_bytes.is_none() && s.engine.kind == EngineKind::Builtin).then_some("computes on the CPU"))
            />
        </div>
        {live(move || (!url.get().is_empty()).then(|| view! {
            <div class="engine-command">
                <pre class="code" tabindex="0" aria-label="Command of the engine">{command}</pre>
                <CopyButton text=command label="Copy command"/>
                <CopyButton text=url label="Copy URL"/>
            </div>
        }))}
    }
    .into_any()
}

fn name_or_absent(name: &str) -> String {
    format::or_absent(Some(name).filter(|name| !name.is_empty()), str::to_owned)
}

/// The phases of its start, each with how long it took.
#[component]
fn Phases() -> impl IntoView {
    let app = App::get();
    let phases = fact(app, |s| (s.info.phases.clone(), s.info.start_ms, s.percent, s.state == StartedState::Starting));
    let lines = move || {
        let (phases, whole_ms, percent, starts) = phases.get()?;
        if phases.is_empty() {
            return starts.then(|| view! { <p class="quiet">"Its program is asked for its version…"</p> }.into_any());
        }
        let lines = phases.iter().enumerate().map(|(place, begun)| {
            let ended = phases.get(place + 1).map(|next| next.begun_ms).or(whole_ms);
            let took = match ended {
                Some(ended) => format::figure(Some((ended - begun.begun_ms) / 1000.0), "s"),
                None if starts => percent.map_or_else(|| "now".to_owned(), |percent| format!("{percent} %")),
                None => format::ABSENT.to_owned(),
            };
            view! { <PhaseLine words=phase_words(begun.phase) took=took/> }
        });
        Some(view! { <ol class="phases" aria-label="Phases of the start" data-testid="phases">{lines.collect_view()}</ol> }.into_any())
    };
    live(lines)
}

/// The last lines of its log, which go on by themselves where somebody looks at the end.
#[component]
fn Log() -> impl IntoView {
    let app = App::get();
    let pre = NodeRef::<Pre>::new();
    let text =
        kept(move || app.engines.log.with(|log| log.lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")));
    let before = kept(move || app.engines.log.with(|log| log.before));
    Effect::new(move |_| {
        text.track();
        let Some(pre) = pre.get() else { return };
        // Before the new lines are drawn.
        if pre.scroll_height() - pre.scroll_top() - pre.client_height() < NEAR_END {
            request_animation_frame(move || pre.set_scroll_top(pre.scroll_height()));
        }
    });
    view! {
        {live(move || (before.get() > 0).then(|| view! {
            <p class="quiet">{format!("{} earlier lines are not shown.", format::count(before.get()))}</p>
        }))}
        <pre class="code log" node_ref=pre tabindex="0" aria-label="Engine's log" data-testid="engine-log">
            {live(move || if text.with(String::is_empty) { "Nothing written yet.".to_owned() } else { text.get() })}
        </pre>
        <CopyButton text=text label="Copy log"/>
    }
    .into_any()
}
