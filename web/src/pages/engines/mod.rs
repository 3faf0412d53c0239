//! Owns the Engines screen: the engine that runs, the form that starts one by hand, and what this host has.
//! Must not know the socket; the parts below read the model.

mod host;
mod start;
mod started;

use crate::erased::{Kept, kept, live};
use crate::model::App;
use leptos::prelude::*;
use shared::event::RunState;
use shared::people::Role;
use shared::wire::{RunRow, StartedEngine};

/// The screen.
#[component]
pub fn Engines() -> impl IntoView {
    let app = App::get();
    app.watch_engines(true);
    on_cleanup(move || app.watch_engines(false));
    // Which of them it is, not how far: the parts below follow that by themselves.
    let shown = kept(move || app.engines.started.with(|s| s.as_ref().map(|s| s.number)));
    let lives = kept(move || app.engines.started.with(|s| s.as_ref().is_some_and(|s| !s.state.is_over())));
    let may_start = kept(move || app.reader.may(Role::Operator));
    view! {
        <h1>"Engines"</h1>
        {live(move || of_runs(app).into_iter().map(|row| view! { <OfRun row=row/> }).collect_view())}
        {live(move || shown.get().map(|_| view! { <started::Started/> }))}
        <div class="columns form-columns">
            {live(move || (!lives.get() && may_start.get()).then(|| view! { <start::Start/> }))}
            <div class="host">
                <host::Gpus/>
                <host::Found/>
            </div>
        </div>
    }
    .into_any()
}

/// Runs that have an engine now.
fn of_runs(app: App) -> Vec<RunRow> {
    app.rows.with(|rows| {
        let live = rows.in_state(|state| matches!(state, RunState::Starting | RunState::Running));
        live.iter().filter_map(|run| rows.get(run).cloned()).collect()
    })
}

/// The engine of a run.
#[component]
fn OfRun(row: RunRow) -> impl IntoView {
    let model = row.model.map(|model| format!(", {model}")).unwrap_or_default();
    view! {
        <p class="notice" data-testid="engine-of-run">
            <span class="shape" aria-hidden="true">"● "</span>
            {format!("{}{model}, is being measured by the run ", row.engine)}
            <a href=format!("/runs/{}", row.run)>{row.name}</a>
            ", which shows its log."
        </p>
    }
    .into_any()
}

/// A fact of the engine that was started by hand, as it changes.
fn fact<T: PartialEq + Send + Sync + 'static>(app: App, read: fn(&StartedEngine) -> T) -> Kept<Option<T>> {
    kept(move || app.engines.started.with(|started| started.as_ref().map(read)))
}
