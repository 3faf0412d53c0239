//! Owns the folds at the end of a run: the engine's log, the plan, and where it ran.
//! Must not know what the log's lines mean.

use super::super::runs::When;
use crate::erased::{kept, live};
use crate::format;
use crate::model::App;
use crate::parts::{CopyButton, Tabs};
use leptos::prelude::*;
use shared::view::RunView;

/// Engine's log, plan, provenance, in tabs; those that are named.
#[component]
pub fn Details(tabs: &'static [&'static str]) -> impl IntoView {
    let app = App::get();
    let chosen = RwSignal::new(0);
    let panel = move || match tabs.get(chosen.get()) {
        Some(&"Engine log") => view! { <EngineLog/> }.into_any(),
        Some(&"Plan") => view! { <PlanText/> }.into_any(),
        _ => view! { <About app=app/> }.into_any(),
    };
    view! {
        <section class="card" aria-label="Details">
            <Tabs labels=tabs chosen=chosen/>
            <div role="tabpanel">{live(panel)}</div>
        </section>
    }
    .into_any()
}

#[component]
fn EngineLog() -> impl IntoView {
    let app = App::get();
    // How many were written tells when lines came: comparing all lines at each redraw would cost more than it saves.
    let written = kept(move || app.with_view(|v| v.engine_log_dropped + v.engine_log.len() as u64).unwrap_or(0));
    live(move || {
        if written.get() == 0 {
            return view! { <p class="quiet">"The engine has written nothing yet. A server that was not started here keeps its log to itself."</p> }
                .into_any();
        }
        let (dropped, text) =
            untrack(|| app.with_view(|v| (v.engine_log_dropped, v.engine_log.join("\n")))).unwrap_or_default();
        let more = (dropped > 0).then(
            || view! { <p class="quiet">{format!("{} earlier lines are not shown.", format::count(dropped))}</p> },
        );
        view! { {more}<pre class="code log" tabindex="0" aria-label="Engine's log" data-testid="engine-log">{text}</pre> }.into_any()
    })
}

#[component]
fn PlanText() -> impl IntoView {
    let app = App::get();
    // A run's plan never changes.
    let toml = app.plan().map(|plan| plan.to_toml()).unwrap_or_default();
    view! {
        <pre class="code" tabindex="0" aria-label="Plan as TOML" data-testid="plan-toml">{toml.clone()}</pre>
        <CopyButton text=Signal::stored(toml) label="Copy plan"/>
        <p class="quiet">"Saved as plan.toml it runs without a browser as "<code>"tokenprism run plan.toml"</code>"."</p>
    }
    .into_any()
}

/// Label and text of each fact.
fn facts(view: &RunView) -> Vec<(&'static str, String)> {
    let Some(header) = &view.header else { return Vec::new() };
    let mut facts = vec![
        ("Run", header.run.to_string()),
        ("Host", format!("{}, {} cores", header.host.name, header.host.cores)),
        ("Agent", header.agent_version.clone()),
        ("Last event", format::count(view.seq)),
    ];
    if let Some(cpu) = &header.host.cpu {
        facts.push(("Processor", cpu.clone()));
    }
    if let Some(engine) = &view.engine {
        facts.push(("Engine", engine.label.clone()));
        facts.push(("Model", engine.model.clone()));
        facts.push((
            "Context limit",
            format::or_absent(engine.context_tokens, |n| format!("{} tokens", format::count(n.into()))),
        ));
        facts.push(("Start to first token", format::figure(engine.start_ms.map(|ms| ms / 1000.0), "s")));
    }
    if view.unknown_events > 0 {
        facts.push(("Events of a later version", format::count(view.unknown_events)));
    }
    facts
}

#[component]
fn About(app: App) -> impl IntoView {
    let facts = kept(move || app.with_view(facts).unwrap_or_default());
    let begun = kept(move || app.with_view(|v| v.header.as_ref().map(|h| h.anchor_unix_ms)).flatten());
    view! {
        <dl class="facts">
            {live(move || begun.get().map(|ms| view! { <dt>"Begun"</dt><dd><When unix_ms=ms/></dd> }))}
            {live(move || facts.get().into_iter().map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> }).collect_view())}
        </dl>
    }
    .into_any()
}
