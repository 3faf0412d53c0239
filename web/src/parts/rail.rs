//! Owns the navigation: a slim rail on the left, a bar at the bottom of a phone.
//! Must not know pages beyond their addresses.

use super::{Icon, ThemeSwitch};
use crate::erased::{click, kept, live};
use crate::model::App;
use crate::route::{Place, Route};
use leptos::prelude::*;
use shared::people::Role;

/// The navigation.
#[component]
pub fn Rail() -> impl IntoView {
    let app = App::get();
    let route = Place::get().route();
    let reader = app.reader;
    let guest = kept(move || reader.is_guest());
    // Before the agent has told who reads, the usual is shown.
    let may_run = kept(move || reader.may(Role::Operator) || !reader.may(Role::Viewer));
    let may_share = kept(move || reader.may(Role::Operator));
    let item = move |screen: Route, icon: &'static str, label: &'static str| {
        let href = screen.path();
        let is_here = move || {
            route
                .with(|here| match screen {
                    Route::Runs => matches!(here, Route::Runs | Route::Run(_) | Route::Compare),
                    Route::Queue => matches!(here, Route::Queue | Route::Schedule),
                    Route::Studies => matches!(here, Route::Studies | Route::Study(_) | Route::NewStudy),
                    _ => *here == screen,
                })
                .then_some("page")
        };
        view! {
            <a href=href aria-current=is_here class="rail-item">
                <Icon name=icon/>
                <span>{label}</span>
            </a>
        }
    };
    view! {
        <nav class="rail" aria-label="Pages">
            <a href="/" class="brand" title="Tokenprism" aria-label="Tokenprism">
                <svg viewBox="0 0 24 24" aria-hidden="true" class="prism">
                    <path class="prism-body" d="M12 3l9 17H3z"></path>
                    <path class="prism-ray" d="M1 14l8-2M14 12l9-3M15 14l8 0M16 16l7 3"></path>
                </svg>
            </a>
            {live(move || (!guest.get()).then(|| view! {
                {item(Route::Now, "now", "Now")}
                {live(move || may_run.get().then(|| item(Route::NewRun, "new", "New run")))}
                {item(Route::Engines, "engines", "Engines")}
                {item(Route::Queue, "queue", "Queue")}
                {item(Route::Runs, "runs", "Runs")}
                {item(Route::Studies, "studies", "Studies")}
                {live(move || may_share.get().then(|| item(Route::People, "people", "People")))}
                // A phone's bar has no room for it: the list of runs leads there, too.
                <div class="wide-only">{item(Route::Settings, "settings", "Settings")}</div>
            }))}
            {item(Route::Metrics, "metrics", "Metrics")}
            <span class="rail-space"></span>
            <button class="rail-item wide-only" on:click=click(move |_| app.help.set(true)) title="Keyboard help (?)">
                <Icon name="help"/>
                <span>"Help"</span>
            </button>
            <ThemeSwitch/>
        </nav>
    }
    .into_any()
}
